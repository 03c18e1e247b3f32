"""Reads the output of WikiExtractor: articles between tags.

<doc id="12" url="https://en.wikipedia.org/wiki?curid=12" title="Anarchism">
Anarchism

Anarchism is a ...
</doc>

What stands from one first tag to the next is a unit, which belongs to the range in which its tag
begins. The program writes &, < and > as entities, which become what they were.
"""

import dataclasses
import re
from collections.abc import Iterator

from transforms.files.planned_file import INCOMPLETE_ADVICE, ReadError
from transforms.records.line_blocks import line_blocks
from transforms.records.range_source import RangeSource
from transforms.records.raw_records import RawRecords

UNCLOSED, OUTSIDE, TOO_LONG = "unclosed_document", "text_outside_document", "document_too_long"
# How many times as long as a document an article may be, which is cut then.
_LENGTH_FACTOR = 32
_FIRST_TAG = re.compile(
    rb'^<doc id="[^"\n]*" (?:revid="[^"\n]*" )?url="[^"\n]*" title="[^\n]*">[ \t\r]*$', re.MULTILINE
)
_LAST_TAG = re.compile(rb"^</doc>[ \t\r]*$", re.MULTILINE)


def is_wiki(head: bytes) -> bool:
    """Whether a file begins as the output of WikiExtractor does."""
    line = head.removeprefix(b"\xef\xbb\xbf").lstrip().partition(b"\n")[0]
    return _FIRST_TAG.match(line) is not None


@dataclasses.dataclass(frozen=True)
class _Unit:
    """What stands from one first tag to the next.

    Attributes:
      offset: Its first byte in the file.
      text: What was read of it.
      last: Whether the file ends in it.
    """

    offset: int
    text: bytes = b""
    last: bool = False


def read_wiki(source: RangeSource, records: RawRecords) -> Iterator[None]:
    """Adds the articles of a range to `records`, and yields after each.

    Raises:
      ReadError: If the file ends inside an article.
    """
    for unit in _units(source, records):
        first, last = _FIRST_TAG.match(unit.text), _LAST_TAG.search(unit.text)
        if first is None:
            _reject_text(unit.offset, unit.text, records)
        elif last:
            records.add(unit.offset, _unescaped(unit.text[first.end() : last.start()]))
            _reject_text(unit.offset, unit.text[last.end() :], records)
        elif unit.last:
            raise ReadError(
                f"{source.part.path} ends inside the article at byte {unit.offset}; "
                f"{INCOMPLETE_ADVICE}"
            )
        else:
            records.reject(unit.offset, UNCLOSED, unit.text)
        yield


def _units(source: RangeSource, records: RawRecords) -> Iterator[_Unit]:
    """Yields the units of a range; what stands before the first tag of a file is one, too."""
    begin, end = source.part.begin, source.end
    unit = None if begin else _Unit(0)
    for block in line_blocks(source.stream, begin, end, records.limit):
        if block.too_long:
            if unit:
                records.reject(block.offset, "line_too_long", block.data)
            continue
        start = 0
        for tag in _FIRST_TAG.finditer(block.data):
            if unit:
                yield _longer(unit, block.data[start : tag.start()])
            start = tag.start()
            unit = _Unit(block.offset + start)
            if unit.offset >= end:
                return
        if unit is None and block.offset >= end:
            return
        unit = unit and _bounded(_longer(unit, block.data[start:]), records)
    if unit:
        yield dataclasses.replace(unit, last=True)


def _longer(unit: _Unit, text: bytes) -> _Unit:
    return dataclasses.replace(unit, text=unit.text + text)


def _bounded(unit: _Unit, records: RawRecords) -> _Unit | None:
    """Rejects a unit that is too long to be an article."""
    if len(unit.text) <= _LENGTH_FACTOR * records.limit:
        return unit
    records.reject(unit.offset, TOO_LONG, unit.text)
    return None


def _reject_text(offset: int, text: bytes, records: RawRecords) -> None:
    if text := text.strip():
        records.reject(offset, OUTSIDE, text)


def _unescaped(text: bytes) -> bytes:
    r"""Undoes `html.escape(text, quote=False)`.

    >>> _unescaped(b"AT&amp;T &lt;b&gt; &amp;lt;")
    b'AT&T <b> &lt;'
    """
    if b"&" not in text:
        return text
    return text.replace(b"&lt;", b"<").replace(b"&gt;", b">").replace(b"&amp;", b"&")
