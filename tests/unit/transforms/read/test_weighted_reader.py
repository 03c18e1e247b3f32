import dataclasses
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from schemas.documents import (
    Rejected,
    as_left_out,
    as_repeats,
    document_batch,
    document_key,
    of_source,
)
from transforms.build.count_sources import source_counts
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
    left_out, chosen = (each for each in batches if isinstance(each, pa.RecordBatch))
    kept = chosen.num_rows
    assert 0 < kept < 100
    assert left_out["text"].to_pylist() == [b""] * (100 - kept)
    assert {*left_out["key"].to_pylist(), *chosen["key"].to_pylist()} == {*batch["key"].to_pylist()}
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
    assert text.sources.decided.tolist() == [[1, 0, 0], [1, 0, 0], [1, 0, 0]]


@pytest.mark.parametrize("deduplicate", [True, False])
def test_different_documents_of_a_source_are_counted_once(deduplicate: bool) -> None:
    """Of source 0 two are left out, of which one is kept of source 2; source 1 has a repetition."""
    batches = [
        as_left_out(documents(0, b"a", b"b", b"a")),
        documents(1, b"c", b"c"),
        as_repeats(documents(1, b"c", b"c"), np.full((2, 16), 7, np.uint8)),
        documents(2, b"a", b"d"),
    ]
    for turned in (batches, batches[::-1]):
        text = join_documents(turned, deduplicate=deduplicate)
        assert text.sources is not None
        assert text.sources.decided.tolist() == [[0, 0, 2], [1, 1, 0], [2, 0, 0]]
        assert len(text.document_starts) == (4 if deduplicate else 6)
        assert text.duplicates == (1 if deduplicate else 0)


def test_a_shard_may_have_nothing_but_what_is_left_out() -> None:
    text = join_documents([as_left_out(documents(1, b"a", b"b"))], deduplicate=True)
    found = source_counts(text, ["one", "two"])
    assert (len(text.data), len(text.document_starts)) == (0, 0)
    assert (found["two"].documents, found["two"].unwanted, found["one"].unwanted) == (0, 2, 0)


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
