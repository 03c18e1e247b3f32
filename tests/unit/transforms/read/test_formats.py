import bz2
import gzip
import io
import json
import tracemalloc
from collections import Counter
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from schemas.documents import Rejected
from transforms.files.compression import codec_of
from transforms.files.inputs import FileRange, input_file, plan_ranges
from transforms.files.planned_file import ReadError
from transforms.read.formats import read_range
from transforms.records import json_values


def compress_zstd(data: bytes) -> bytes:
    return pa.Codec("zstd").compress(data, asbytes=True)


def read(
    data: bytes, name: str, field: str = "text", limit: int = 1 << 20
) -> tuple[list[bytes], list[Rejected], Counter[str]]:
    """Reads all of a file, whose suffix is its format but for the compression."""
    end = None if codec_of(name) else len(data)
    part = FileRange(path=name, format=name.split(".")[1], begin=0, end=end)
    texts: list[bytes] = []
    rejected: list[Rejected] = []
    tally: Counter[str] = Counter()
    for batch in read_range(io.BytesIO(data), part, field, limit):
        texts += batch.texts
        rejected += batch.rejected
        tally.update(batch.tally)
    assert tally["documents"] == len(texts)
    assert tally["bytes"] == sum(map(len, texts))
    return texts, rejected, tally


def reasons(rejected: list[Rejected]) -> list[tuple[int, str, str]]:
    assert {record.stage for record in rejected} <= {"read"}
    return [(record.offset, record.reason, record.excerpt) for record in rejected]


def parquet(table: pa.Table, rows: int = 2) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, row_group_size=rows)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("data", "texts"),
    [
        (b"", []),
        (b"\n\n \n", []),
        (b"a", [b"a"]),
        (b"a\nb\n\nc\n", [b"a\nb", b"c"]),
        (b"\n\na\r\nb\r\n\r\n\r\nc", [b"a\nb", b"c"]),
        (b"a\n \t\x00\x7f\x0c\n  b", [b"a", b"b"]),
        (b"\xef\xbb\xbfa\n\n\xef\xbb\xbfb", [b"a", b"\xef\xbb\xbfb"]),
        (b"\xef\xbb\xbf", []),
        (b"a\x00b\n\n\xe3\x80\x80\n\nc", [b"a b", b"c"]),
    ],
)
def test_text(data: bytes, texts: list[bytes]) -> None:
    assert read(data, "a.text") == (texts, [], Counter(_tally(texts, b"\xe3\x80\x80" in data)))


def _tally(texts: list[bytes], empty: bool) -> dict[str, int]:
    total = sum(map(len, texts))
    return {"documents": len(texts), "bytes": total, "empty": int(empty), "split": 0}


@pytest.mark.parametrize(
    ("data", "texts", "empty"),
    [
        (b"", [], 0),
        (b"a\nb\n", [b"a", b"b"], 0),
        (b"\xef\xbb\xbfa\r\n\r\n b", [b"a", b"b"], 1),
        (b"a\rb\nc", [b"a\nb", b"c"], 0),
    ],
)
def test_lines(data: bytes, texts: list[bytes], empty: int) -> None:
    found, rejected, tally = read(data, "a.lines")
    assert (found, rejected, tally["empty"]) == (texts, [], empty)


def test_jsonl() -> None:
    data = (
        b'\xef\xbb\xbf{"text": "a\\nb"}\r\n\n \t\n{"id": 1, "text": "\\ud83d\\ude00"}\n{"text":""}'
    )
    found, rejected, tally = read(data, "a.jsonl")
    assert (found, rejected, tally["empty"]) == ([b"a\nb", "😀".encode()], [], 1)


def test_rejects_undecodable_records_only() -> None:
    text = b"one\n\ntwo \xe4\xb8\nlines\n\nthree \xe4\xb8\xad"
    found, rejected, _ = read(text, "a.text")
    assert found == [b"one", "three 中".encode()]
    assert reasons(rejected) == [(5, "invalid_utf8", "two \\xe4\\xb8\nlines")]
    found, rejected, _ = read(b"\xe4\xb8\n\xad\nok\n\xed\xa0\x80\n", "a.lines")
    assert found == [b"ok"]
    assert [record.offset for record in rejected] == [0, 3, 8]


def test_rejects_broken_json() -> None:
    lines = [
        b'{"text": "a"',
        b"[1]",
        b'{"texts": "a"}',
        b'{"text": null}',
        b'{"text": 7}',
        b'{"text": "\\ud83d"}',
        b'{"text": "\xff"}',
        b"[" * 100_000,
        b'{"text": "ok"}',
    ]
    found, rejected, _ = read(b"\n".join(lines), "a.jsonl")
    assert found == [b"ok"]
    assert [record.reason for record in rejected] == [
        "broken_json",
        "broken_json",
        "missing_field",
        "missing_field",
        "missing_field",
        "unpaired_surrogate",
        "invalid_utf8",
        "broken_json",
    ]
    assert [record.offset for record in rejected[:3]] == [0, 13, 17]
    assert rejected[0] == Rejected(
        source="a.jsonl", offset=0, stage="read", reason="broken_json", excerpt='{"text": "a"'
    )


def test_json_field() -> None:
    found, rejected, _ = read(b'{"body": "a", "text": "b"}', "a.jsonl", field="body")
    assert (found, rejected) == ([b"a"], [])


@pytest.mark.parametrize("name", ["a.text", "a.jsonl", "a.parquet"])
def test_splits_long_documents_at_line_ends(name: str) -> None:
    document = "\n".join(["x" * 30] * 5)
    data = {
        "a.text": document.encode(),
        "a.jsonl": b'{"text": "%s"}' % document.replace("\n", "\\n").encode(),
        "a.parquet": parquet(pa.table({"text": [document]})),
    }[name]
    found, rejected, tally = read(data, name, limit=64)
    assert found == [b"x" * 30 + b"\n" + b"x" * 30] * 2 + [b"x" * 30]
    assert (rejected, tally["split"]) == ([], 2)


def test_a_document_of_the_limit_is_not_split() -> None:
    found, _, tally = read(b"x" * 40 + b"\n" + b"y" * 23 + b"\n\nz", "a.text", limit=64)
    assert ([len(text) for text in found], tally["split"]) == ([64, 1], 0)


@pytest.mark.parametrize("length", [65, 128, 1000])
def test_rejects_long_lines(length: int) -> None:
    line = b"y" * length
    excerpt = "y" * 64
    found, rejected, _ = read(b"a\n" + line + b"\nb\n", "a.lines", limit=64)
    assert (found, reasons(rejected)) == ([b"a", b"b"], [(2, "line_too_long", excerpt)])
    found, rejected, _ = read(b"a\n" + line + b"\nb\nc\n", "a.text", limit=64)
    assert (found, reasons(rejected)) == ([b"a", b"b\nc"], [(2, "line_too_long", excerpt)])
    data = b'{"text": "a\\n%s\\nb"}' % line
    found, rejected, _ = read(b"\n" + data, "a.jsonl", limit=64)
    assert (found, reasons(rejected)) == ([b"a", b"b"], [(1, "line_too_long", excerpt)])
    table = pa.table({"text": ["", "a\n" + "y" * length]})
    found, rejected, _ = read(parquet(table), "a.parquet", limit=64)
    assert (found, reasons(rejected)) == ([b"a"], [(1, "line_too_long", excerpt)])


def test_rejects_long_json_lines() -> None:
    found, rejected, _ = read(b'{"text": "%s"}\n{"text": "b"}' % (b"y" * 2048), "a.jsonl", limit=64)
    assert found == [b"b"]
    assert [(record.offset, record.reason) for record in rejected] == [(0, "line_too_long")]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.binary(), pa.large_binary()])
def test_parquet(kind: pa.DataType) -> None:
    column = pa.array([b"a", None, b" ", b"\xff", b"b\n\nc"], pa.binary())
    if kind in (pa.string(), pa.large_string()):
        column = pa.array(["a", None, " ", "\u00ff", "b\n\nc"], kind)
    found, rejected, tally = read(parquet(pa.table({"id": range(5), "text": column})), "a.parquet")
    texts = [b"a", b"b\nc"] if pa.types.is_binary(column.type) else [b"a", "ÿ".encode(), b"b\nc"]
    assert found == texts
    assert tally["empty"] == 1
    invalid = [(3, "invalid_utf8", "\\xff")] if len(texts) == 2 else []
    assert sorted(reasons(rejected)) == [(1, "missing_field", "null"), *invalid]


@pytest.mark.parametrize("column", ["id", "texts", "id.text"])
def test_parquet_without_the_column(column: str) -> None:
    data = parquet(pa.table({"id": [1], "text": ["a"]}))
    told = (
        rf"a\.parquet has no text column '{column}'; its columns are id: int64, text: string: name"
    )
    with pytest.raises(ReadError, match=told):
        read(data, "a.parquet", field=column)


@pytest.mark.parametrize(
    "kind",
    [
        pa.string_view(),
        pa.binary_view(),
        pa.dictionary(pa.int32(), pa.string()),
        pa.dictionary(pa.int8(), pa.large_string()),
    ],
    ids=str,
)
def test_parquet_of_other_text_types(kind: pa.DataType) -> None:
    column = pa.array(["a", "b", None, "a"]).cast(
        pa.binary() if kind == pa.binary_view() else pa.string()
    )
    found, rejected, _ = read(parquet(pa.table({"text": column.cast(kind)})), "a.parquet")
    assert found == [b"a", b"b", b"a"]
    assert reasons(rejected) == [(2, "missing_field", "null")]


RECORDS = [{"text": "a\n中", "n": [1, {"x": "]"}]}, {"no": 1}, {"text": "b" * 3000}]


@pytest.mark.parametrize(
    "data",
    [
        json.dumps(RECORDS),
        json.dumps(RECORDS, indent=2, ensure_ascii=False),
        "\ufeff\n " + json.dumps(RECORDS, indent="\t") + "\n\n",
        "\n".join(json.dumps(record, indent=1) for record in RECORDS),
    ],
    ids=["array", "pretty array", "with a mark", "pretty objects"],
)
@pytest.mark.parametrize("piece", [1, 7, 1 << 20])
@pytest.mark.parametrize("range_bytes", [10, 1 << 20])
def test_json_arrays_and_objects_over_lines(
    data: str, piece: int, range_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_values, "_PIECE_BYTES", piece)
    content = data.encode()
    file = input_file("a.json", len(content))
    texts, rejected = [], []
    for part in plan_ranges([file], range_bytes)[:30]:
        for batch in read_range(io.BytesIO(content), part):
            texts += batch.texts
            rejected += [(content[r.offset : r.offset + 1], r.reason) for r in batch.rejected]
    assert texts == ["a\n中".encode(), b"b" * 3000]
    assert rejected == [(b"{", "missing_field")]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b'[{"text": "a"}, {"text": ', "the record at byte 16 is cut short, or not JSON"),
        (b'[{"text": "a"}, oops]', "the record at byte 16 is cut short, or not JSON"),
        (b'[{"text": "a"}', "ends inside its JSON array"),
        (b'[{"text": "a"}]\n[{"text": "b"}]', "continues after the end of its JSON array"),
        (b'{\n"text": "a",\n"b": ', "the record at byte 0 is cut short, or not JSON"),
    ],
)
def test_a_broken_json_array_is_no_record(data: bytes, told: str) -> None:
    with pytest.raises(ReadError, match=rf"^a\.jsonl.* {told}"):
        read(data, "a.jsonl")


@pytest.mark.parametrize(
    ("suffix", "compress"), [("gz", gzip.compress), ("bz2", bz2.compress), ("zst", compress_zstd)]
)
class TestCompressed:
    def test_reads_all_members(self, suffix: str, compress: Callable[[bytes], bytes]) -> None:
        data = compress(b"a\n\nb") + compress(b"c\n\n")
        assert read(data, f"a.text.{suffix}")[0] == [b"a", b"bc"]
        assert read(b"", f"a.text.{suffix}")[0] == []

    def test_refuses_damage(self, suffix: str, compress: Callable[[bytes], bytes]) -> None:
        data = compress(b"".join(b"line %d\n" % index for index in range(1000)))
        for damaged in (data[:-3], data[: len(data) // 2], b"no such thing", data + b"rest"):
            with pytest.raises(ReadError, match=rf"^a\.lines\.{suffix} cannot be .* lines: .*copy"):
                read(damaged, f"a.lines.{suffix}")


@pytest.mark.parametrize("data", [b"", b"PAR1", b"no parquet at all", b"PAR1" + b"x" * 99])
def test_refuses_unreadable_parquet(data: bytes) -> None:
    told = r"^a\.parquet cannot be read as parquet: .+[^.]; if the file is damaged, copy it again$"
    with pytest.raises(ReadError, match=told):
        read(data, "a.parquet")


def test_refuses_damaged_parquet_pages() -> None:
    data = bytearray(parquet(pa.table({"text": ["a" * 1000 + str(row) for row in range(100)]}), 50))
    data[4:64] = b"\xff" * 60
    with pytest.raises(ReadError, match=r"^a\.parquet cannot be read"):
        read(bytes(data), "a.parquet")


def test_refuses_small_documents() -> None:
    with pytest.raises(ValueError, match="max_document_bytes must be at least 64, got 63"):
        read(b"", "a.text", limit=63)


class Endless(io.RawIOBase):
    """A file of one line over and over, of which no more exists than is read."""

    def __init__(self, line: bytes, size: int) -> None:
        self._line, self._size, self._position = line, size, 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        assert 0 < size <= 4 << 20
        size = min(size, self._size - self._position)
        begin = self._position % len(self._line)
        self._position += size
        return (self._line * (size // len(self._line) + 2))[begin : begin + size]


@pytest.mark.parametrize(
    ("line", "documents", "reasons"),
    [(b"x" * 999 + b"\n", 48, []), (b"x", 0, ["line_too_long"])],
    ids=["no blank line", "no line end"],
)
def test_memory_is_bounded_by_a_document(line: bytes, documents: int, reasons: list[str]) -> None:
    size = 50_000_000
    part = FileRange(path="a", format="text", begin=0, end=1 << 20)
    tally: Counter[str] = Counter()
    rejected: list[Rejected] = []
    tracemalloc.start()
    for batch in read_range(Endless(line, size), part, max_document_bytes=1 << 20):
        tally.update(batch.tally)
        rejected += batch.rejected
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (tally["documents"], [record.reason for record in rejected]) == (documents, reasons)
    # Each piece but not the text has lost the line end behind it.
    assert tally["bytes"] == (size - documents if documents else 0)
    assert peak < 20_000_000
