"""Files that are not what they are called are refused, and prose of any kind is not."""

import bz2
import gzip
import io
import json
import lzma
import pickle
import sqlite3
import struct
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from tests.support.sample_builds import SAMPLE
from transforms.detect.content_checks import enabled_checks
from transforms.detect.encodings import check_encoding
from transforms.files.inputs import input_file, plan_ranges
from transforms.files.planned_file import ReadError
from transforms.read.formats import read_range

SHARED = Path(__file__).resolve().parents[5] / "shared" / "data"
ROWS = [{"id": n, "text": f"Some text, number {n}, 中文。"} for n in range(30)]
LINES = "\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS)
CHINESE = "他说：“今天的天气很好，我们去公园散步吧。”\n于是大家都出门了，路上遇见了许多老朋友。\n\n"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a21\nsize 12345\n"
ENGLISH = "The mill stood by the river.\nNobody had worked there for years.\n\n"


def read(
    data: bytes, name: str = "data.txt", requested: str = "auto", encoding: str | None = None
) -> list[str]:
    file = input_file(name, len(data), requested, encoding=encoding or "utf-8")
    texts = []
    for part in plan_ranges([file], 1 << 20, enabled_checks(requested, encoding)):
        for batch in read_range(io.BytesIO(data), part):
            assert not batch.rejected
            texts += [text.decode() for text in batch.texts]
    return texts


def archive(kind: str) -> bytes:
    sink = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(sink, "w") as file:
            file.writestr("a.txt", "text")
    else:
        with tarfile.open(fileobj=sink, mode="w") as tar:
            tar.addfile(tarfile.TarInfo("a.txt"))
    return sink.getvalue()


def arrow(kind: str) -> bytes:
    table, sink = pa.table({"text": ["a", "b"]}), io.BytesIO()
    if kind == "parquet":
        pq.write_table(table, sink)
    elif kind == "feather":
        pyarrow.feather.write_feather(table, sink)
    else:
        make = pa.ipc.new_file if kind == "file" else pa.ipc.new_stream
        with make(sink, table.schema) as writer:
            writer.write_table(table)
    return sink.getvalue()


def sqlite() -> bytes:
    with sqlite3.connect(":memory:") as connection:
        connection.execute("create table a (b)")
        return connection.serialize() if hasattr(connection, "serialize") else b"SQLite format 3\0"


def numpy_file() -> bytes:
    sink = io.BytesIO()
    np.save(sink, np.arange(9))
    return sink.getvalue()


def old_tar() -> bytes:
    """An archive from before there was a magic."""
    data = bytearray(archive("tar"))
    data[257:265] = bytes(8)
    return bytes(data) + ENGLISH.encode() * 500


def tf_records() -> bytes:
    texts = [ENGLISH.encode() * 50] * 9
    return b"".join(struct.pack("<QI", len(x), 0xFF8112A3) + x + b"\x99\xfe\x31\x12" for x in texts)


LIES = {
    "JSON lines": (LINES.encode(), "JSON lines"),
    "JSON lines with a mark": (("\ufeff" + LINES).encode(), "JSON lines"),
    "one JSON line": (b'{"text": "a"}', "JSON lines"),
    "JSON array": (json.dumps(ROWS).encode(), "JSON"),
    "pretty JSON array": (json.dumps(ROWS, indent=2).encode(), "JSON"),
    "pretty JSON object": (json.dumps(ROWS[0], indent=2).encode(), "JSON"),
    "large JSON array": (json.dumps([{"text": "x" * 200_000}]).encode(), "JSON"),
    "CSV": (b"id,text\n1,hello there\n2,and you\n", "CSV"),
    "CSV with quotes": (b'id,text\n1,"Hello, you"\n2,"a\nb"\n', "CSV"),
    "CSV of semicolons": (b"id;text\n1;hello there\n2;and you\n", "CSV"),
    "CSV of names alone": (b"label,text\ngood,hello there\nbad,and you\n", "CSV"),
    "TSV": ("label\ttext\n好\t你好\n坏\t再见\n".encode(), "tab-separated values"),
    "gzip": (gzip.compress(ENGLISH.encode()), "gzip"),
    "bz2": (bz2.compress(ENGLISH.encode()), "bz2"),
    "zstd": (pa.Codec("zstd").compress(ENGLISH.encode(), asbytes=True), "Zstandard"),
    "xz": (lzma.compress(ENGLISH.encode()), "xz"),
    "zip": (archive("zip"), "a zip archive"),
    "tar": (archive("tar"), "a tar archive"),
    "Parquet": (arrow("parquet"), "Parquet"),
    "Arrow": (arrow("file"), "an Arrow file"),
    "Arrow stream": (arrow("stream"), "an Arrow stream"),
    "Feather": (arrow("feather"), "an Arrow file"),
    "PDF": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj", "PDF"),
    "SQLite": (sqlite(), "an SQLite database"),
    "pickle": (pickle.dumps(ROWS), "a Python pickle"),
    "pickle of protocol 0": (pickle.dumps(ROWS, 0), "a Python pickle"),
    "pickle of protocol 1": (pickle.dumps(ROWS, 1), "a Python pickle"),
    "pickled text": (pickle.dumps(CHINESE, 0), "a Python pickle"),
    "old tar": (old_tar(), "binary data"),
    "TFRecord": (tf_records(), "TFRecord"),
    "safetensors": (struct.pack("<Q", 40) + b'{"a":1}'.ljust(40), "safetensors"),
    "zstd, a frame skipped": (
        b"\x50\x2a\x4d\x18\2\0\0\0ab" + pa.Codec("zstd").compress(b"text", asbytes=True),
        "Zstandard",
    ),
    "text and zeros": (ENGLISH.encode() + bytes(900), "binary data"),
    "compress": (b"\x1f\x9d\x90" + np.random.default_rng(1).bytes(900), "compress"),
    "PDF behind a line": (b"\n%PDF-1.4\n1 0 obj\n", "PDF"),
    "WARC": (b"WARC/1.0\r\nWARC-Type: conversion\r\n\r\nText\r\n", "WARC"),
    "HTML behind a comment": (b"<!-- saved -->\n<html><body>Hi</body></html>", "HTML"),
    "HTML without html": (b"<head><meta charset=utf-8></head><body><p>Hi</p></body>", "HTML"),
    "XML without xml": (b"<corpus><doc id='1'><p>Text</p></doc></corpus>", "XML"),
    "NumPy": (numpy_file(), "a NumPy array"),
    "noise": (np.random.default_rng(1).bytes(5000), "binary data"),
    "HTML": (b"<!DOCTYPE html>\n<html><body>Hi</body></html>", "HTML"),
    "XML": (b"<?xml version='1.0'?>\n<mediawiki/>", "XML"),
    "MediaWiki": (b'<mediawiki xmlns="x">', "XML"),
    "RTF": (b"{\\rtf1\\ansi Hello}", "RTF"),
}


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("name", ["wiki_00", "data.txt", "x.lines"])
def test_lies_are_refused(lie: str, name: str) -> None:
    data, what = LIES[lie]
    with pytest.raises(ReadError, match=rf"^{name} .*\b{what}\b.*; \w") as told:
        read(data, name)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("lie", ["JSON lines", "CSV", "JSON array", "gzip", "PDF", "TSV"])
def test_lies_inside_compressed_files_are_refused(lie: str) -> None:
    data, what = LIES[lie]
    with pytest.raises(ReadError, match=rf"^a\.txt\.gz .*{what}"):
        read(gzip.compress(data, mtime=0), "a.txt.gz")


@pytest.mark.parametrize("lie", ["JSON lines", "CSV", "TSV", "HTML", "one JSON line", "JSON array"])
@pytest.mark.parametrize("requested", ["text", "lines"])
def test_a_format_that_is_asked_for_is_believed_of_text(lie: str, requested: str) -> None:
    assert read(LIES[lie][0], "wiki_00", requested)


@pytest.mark.parametrize("lie", ["gzip", "Parquet", "PDF", "noise", "zip", "pickle", "Arrow"])
@pytest.mark.parametrize("requested", ["text", "lines", "jsonl"])
def test_no_format_makes_text_of_binary_data(lie: str, requested: str) -> None:
    with pytest.raises(ReadError, match=r"^wiki_00 \w"):
        read(LIES[lie][0], "wiki_00", requested)


def test_what_json_lines_are_not() -> None:
    assert read(LINES.encode(), "wiki_00", "jsonl") == [row["text"] for row in ROWS]
    for name in ("a.jsonl", "a.json", "a.ndjson"):
        with pytest.raises(ReadError, match=r"is read as JSON lines and has none"):
            read(ENGLISH.encode(), name)
        with pytest.raises(ReadError, match=r"is read as JSON lines and looks like CSV"):
            read(b"id,text\n1,a\n2,b\n3,c\n", name)
        for texts in (["One text.", "Another."], [["One text."], ["Another."]]):
            for indent in (None, 1):
                with pytest.raises(ReadError, match=r"holds JSON without objects; make each"):
                    read(json.dumps(texts, indent=indent).encode(), name)
        assert not read(b"[\n]\n", name)


@pytest.mark.parametrize(
    ("data", "name", "told"),
    [
        (
            ENGLISH.encode(),
            "a.gz",
            r"is named as gzip and looks uncompressed; rename it without \.gz",
        ),
        (
            bz2.compress(b"a"),
            "a.gz",
            r"is named as gzip and looks like bz2; rename it to end in \.bz2",
        ),
        (gzip.compress(b"a", mtime=0), "a.txt.zst", "is named as zstd and looks like gzip"),
        (gzip.compress(b"a", mtime=0), "a.txt", r"looks like gzip; rename it to end in \.gz"),
        (b"a\rb\rc\r", "a.txt", "has lines that end in CR alone; turn them into LF"),
        (b"a\n" + b"b\r" * 99, "a.txt", "has lines that end in CR alone; turn them into LF"),
        (b'{"text": "a"}\r{"text": "b"}\r', "a.jsonl", "has lines that end in CR alone"),
        (gzip.compress(b"a", mtime=0), "a.bz2", r"and looks like gzip; rename it to end in \.gz"),
        (ENGLISH.encode(), "a.parquet", "is read as Parquet and looks like text; give it the name"),
        (LINES.encode(), "a.parquet", "is read as Parquet and looks like JSON lines"),
        (gzip.compress(b"a", mtime=0), "a.parquet", "is read as Parquet and looks like gzip"),
        (arrow("file"), "a.parquet", "is read as Parquet and looks like an Arrow file"),
        (b"", "a.parquet", "is read as Parquet and is empty; leave it out"),
        *(
            (POINTER, name, "is a pointer of Git LFS, not the")
            for name in ("a.parquet", "a.gz", "a")
        ),
    ],
)
def test_names_and_line_ends(data: bytes, name: str, told: str) -> None:
    with pytest.raises(ReadError, match=told):
        read(data, name)


PROSE = {
    "verse": "Tyger Tyger, burning bright,\nIn the forests, of the night;\n",
    "verse of one comma": "Roses are red, violets blue\nSugar is sweet, so are you\n" * 3,
    "couplets": "床前明月光,疑是地上霜\n举头望明月,低头思故乡\n",
    "full width": "第一，我们去；第二，你来。\n第一，我们去；第二，你来。\n",
    "one column": "apple\npear\nplum\n苹果\n",
    "numbers": "1\n2\n3\n",
    "dates": "On 1, 2 and 3 May\nOn 4, 5 and 6 May\n",
    "braces": "{sic} he wrote\n{and so on}\n[1] See there\n[2] And there\n",
    "a footnote": "[1] Smith, p. 9\n",
    "list of notes": "[1]\n[2]\n",
    "code": "{\n  foo: 1,\n  bar: [2]\n}\n",
    "C": "int main() {\n\treturn 0;\n}\n",
    "tabs in front": "\tOnce upon a time\n\tthere was a mill\n\tby the river\n",
    "Markdown table": "| a | b |\n|---|---|\n| 1 | 2 |\n",
    "Markdown": '# Title\n\n- a, b\n- c, d\n\n```json\n{"a": 1}\n```\n',
    "a word of magic": "ORC and elf, a tale\nGIF8 is no word\n",
    "PARIS": "PAR1S\nBZh is a sound\nPK\n",
    "tags": "<doc id=1>\nText\n</doc>\n",
    "comments": "<!-- a -->" * 5000 + "\nText.\n",
    "names in angle brackets": "<ann> hi all\n<bob> hello\n<cat> how are you?\n<bob> fine\n",
    "placeholders": "<unk> said the <num> men\n<eos> <unk> <pad>\n",
    "less": "< 3 is a heart\n<html is a word\n",
    "dialogue": "A:\tHello\n\nB:\tHi\n\nA:\tBye\n",
    "speech": '"Yes," he said, "no."\n"No," she said, "yes."\n',
    "control": "a\x00b\n\x0cpage two of a long enough text\n",
    "emoji": "😀👍🏽 नमस्ते привет\n",
    "signature": "Regards,\nSmith\n\nRegards,\nJones\n",
    "a list": "apples, pears, plums\nred, green, blue\n",
    "numbered": "1. One, two\n2. Three, four\n",
}


@pytest.mark.parametrize("prose", PROSE)
@pytest.mark.parametrize("times", [1, 500])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_prose_is_read(prose: str, times: int, mark: str) -> None:
    assert read((mark + PROSE[prose] * times).encode(), "wiki_00")


def pieces() -> Iterator[bytes]:
    for path in sorted(SAMPLE.glob("*.txt")):
        yield path.read_bytes()
    for path in sorted(SHARED.glob("*.txt.gz")):
        yield gzip.decompress(path.read_bytes())
    for path in sorted(SHARED.glob("*.txt")):
        yield path.read_bytes()


def test_no_piece_of_real_text_is_refused() -> None:
    """Every document and every line of them, as a file of its own."""
    tried = 0
    for data in pieces():
        assert read(data, "wiki_00")
        for document in data.split(b"\n\n")[:400]:
            tried += 1
            if document.strip():
                assert read(document + b"\n", "wiki_00"), document
    assert tried > 50


ENCODED = [
    ("gb18030", CHINESE),
    ("gbk", CHINESE),
    (
        "big5",
        "他說：「今天的天氣很好，我們去公園散步吧。」\n於是大家都出門了，路上遇見許多老朋友。\n\n",
    ),
    ("utf-16", CHINESE),
    ("utf-16-le", CHINESE),
    ("utf-16-be", ENGLISH),
    ("utf-32", ENGLISH),
    ("utf-32-le", CHINESE),
    ("shift_jis", "これは日本語の文章です。\n私は学校へ行きます。\n\n"),
    ("euc-kr", "안녕하세요. 저는 학생입니다.\n오늘 날씨가 좋습니다.\n\n"),
    ("cp1251", "Привет, как дела?\nЭто русский текст о мельнице.\n\n"),
    ("cp1252", "Le café était très agréable.\nOù l’été déjà passé — naïve.\n\n"),
]
TOLD = {"gbk": "gb18030"}


@pytest.mark.parametrize(("encoding", "text"), ENCODED)
def test_encodings_are_told_and_read(encoding: str, text: str) -> None:
    distinct = "".join(f"{text.strip()}\n{n}\n\n" for n in range(40))
    data = distinct.encode(encoding)
    with pytest.raises(ReadError, match="is not UTF-8 and looks like ") as told:
        read(data, "wiki_00")
    assert f"give --encoding {TOLD.get(encoding, encoding)}, or " in str(told.value)
    for kind in ("text", "lines"):
        expected = read(distinct.encode(), "wiki_00", kind)
        assert read(data, "wiki_00", kind, check_encoding(encoding)) == expected
    compressed = gzip.compress(data, mtime=0)
    assert read(compressed, "a.txt.gz", encoding=encoding) == read(distinct.encode(), "wiki_00")
    lines = "\n".join(json.dumps({"text": f"{text}{n}"}, ensure_ascii=False) for n in range(9))
    expected = read(lines.encode(), "a.jsonl")
    assert read(lines.encode(encoding), "a.jsonl", encoding=encoding) == expected


def test_a_number_of_many_digits_is_one_broken_record() -> None:
    """Python refuses to convert it."""
    row = b'{"n": %s}\n' % (b"9" * 5000)
    assert read(row, "a.txt", "lines") == [row.decode().strip()]
    [part] = plan_ranges([input_file("a.jsonl", len(row))], 1 << 20, enabled_checks("auto", None))
    batches = read_range(io.BytesIO(row), part)
    assert [each.reason for batch in batches for each in batch.rejected] == ["broken_json"]


def test_bad_bytes_in_an_encoding_are_one_record() -> None:
    data = "好的\n".encode("gb18030") + b"\xff\xff bad\n" + "再见\n".encode("gb18030")
    file = input_file("a.lines", len(data), encoding="gb18030")
    [part] = plan_ranges([file])
    batches = list(read_range(io.BytesIO(data), part))
    texts = [text.decode() for batch in batches for text in batch.texts]
    assert texts == ["好的", "再见"]
    assert [record.reason for batch in batches for record in batch.rejected] == ["undecodable"]


def test_utf_8_is_not_read_as_anything_else() -> None:
    with pytest.raises(ReadError, match="is UTF-8, not gb18030; read it without --encoding"):
        read(CHINESE.encode(), "a.txt", encoding="gb18030")
    assert read(ENGLISH.encode(), "a.txt", encoding="gb18030")


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("utf-8", "utf-8"),
        ("UTF8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("gbk", "gbk"),
        ("Latin-1", "iso8859-1"),
        ("utf_16", "utf-16"),
    ],
)
def test_names_of_encodings(name: str, encoding: str) -> None:
    assert check_encoding(name) == encoding


@pytest.mark.parametrize("name", ["", "klingon", "base64", "rot13", "zlib", "idna", "a\0b", "hex"])
def test_what_is_no_encoding(name: str) -> None:
    with pytest.raises(ValueError, match=r"^--encoding \S*"):
        check_encoding(name)
