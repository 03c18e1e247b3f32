"""The same documents give the same bytes, whatever files they are in and whatever reads them."""

import csv
import html
import io
import json
import lzma
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.cli import main
from tests.support.sample_builds import manifest_of, sample_documents, shard_paths, tokenizer_file
from tests.support.web_archives import by_member, response, wet
from tests.support.web_servers import ask_hub_of, put_on_hub, web_server

SEPARATOR = "<|endoftext|>"
DOCUMENTS = [document.decode() for document in sample_documents()]
BERT = ["bert", "--tokenizer", str(tokenizer_file("wordpiece"))]


def csv_of(texts: list[str]) -> bytes:
    sink = io.StringIO(newline="")
    writer = csv.writer(sink)
    writer.writerows([["id", "text"], *([str(n), text] for n, text in enumerate(texts))])
    return sink.getvalue().encode()


def arrow_of(texts: list[str]) -> bytes:
    table, sink = pa.table({"text": texts}), io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def articles_of(texts: list[str]) -> bytes:
    tags = '<doc id="{}" url="https://host/{}" title="T">\n{}\n</doc>\n'
    texts = [html.escape(text, quote=False) for text in texts]
    return "".join(tags.format(n, n, text) for n, text in enumerate(texts)).encode()


def pages_of(texts: list[str]) -> bytes:
    """Pages whose lines are paragraphs."""
    lines = [[f"<p>{html.escape(line)}</p>" for line in text.splitlines()] for text in texts]
    pages = [f"<main>{''.join(each)}</main>".encode() for each in lines]
    return by_member(response(page, "Content-Type: text/html; charset=utf-8") for page in pages)


FILES = {
    "a.txt": lambda texts: SEPARATOR.join(texts).encode(),
    "cc100.txt.xz": lambda texts: lzma.compress(f"\n{SEPARATOR}\n".join(texts).encode()),
    "wiki_00": articles_of,
    "wudao.json": lambda texts: json.dumps([{"text": x} for x in texts], indent=1).encode(),
    "b.csv": csv_of,
    "c.arrow": arrow_of,
    "d.warc.wet.gz": lambda texts: by_member([wet(texts)]),
    "e.warc.gz": pages_of,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All documents, each in the file of one format."""
    folder = tmp_path_factory.mktemp("formats")
    for number, (name, content) in enumerate(FILES.items()):
        (folder / name).write_bytes(content(DOCUMENTS[number :: len(FILES)]))
    return folder


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plain") / "a.txt"
    path.write_text("\n\n".join(DOCUMENTS), "utf-8")
    return path


def built(output: Path, *options: str) -> list[bytes]:
    once = ["--shards", "1", "--eval-fraction", "0", "--output", str(output)]
    assert main(["build", *BERT, *once, *options]) == 0
    return [path.read_bytes() for path in shard_paths(output)]


def test_all_formats_give_the_shards_of_text(folder: Path, plain: Path, tmp_path: Path) -> None:
    separated = ["--document-separator", SEPARATOR]
    shards = built(tmp_path / "formats", "--input", f"{folder}/*", *separated)
    assert shards == built(tmp_path / "plain", "--input", str(plain))
    manifest = manifest_of(tmp_path / "formats")
    assert manifest["document_separator"] == SEPARATOR
    assert {Path(each["path"]).name: each["format"] for each in manifest["inputs"]} == {
        "a.txt": "text",
        "b.csv": "csv",
        "c.arrow": "arrow",
        "cc100.txt.xz": "text",
        "d.warc.wet.gz": "wet",
        "e.warc.gz": "warc",
        "wiki_00": "wikiextractor",
        "wudao.json": "jsonl",
    }
    assert "document_separator" not in manifest_of(tmp_path / "plain")


def test_other_commands_read_them_too(folder: Path, plain: Path, tmp_path: Path) -> None:
    every = ["--input", f"{folder}/*", "--document-separator", SEPARATOR]
    vocab = ["vocab", "--model", "bpe", "--size", "400"]
    assert main([*vocab, *every, "--output", str(tmp_path / "a.json")]) == 0
    assert main([*vocab, "--input", str(plain), "--output", str(tmp_path / "b.json")]) == 0
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    annotate = ["annotate", "--phrases", "jieba", "--shards", "1", "--output"]
    assert main([*annotate, str(tmp_path / "annotations"), *every]) == 0
    assert manifest_of(tmp_path / "annotations")["documents"]["read"] == len(DOCUMENTS)
    stream, watched = tmp_path / "stream", ["--watch", *every[1:]]
    follow = ["follow", *BERT, *watched, "--settle", "0s", "--once", "--shards", "1", "--output"]
    assert main([*follow, str(stream)]) == 0
    assert list(stream.rglob("*.arrow"))


def test_a_build_of_the_web(
    plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What lets the reader in is used, and stored nowhere."""
    with web_server() as server:
        ask_hub_of(server, monkeypatch)
        content = plain.read_bytes()
        half = content.index(b"\n\n", len(content) // 2)
        server.files["/a.txt"] = content[:half]
        put_on_hub(server, {"data/b.txt": content[half:]})
        address = server.url.replace("://", "://me:pass@word@")
        inputs = ["--input", f"{address}/a.txt", "--input", "hf://datasets/team/corpus/data/*"]
        assert built(tmp_path / "web", *inputs) == built(tmp_path / "plain", "--input", str(plain))
        assert f"{server.url}/a.txt" in {
            each["path"] for each in manifest_of(tmp_path / "web")["inputs"]
        }
    texts = [path.read_text("utf-8") for path in (tmp_path / "web").glob("*.*")]
    assert len(texts) >= 4
    assert not any("word@" in text for text in texts)
    capsys.readouterr()
    for output in ("https://host/out", "hf://datasets/team/corpus/out"):
        assert main(["build", *BERT, "--input", str(plain), "--output", output]) == 2
        assert "is read and never written; name a local folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--document-separator", ""], "argument --document-separator: "),
        (
            ["--document-separator", r"\x"],
            r"'\\x' is no escape; allowed are \n, \r, \t, and \\ for",
        ),
        (
            ["--document-separator", "x", "--format", "lines"],
            "stands between the documents of text",
        ),
        (["--text-field", "a+"], "takes a + between the names of fields that are joined"),
    ],
)
def test_options_that_cannot_be_understood(
    plain: Path, options: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["build", *BERT, "--input", str(plain), "--output", str(tmp_path / "out"), *options]
    assert main(arguments) == 2
    assert told in capsys.readouterr().err
