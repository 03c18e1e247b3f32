import json
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pytest

from schemas.documents import document_batch, document_key
from tests.support.near_texts import near_texts
from transforms.files.atomic_files import make_folder
from transforms.files.inputs import plan_ranges
from transforms.files.storage import join
from transforms.filters.clusters import Clusters
from transforms.filters.document_filter import DocumentFilter
from transforms.filters.filtered_reader import FilteredReader
from transforms.filters.gopher import GopherQuality
from transforms.filters.known_duplicates import KnownDuplicates, read_clusters
from transforms.filters.near_duplicates import NearDuplicates
from transforms.filters.near_files import DROPPED_KEYS, FOLDER
from transforms.filters.near_search import NearSearch
from transforms.read.input_files import match_inputs
from transforms.read.read_documents import RangeReader

pytest.importorskip("datasketch")

NEAR = NearDuplicates(similarity=0.8, recall=0.95, bands=12, rows=4)
TEXTS = near_texts()


def search_of(
    folder: Path, texts: Sequence[str], *, files: int = 3, parts: int = 4, size: int = 1 << 20
) -> NearSearch:
    """Writes documents to some files; returns the search for near-duplicates among them."""
    inputs, output = folder / "in", folder / "out"
    for each in (inputs, output / ".shardmill"):
        each.mkdir(parents=True, exist_ok=True)
    for number in range(files):
        lines = [json.dumps({"text": text}) for text in texts[number::files]]
        (inputs / f"{number}.jsonl").write_text("".join(f"{line}\n" for line in lines), "utf-8")
    found = match_inputs([str(inputs / "*.jsonl")], "auto", "utf-8")
    make_folder(join(str(output), FOLDER))
    ranges = plan_ranges(found, size)
    return NearSearch(
        near=NEAR, reader=RangeReader(), ranges=ranges, parts=parts, output=str(output)
    )


def done(search: NearSearch) -> Clusters:
    for number in search.unsigned():
        search.sign(number)
    for part in search.unlinked():
        search.link(part)
    return search.join()


def keys_of_clusters(found: Clusters) -> set[bytes]:
    return {bytes(key) for key in found.dropped}


def test_clusters_are_those_of_datasketch(tmp_path: Path) -> None:
    from tests.oracles.near_duplicates import clusters_of, dropped_of

    found, clusters = done(search_of(tmp_path, TEXTS)), clusters_of(TEXTS, NEAR)
    assert keys_of_clusters(found) == dropped_of(TEXTS, NEAR)
    assert (found.clusters, found.largest) == (len(clusters), max(map(len, clusters)))
    assert len(clusters) > 15
    assert found.largest > 2


@pytest.mark.parametrize(("files", "parts"), [(1, 1), (5, 7)])
def test_files_and_parts_change_nothing(tmp_path: Path, files: int, parts: int) -> None:
    one = search_of(tmp_path / "one", TEXTS)
    other = search_of(tmp_path / "other", TEXTS[::-1], files=files, parts=parts)
    done(one)
    done(other)
    first, second = (Path(each.output, DROPPED_KEYS).read_bytes() for each in (one, other))
    assert first == second


def test_the_longest_document_is_kept_and_equal_ones_are_one(tmp_path: Path) -> None:
    long = " ".join(f"w{n}" for n in range(60))
    texts = [long[:-2], long, long, long[:-1]]
    found = done(search_of(tmp_path, texts))
    assert keys_of_clusters(found) == {document_key(text.encode()) for text in (texts[0], texts[3])}
    assert (found.clusters, found.largest) == (1, 3)


def test_documents_without_words_are_no_duplicates(tmp_path: Path) -> None:
    search = search_of(tmp_path, ["...", "!!!", "???", "…", "--"])
    assert not len(done(search).dropped)
    assert read_clusters(join(search.output, DROPPED_KEYS)) == {"clusters": 0, "largest": 0}


def test_what_is_finished_is_kept(tmp_path: Path) -> None:
    search = search_of(tmp_path, TEXTS)
    assert not search.is_done
    tasks = len(search.tasks)
    assert search.unsigned() == list(range(tasks))
    search.sign(0)
    assert search.unsigned() == list(range(1, tasks))
    Path(search.output, search.signed[0]).write_bytes(b"cut")
    assert search.unsigned() == list(range(tasks))
    done(search)
    assert search.is_done


def test_documents_that_were_cut_are_signed_again(tmp_path: Path) -> None:
    search = search_of(tmp_path, TEXTS)
    for number in search.unsigned():
        search.sign(number)
    cut = Path(search.output, search.documents[0])
    cut.write_bytes(cut.read_bytes()[:-9])
    assert search.unsigned() == [0]


def test_filters_before_decide_what_is_compared(tmp_path: Path) -> None:
    import dataclasses

    texts = [" ".join([f"w{n}" for n in range(30)]), " ".join([f"w{n}" for n in range(31)])]
    search = search_of(tmp_path, texts)
    filters: list[DocumentFilter] = [GopherQuality()]
    reader = FilteredReader(reader=search.reader, filters=filters)
    assert not len(done(dataclasses.replace(search, reader=reader)).dropped)


def test_known_duplicates_are_dropped(tmp_path: Path) -> None:
    search = search_of(tmp_path, TEXTS)
    known = keys_of_clusters(done(search))
    path = join(search.output, DROPPED_KEYS)
    batch = document_batch([text.encode() for text in TEXTS])
    kind = KnownDuplicates(near=NEAR, path=path, owner=str(tmp_path))
    codes = kind.examine(batch).codes.tolist()
    assert codes == [int(document_key(text.encode()) in known) for text in TEXTS]
    assert kind.examine(batch.slice(3, 2)).codes.tolist() == codes[3:5]
    assert isinstance(pa.ipc.open_file(path).schema, pa.Schema)
