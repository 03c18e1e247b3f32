"""Fast reading against slow, obvious reading, wherever the file is cut into ranges."""

import io
import json
import re
import unicodedata
from collections import Counter
from unittest import mock

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st

from transforms.files.inputs import InputFile, plan_ranges
from transforms.read.formats import read_range
from transforms.records import json_records
from transforms.text.normalize import normalize_texts

LIMIT = 64

Found = tuple[list[str], list[tuple[int, str]], Counter[str]]


def slow_normalize(text: str) -> str:
    """The definition, character by character."""
    characters = []
    for character in text:
        if character in "\n\r\x85\u2028\u2029":
            characters.append("\n")
        elif unicodedata.category(character) in {"Cc", "Zs"}:
            characters.append(" ")
        else:
            characters.append(character)
    lines = [re.sub(" +", " ", line).strip(" ") for line in "".join(characters).split("\n")]
    return unicodedata.normalize("NFC", "\n".join(line for line in lines if line))


characters = st.one_of(
    st.characters(exclude_categories=["Cs"]),
    st.sampled_from(" \n\r\t\x00\x1e\x1f\x7f\x85\xa0\u2000\u2028\u3000\ufeff\u200d"),
    st.sampled_from("ae<\u0300\u0301\u0323\u0338\u0327か\u3099\u1100\u1161\u11a8각\u0958\uf900"),
    st.sampled_from("中文。！😀\U0002f800\U0001d15e\U000110a5\u09c7\u09be"),
)
texts = st.lists(st.text(characters, max_size=30), max_size=6)


@given(texts)
def test_normalisation_is_its_definition(batch: list[str]) -> None:
    """Also says that no text in a batch has an influence on another."""
    normalized = normalize_texts([text.encode() for text in batch])
    assert [text.decode() for text in normalized] == [slow_normalize(text) for text in batch]


@given(texts)
def test_normalisation_is_idempotent(batch: list[str]) -> None:
    once = normalize_texts([text.encode() for text in batch])
    assert normalize_texts(once) == once


def found_in_ranges(data: bytes, kind: str, range_bytes: int) -> Found:
    file = InputFile(path="corpus", size=len(data), format=kind, compressed=False)
    texts: list[str] = []
    rejected: list[tuple[int, str]] = []
    tally: Counter[str] = Counter()
    for part in plan_ranges([file], range_bytes):
        for batch in read_range(io.BytesIO(data), part, max_document_bytes=LIMIT):
            texts += [text.decode() for text in batch.texts]
            rejected += [(record.offset, record.reason) for record in batch.rejected]
            tally.update(batch.tally)
    return texts, sorted(rejected), +tally


class SlowReading:
    """Collects what reading should find, a record at a time."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.rejected: list[tuple[int, str]] = []
        self.tally: Counter[str] = Counter()

    def add(self, offset: int, record: bytes) -> None:
        try:
            text = slow_normalize(record.decode())
        except UnicodeDecodeError:
            self.rejected.append((offset, "invalid_utf8"))
            return
        if text:
            self.texts.append(text)
        self.tally.update({"documents" if text else "empty": 1, "bytes": len(text.encode())})

    def add_lines(self, lines: list[tuple[int, bytes]]) -> None:
        """Adds a document of lines with their offsets, in as many pieces as needed."""
        piece: list[bytes] = []
        begin = 0
        for offset, line in lines:
            if piece and len(b"\n".join([*piece, line])) > LIMIT:
                self.add(begin, b"\n".join(piece))
                self.tally["split"] += 1
                piece = []
            if len(line) > LIMIT:
                self.rejected.append((offset, "line_too_long"))
                continue
            begin = begin if piece else offset
            piece.append(line)
        if piece:
            self.add(begin, b"\n".join(piece))

    def found(self) -> Found:
        return self.texts, sorted(self.rejected), +self.tally


def slow_lines(data: bytes) -> list[tuple[int, bytes]]:
    if data.startswith(b"\xef\xbb\xbf"):
        data = b"   " + data[3:]
    lines, offset = [], 0
    for line in data.split(b"\n"):
        lines.append((offset, line))
        offset += len(line) + 1
    return lines if lines[-1][1] else lines[:-1]


def slow_text(data: bytes) -> Found:
    reading = SlowReading()
    document: list[tuple[int, bytes]] = []
    for offset, line in [*slow_lines(data), (len(data) + 1, b"")]:
        blank = all(byte <= 0x20 or byte == 0x7F for byte in line)
        if not blank and len(line) <= LIMIT:
            document.append((offset, line))
            continue
        reading.add_lines(document)
        document = []
        if len(line) > LIMIT:
            reading.rejected.append((offset, "line_too_long"))
    return reading.found()


def slow_line_documents(data: bytes) -> Found:
    reading = SlowReading()
    for offset, line in slow_lines(data):
        if len(line) > LIMIT:
            reading.rejected.append((offset, "line_too_long"))
        else:
            reading.add(offset, line)
    return reading.found()


pieces = st.sampled_from(
    [
        b"a",
        b"b c",
        b"\n",
        b"\n\n",
        b"\n \t\n",
        b"\r\n",
        b"\r\n\r\n",
        b"  ",
        b"\x00",
        b"\xff",
        b"\xe4\xb8",
        "中文。".encode(),
        "\u3000\u2028".encode(),
        b"\xef\xbb\xbf",
        b"x" * 20 + b"\n",
        b"y" * 63,
        b"z" * 64 + b"\n",
        b"\n" + b"w" * 200,
    ]
)
files = st.lists(pieces, max_size=25).map(b"".join)
range_sizes = st.one_of(st.integers(1, 40), st.integers(41, 1000))


@given(files, range_sizes)
def test_text_is_read_once_in_any_ranges(data: bytes, range_bytes: int) -> None:
    assert found_in_ranges(data, "text", range_bytes) == slow_text(data)


@given(files, range_sizes)
def test_lines_are_read_once_in_any_ranges(data: bytes, range_bytes: int) -> None:
    assert found_in_ranges(data, "lines", range_bytes) == slow_line_documents(data)


def slow_jsonl(data: bytes, longest: int) -> Found:
    reading = SlowReading()
    if data.removeprefix(b"\xef\xbb\xbf").strip() == b"[]":
        return reading.found()
    for offset, line in slow_lines(data):
        if len(line) > longest:
            reading.rejected.append((offset, "line_too_long"))
        elif line.strip():
            try:
                text = json.loads(line)["text"].encode()
            except (ValueError, TypeError):
                reading.rejected.append((offset, "broken_json"))
            except (KeyError, AttributeError):
                reading.rejected.append((offset, "missing_field"))
            else:
                reading.add_lines([(offset, part) for part in text.split(b"\n")])
    return reading.found()


json_texts = st.lists(st.sampled_from(["a", "中文", " ", "x" * 30 + "\n", "y" * 60 + "\n"]))
json_lines = st.one_of(
    json_texts.map(lambda parts: json.dumps({"id": 1, "text": "".join(parts).strip("\n")})),
    json_texts.map(lambda parts: json.dumps({"text": "".join(parts).strip("\n")})),
    st.sampled_from(["", "  ", '{"text": "a"', "[]", '{"text": null}', "{}", "{" * 70]),
)
json_files = st.tuples(
    st.sampled_from(["", "\ufeff"]), st.lists(json_lines, max_size=12), st.sampled_from(["", "\n"])
).map(lambda parts: (parts[0] + "\n".join(parts[1]) + parts[2]).encode())


@given(json_files, range_sizes, st.sampled_from([1, 2, 32]))
def test_jsonl_is_read_once_in_any_ranges(data: bytes, range_bytes: int, factor: int) -> None:
    with mock.patch.object(json_records, "JSON_LINE_FACTOR", factor):
        found = found_in_ranges(data, "jsonl", range_bytes)
    assert found == slow_jsonl(data, factor * LIMIT)


@given(
    st.lists(st.one_of(st.none(), st.sampled_from([b"a", b" ", b"\xff", b"x" * 40])), max_size=20),
    st.integers(1, 7),
    st.integers(1, 500),
)
def test_parquet_is_read_once_in_any_ranges(
    rows: list[bytes | None], group: int, range_bytes: int
) -> None:
    sink = io.BytesIO()
    table = pa.table({"id": range(len(rows)), "text": pa.array(rows, pa.binary())})
    pq.write_table(table, sink, row_group_size=group)
    reading = SlowReading()
    for row, text in enumerate(rows):
        if text is None:
            reading.rejected.append((row, "missing_field"))
        else:
            reading.add(row, text)
    assert found_in_ranges(sink.getvalue(), "parquet", range_bytes) == reading.found()
