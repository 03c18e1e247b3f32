"""Files of web servers and of the hub are read whole, or told in one sentence."""

import io
import sys
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.web_servers import COMMIT, WebServer, put_on_hub, web_server
from transforms.files import web_stream
from transforms.files.inputs import plan_ranges
from transforms.files.planned_file import ReadError
from transforms.files.storage import check_writable, create_file, join
from transforms.read.input_files import check_unchanged, match_inputs
from transforms.read.read_documents import RangeReader

TEXT = b"".join(b"Document number %d.\n\n" % n for n in range(2000))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    monkeypatch.setattr(web_stream, "_PAUSE_SECONDS", 0.0)
    with web_server() as found:
        monkeypatch.setenv("HF_ENDPOINT", found.url)
        yield found


def texts(*patterns: str) -> list[str]:
    found = []
    for each in RangeReader().read(plan_ranges(match_inputs(patterns), 20_000)):
        if isinstance(each, pa.RecordBatch):
            found += [text.decode() for text in each.column("text").to_pylist()]
    return found


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("cuts", [[], [1000, 7, 30000], [0, 0, 0, 0]])
def test_a_file_is_read_once_whatever_becomes_of_connections(
    server: WebServer, ranges: bool, cuts: list[int]
) -> None:
    server.files["/a.txt"] = TEXT
    server.ranges = ranges
    files = match_inputs([f"{server.url}/a.txt?download=true"])
    assert [(file.size, file.modified, file.whole) for file in files] == [
        (len(TEXT), 784111777.0, True)
    ]
    server.cuts = cuts.copy()
    assert texts(f"{server.url}/a.txt") == [f"Document number {n}." for n in range(2000)]
    assert not server.cuts
    check_unchanged(files)
    server.files["/a.txt"] += b"more"
    with pytest.raises(ReadError, match="changed after the run was planned"):
        check_unchanged(files)


def test_a_server_that_never_sends_the_rest(server: WebServer) -> None:
    server.files["/a.txt"] = TEXT
    server.cuts = [100] * 9
    with pytest.raises(ReadError, match=r"^http://.*/a\.txt cannot be read as text: .* cannot be"):
        texts(f"{server.url}/a.txt")


def test_a_file_that_is_replaced_meanwhile(server: WebServer) -> None:
    server.files["/a.txt"] = TEXT
    with web_stream.WebStream(web_files("http"), f"{server.url}/a.txt") as stream:
        assert stream.read(10) == TEXT[:10]
        stream.seek(20)
        server.tag = '"2"'
        with pytest.raises(OSError, match="was replaced while it was read"):
            stream.read(10)


def web_files(scheme: str) -> object:
    from transforms.files.web_files import _file_system

    return _file_system(scheme)


def test_parquet_needs_parts(server: WebServer) -> None:
    sink = io.BytesIO()
    pq.write_table(pa.table({"text": ["one", "two"]}), sink)
    server.files["/a.parquet"] = sink.getvalue()
    assert texts(f"{server.url}/a.parquet") == ["one", "two"]
    server.ranges = False
    with pytest.raises(ReadError, match="its server gives out no parts of files"):
        texts(f"{server.url}/a.parquet")


def test_what_a_server_does_not_say(server: WebServer) -> None:
    server.files["/a.txt"] = TEXT
    with pytest.raises(
        ValueError, match=r"/\*\.txt: there is no such file, and a web server lists"
    ):
        match_inputs([f"{server.url}/*.txt"])
    server.lengths = False
    with pytest.raises(ValueError, match="cannot be looked up: its server does not say how long"):
        match_inputs([f"{server.url}/a.txt"])


def test_the_hub_is_read_at_its_commit(server: WebServer) -> None:
    put_on_hub(server, {"a.txt": TEXT, "b/c.txt": b"Another.", "b/d.md": b"None."})
    root = f"hf://datasets/team/corpus@{COMMIT}"
    files = match_inputs(["hf://datasets/team/corpus/**/*.txt"])
    assert [(file.path, file.size) for file in files] == [
        (f"{root}/a.txt", len(TEXT)),
        (f"{root}/b/c.txt", 8),
    ]
    assert len(texts("hf://datasets/team/corpus/*.txt")) == 2000
    assert texts(f"{root}/b/c.txt") == ["Another."]
    check_unchanged(files)


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("hf://datasets/team/corpus/none.txt", "no file matches"),
        ("hf://datasets/team/corpus/b", "is a folder; to read its files write"),
        ("hf://datasets/team/other/a.txt", "cannot be looked up: the hub has no such repository"),
    ],
)
def test_what_is_not_on_the_hub(server: WebServer, pattern: str, told: str) -> None:
    put_on_hub(server, {"b/c.txt": b"Another."})
    with pytest.raises(ValueError, match=told) as error:
        match_inputs([pattern])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("path", ["https://host/out", "hf://datasets/team/corpus/out"])
def test_nothing_is_written_to_the_web(path: str) -> None:
    assert join(path, "a") == f"{path}/a"
    for write in (create_file, check_writable):
        with pytest.raises(OSError, match=r":// is read and never written; name a local folder"):
            write(path)


def test_missing_libraries_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(
        ValueError, match=r"\(fsspec\); install it with pip install 'shardmill\[web"
    ):
        match_inputs(["https://host/a.txt"])
