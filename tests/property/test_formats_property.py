"""Separators, articles and xz against slow, obvious reading, wherever a file is cut."""

import io
import lzma
import re
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from transforms.files.compression import decompressed
from transforms.files.inputs import InputFile, plan_ranges
from transforms.read.formats import read_range
from transforms.text.normalize import normalize_texts

LIMIT = 64
Found = tuple[list[str], list[tuple[int, str]], Counter[str]]


def found_in_ranges(data: bytes, kind: str, range_bytes: int, separator: str = "") -> Found:
    file = InputFile(path="corpus", size=len(data), format=kind, compressed=False)
    texts: list[str] = []
    rejected: list[tuple[int, str]] = []
    tally: Counter[str] = Counter()
    for part in plan_ranges([file], range_bytes, separator=separator):
        for batch in read_range(io.BytesIO(data), part, max_document_bytes=LIMIT):
            texts += [text.decode() for text in batch.texts]
            rejected += [(record.offset, record.reason) for record in batch.rejected]
            tally.update(batch.tally)
    del tally["bytes"], tally["documents"]
    return texts, sorted(rejected), +tally


def add_document(offset: int, document: bytes, found: Found) -> None:
    """Adds a document in pieces of whole lines, and what is rejected of it."""
    texts, rejected, tally = found
    pieces: list[tuple[int, list[bytes]]] = []
    begins = True
    lines = document.removesuffix(b"\n").split(b"\n")
    for line in lines:
        if len(line) > LIMIT:
            rejected.append((offset, "line_too_long"))
            tally["split"] += not begins
            begins = True
        elif not begins and len(b"\n".join([*pieces[-1][1], line])) <= LIMIT:
            pieces[-1][1].append(line)
        else:
            tally["split"] += not begins
            pieces.append((offset, [line]))
            begins = False
        offset += len(line) + 1
    if len(lines) > 1 and pieces and pieces[-1][1] == [b""] and not lines[-1]:
        # A blank line at the very end begins no piece.
        pieces.pop()
    for begin, held in pieces:
        piece = b"\n".join(held)
        try:
            piece.decode()
        except UnicodeDecodeError:
            rejected.append((begin, "invalid_utf8"))
            continue
        [text] = normalize_texts([piece])
        if text:
            texts.append(text.decode())
        tally["empty"] += not text


def slow_separated(data: bytes, separator: bytes) -> Found:
    """All places of the separator, those that overlap among them; what no separator covers."""
    if data.startswith(b"\xef\xbb\xbf"):
        data = b"   " + data[3:]
    covered = set[int]()
    for place in range(len(data)):
        if data.startswith(separator, place):
            covered.update(range(place, place + len(separator)))
    found: Found = ([], [], Counter())
    documents: list[tuple[int, bytearray]] = []
    before = -2
    for place, byte in enumerate(data):
        if place in covered:
            continue
        if place != before + 1:
            documents.append((place, bytearray()))
        documents[-1][1].append(byte)
        before = place
    for offset, document in documents:
        if document.translate(None, bytes([*range(0x21), 0x7F])):
            add_document(offset, bytes(document), found)
    return found[0], sorted(found[1]), +found[2]


separated_pieces = st.sampled_from(
    [
        b"a",
        b"b c",
        b"\n",
        b"-",
        b"--",
        b"\n--\n",
        b"  ",
        "中。".encode(),
        b"\xff",
        b"x" * 40 + b"\n",
        b"\n" + b"w" * 150,
        b"y" * 64,
        b"\xef\xbb\xbf",
        b"\r\n",
    ]
)


@given(
    st.lists(separated_pieces, max_size=25).map(b"".join),
    st.sampled_from(["-", "--", "\n--\n", "\n\n", "中", "ab", "---"]),
    st.integers(1, 60),
)
def test_separated_text_is_read_once_in_any_ranges(
    data: bytes, separator: str, range_bytes: int
) -> None:
    slow = slow_separated(data, separator.encode())
    assert found_in_ranges(data, "text", range_bytes, separator) == slow


TAG = re.compile(rb'<doc id="[^"]*" (revid="[^"]*" )?url="[^"]*" title=".*">[ \t\r]*')


def slow_articles(data: bytes) -> Found:
    """Line by line; the last article of a file has its end."""
    found: Found = ([], [], Counter())
    units: list[tuple[int, list[bytes]]] = [(0, [])]
    offset = 0
    for line in data.split(b"\n"):
        if len(line) > LIMIT:
            found[1].append((offset, "line_too_long"))
        else:
            if TAG.fullmatch(line):
                units.append((offset, []))
            units[-1][1].append(line)
        offset += len(line) + 1
    for begin, lines in units:
        tag = bool(lines) and TAG.fullmatch(lines[0])
        if not tag:
            found[1].extend([(begin, "text_outside_document")] * bool(b"".join(lines).strip()))
            continue
        ends = [n for n, line in enumerate(lines) if line.rstrip(b" \t\r") == b"</doc>"]
        if not ends:
            found[1].append((begin, "unclosed_document"))
            continue
        text = b"\n".join(lines[1 : ends[0]]).replace(b"&lt;", b"<").replace(b"&amp;", b"&")
        article: Found = ([], [], Counter())
        add_document(0, text, article)
        found[0].extend(article[0])
        found[1].extend((begin, reason) for _, reason in article[1])
        found[2].update(article[2])
        if b"".join(lines[ends[0] + 1 :]).strip():
            found[1].append((begin, "text_outside_document"))
    return found[0], sorted(found[1]), +found[2]


wiki_lines = st.sampled_from(
    [
        b'<doc id="1" url="u" title="A "b"">',
        b'<doc id="2" revid="3" url="u" title="">\r',
        b"</doc>",
        b"</doc> ",
        b"Title",
        b"",
        b"A &amp; &lt;b",
        b"<doc>",
        "中。".encode(),
        b"x" * 70,
        b"y" * 40,
        b"\xff",
        b" </doc>",
    ]
)


@given(st.lists(wiki_lines, max_size=30), st.integers(1, 90))
def test_articles_are_read_once_in_any_ranges(lines: list[bytes], range_bytes: int) -> None:
    end = b'<doc id="9" url="u" title="End">\nEnd\n</doc>\n'
    data = b"".join(line + b"\n" for line in lines) + end
    assert found_in_ranges(data, "wikiextractor", range_bytes) == slow_articles(data)


@given(
    st.lists(st.binary(max_size=300), max_size=4),
    st.sampled_from([b"", b"\0" * 4, b"\0" * 8]),
    st.lists(st.integers(1, 400), min_size=1),
)
def test_xz_is_decompressed_whatever_is_read_at_once(
    streams: list[bytes], padding: bytes, sizes: list[int]
) -> None:
    data = padding.join(lzma.compress(each) for each in streams) + padding
    stream, found, count = decompressed(io.BytesIO(data), "xz"), b"", 0
    while read := stream.read(sizes[count % len(sizes)]):
        assert len(read) <= sizes[count % len(sizes)]
        found, count = found + read, count + 1
    assert found == b"".join(streams)
