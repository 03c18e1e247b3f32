import gzip
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from schemas.documents import Rejected, document_batch, document_key
from transforms.files.inputs import FileRange
from transforms.filters.c4 import C4Lines, C4Quality
from transforms.filters.dropped_files import DroppedFiles
from transforms.filters.filtered_reader import FilteredReader
from transforms.read.read_documents import Read

GOOD = "This is the first sentence. This is the second one. And this is the third."
BAD = "void main() { return. } This is text. So is this."
MENU = f"Menu\n{GOOD}"
REJECTED = Rejected(source="a", offset=0, stage="read", reason="invalid_utf8", excerpt="")
RANGE = FileRange(path="a.txt", format="text", begin=0, end=9, size=9)


class Given:
    """Reads given texts, whatever the range."""

    def __init__(self, *batches: list[str]) -> None:
        self._batches = batches

    def read(self, parts: Iterable[FileRange]) -> Iterator[Read]:
        yield REJECTED
        for texts in self._batches:
            yield document_batch([text.encode() for text in texts])
        yield {"documents": sum(map(len, self._batches))}


def test_documents_are_passed_on_less_the_dropped_ones() -> None:
    reader = FilteredReader(reader=Given([GOOD, BAD], [BAD]), filters=[C4Quality()])
    rejected, batch, tally = reader.read([RANGE])
    assert rejected is REJECTED
    assert isinstance(batch, pa.RecordBatch)
    assert batch.column("text").to_pylist() == [GOOD.encode()]
    assert tally == {"documents": 3, "dropped.c4.curly_bracket": 2}


def test_a_changed_document_has_the_key_of_its_new_text() -> None:
    reader = FilteredReader(reader=Given([MENU, GOOD, "Menu"]), filters=[C4Lines(), C4Quality()])
    _, batch, tally = reader.read([RANGE])
    assert isinstance(batch, pa.RecordBatch)
    assert batch.column("key").to_pylist() == [document_key(GOOD.encode())] * 2
    assert tally == {
        "documents": 3,
        "dropped.boilerplate.no_line_left": 1,
        "removed.boilerplate.no_terminal_mark": 1,
    }


@pytest.fixture
def files(tmp_path: Path) -> DroppedFiles:
    (tmp_path / ".shardmill").mkdir()
    return DroppedFiles.of(str(tmp_path), [RANGE])


def test_dropped_documents_are_kept(tmp_path: Path, files: DroppedFiles) -> None:
    given = Given([GOOD, BAD, "Menu"], ["短。"])
    reader = FilteredReader(reader=given, filters=[C4Lines(), C4Quality()], files=files)
    list(reader.read([RANGE]))
    path = tmp_path / "dropped" / "part-00000-of-00001.jsonl.gz"
    lines = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    assert [(line["filter"], line["reason"], line["text"]) for line in lines] == [
        ("boilerplate", "no_line_left", "Menu"),
        ("c4", "curly_bracket", BAD),
        ("boilerplate", "no_line_left", "短。"),
    ]
    assert lines[0]["id"] == document_key(b"Menu").hex()
    written = path.read_bytes()
    list(reader.read([RANGE]))
    assert path.read_bytes() == written


def test_a_task_that_drops_nothing_has_no_file(tmp_path: Path, files: DroppedFiles) -> None:
    reader = FilteredReader(reader=Given([GOOD]), filters=[C4Quality()], files=files)
    list(reader.read([RANGE]))
    assert not (tmp_path / "dropped").exists()


def test_a_task_that_fails_leaves_no_file(tmp_path: Path, files: DroppedFiles) -> None:
    class Failing(Given):
        def read(self, parts: Iterable[FileRange]) -> Iterator[Read]:
            yield document_batch([BAD.encode()])
            raise OSError("gone")

    reader = FilteredReader(reader=Failing(), filters=[C4Quality()], files=files)
    with pytest.raises(OSError, match=r"^gone$"):
        list(reader.read([RANGE]))
    assert not list((tmp_path / "dropped").iterdir())
