import dataclasses
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa

from schemas.documents import Rejected, document_batch, document_key, of_source
from transforms.files.inputs import FileRange
from transforms.read.read_documents import RangeReader, Read
from transforms.read.reading_tasks import reading_tasks
from transforms.read.weighted_reader import WeightedReader
from transforms.records.shard_text import join_documents
from transforms.records.source_weights import UNIT, SourceWeights

REJECTED = Rejected(source="f", offset=0, stage="read", reason="invalid_utf8", excerpt="")


@dataclasses.dataclass(frozen=True)
class Given:
    """A reader that gives what it was made with."""

    reads: list[Read]

    def read(self, parts: Iterable[FileRange]) -> Iterator[Read]:
        yield from self.reads


def documents(number: int, *texts: bytes) -> pa.RecordBatch:
    return of_source(document_batch(texts), number)


def weighted(reads: list[Read], *weights: float) -> list[Read]:
    own = SourceWeights(millionths=tuple(round(each * UNIT) for each in weights), seed=1)
    return list(WeightedReader(reader=Given(reads), weights=own).read([]))


def test_documents_of_weight_one_pass_as_they_are() -> None:
    batch = documents(0, b"one", b"two")
    assert weighted([batch, REJECTED, {"documents": 2}], 1.0) == [
        batch,
        REJECTED,
        {"documents": 2, "source.0.given": 2},
    ]


def test_a_repetition_is_a_batch_with_other_keys() -> None:
    first, second = weighted([documents(1, b"one", b"two")], 1.0, 2.0)
    assert isinstance(first, pa.RecordBatch)
    assert isinstance(second, pa.RecordBatch)
    assert first["key"].to_pylist() == [document_key(b"one"), document_key(b"two")]
    assert second["text"].to_pylist() == [b"one", b"two"]
    assert (first["repeat"].to_pylist(), second["repeat"].to_pylist()) == ([False] * 2, [True] * 2)
    keys = [*first["key"].to_pylist(), *second["key"].to_pylist()]
    assert len(set(keys)) == 4
    assert [key[8:] for key in keys[2:]] == [key[8:] for key in keys[:2]]


def test_what_is_left_out_is_counted() -> None:
    batch = documents(0, *(b"%d" % number for number in range(100)))
    *batches, tally = weighted([batch, {"documents": 100}], 0.25)
    kept = sum(each.num_rows for each in batches if isinstance(each, pa.RecordBatch))
    assert 0 < kept < 100
    assert tally == {
        "documents": 100,
        "source.0.given": 100,
        "source.0.sampled_out": 100 - kept,
    }


def test_an_equal_document_counts_for_the_first_source() -> None:
    text = join_documents(
        [documents(2, b"same"), documents(0, b"other"), documents(1, b"same", b"same")],
        deduplicate=True,
    )
    assert text.sources is not None
    found = dict(zip(text.data.tobytes().split(b"\n"), text.sources.numbers.tolist(), strict=False))
    assert found == {b"same": 1, b"other": 0}
    assert text.sources.dropped.tolist() == [0, 1, 1]
    assert text.duplicates == 2


def test_reading_counts_by_source(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one\ntwo\n\n")
    (tmp_path / "b").write_bytes(b"\xff\nthree\n")
    parts = [
        FileRange(path=f"{tmp_path}/{name}", format="lines", begin=0, end=None, source=number)
        for number, name in enumerate("ab")
    ]
    *reads, tally = RangeReader(sources=True).read(parts)
    batches = [read for read in reads if isinstance(read, pa.RecordBatch)]
    assert [each["source"].to_pylist() for each in batches] == [[0, 0], [1]]
    assert isinstance(tally, dict)
    assert {
        name: count for name, count in tally.items() if count and name.startswith("source")
    } == {
        "source.0.documents": 2,
        "source.0.bytes": 6,
        "source.0.empty": 1,
        "source.1.documents": 1,
        "source.1.bytes": 5,
        "source.1.rejected.invalid_utf8": 1,
    }


def test_a_task_has_ranges_of_one_source() -> None:
    parts = [
        FileRange(path=f"f{number}", format="lines", begin=0, end=9, size=9, source=number % 2)
        for number in range(6)
    ]
    assert [[part.source for part in task] for task in reading_tasks(parts)] == [[0] * 3, [1] * 3]
