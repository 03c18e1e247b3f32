"""Records of tables and of sequences of words: TSV as GLUE has it, CSV, and CoNLL.

TSV has no quoting: a cell is what stands between two tabs. In CSV a cell in quotes may hold commas,
quotes (doubled) and line ends. Both name their columns in the first line, unless they are named by
whoever reads them. CoNLL has a word a line, then its columns, and blank lines between sentences.
"""

import csv
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from transforms.files.planned_file import FormatError
from transforms.records.line_blocks import line_blocks, lines_of

Found = tuple[int, bytes, Mapping[str, Any], str]
"""The place of a record in its file, its bytes, its fields, and why it is rejected or ""."""
WORD_COLUMNS = ("words", "tags")
"""What the first and the last column of CoNLL are called, if they have no other names."""
WRONG_COLUMNS, BROKEN_CSV, TOO_LONG = "wrong_number_of_columns", "broken_csv", "line_too_long"
_SPACES = re.compile(" +")
_BOUNDARY = "-DOCSTART-"
_Line = tuple[int, bytes, bool]


def table_records(
    stream: Any, path: str, kind: str, columns: Sequence[str], limit: int
) -> Iterator[Found]:
    r"""Yields the rows of a table.

    >>> import io
    >>> [each[2] for each in table_records(io.BytesIO(b"a\tb\n1\t2\n"), "x.tsv", "tsv", (), 99)]
    [{'a': '1', 'b': '2'}]

    Args:
      stream: UTF-8, at its beginning.
      path: The name of the file.
      kind: "tsv" or "csv".
      columns: Their names; if there are none, the first line has them.
      limit: The longest line, in bytes.

    Raises:
      FormatError: if two columns have the same name.
    """
    rows = (_csv_rows if kind == "csv" else _tsv_rows)(stream, limit)
    names = list(columns)
    for offset, raw, cells, reason in rows:
        if not names and not reason:
            names = [cell.strip() for cell in cells]
            _check_names(names, path)
        elif reason or len(cells) != len(names):
            yield offset, raw, {}, reason or WRONG_COLUMNS
        else:
            yield offset, raw, dict(zip(names, cells, strict=True)), ""


def _check_names(names: Sequence[str], path: str) -> None:
    # A table of pandas has a column of numbers without a name.
    if twice := sorted({name for name in names if name and names.count(name) > 1}):
        raise FormatError(
            f"{path} has two columns called {twice[0]!r} in its first line; give their names with "
            "--columns if that line is a record"
        )


def _tsv_rows(stream: Any, limit: int) -> Iterator[tuple[int, bytes, list[str], str]]:
    for offset, line, too_long in _lines(stream, limit):
        line = line.rstrip(b"\r\n")
        if too_long or not line.strip():
            if too_long:
                yield offset, line, [], TOO_LONG
            continue
        text, reason = _decoded(line)
        yield offset, line, text.split("\t"), reason


def _csv_rows(stream: Any, limit: int) -> Iterator[tuple[int, bytes, list[str], str]]:
    taken: list[_Line] = []

    def lines() -> Iterator[str]:
        for offset, line, too_long in _lines(stream, limit):
            taken.append((offset, line, too_long))
            yield "" if too_long else line.decode("utf-8", "surrogateescape")

    csv.field_size_limit(max(csv.field_size_limit(), min(limit, sys.maxsize)))
    rows = csv.reader(lines(), strict=True)
    while True:
        taken.clear()
        reason, cells = "", list[str]()
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error:
            reason = BROKEN_CSV
        if not taken:
            return
        raw = b"".join(line for _, line, _ in taken)
        if any(too_long for *_, too_long in taken):
            reason = TOO_LONG
        if cells or reason:
            yield taken[0][0], raw, cells, reason or _decoded(raw)[1]


def conll_records(stream: Any, columns: Sequence[str], limit: int) -> Iterator[Found]:
    r"""Yields the sentences of a CoNLL file, each with a list for each column.

    Columns stand between tabs or, in lines without one, between spaces. Lines that begin with
    -DOCSTART- say nothing.

    >>> import io
    >>> list(conll_records(io.BytesIO(b"Ada B-PER\nwrote O\n"), (), 99))[0][2]
    {'words': ['Ada', 'wrote'], 'tags': ['B-PER', 'O']}

    Args:
      stream: UTF-8, at its beginning.
      columns: The names of all columns; without any, `WORD_COLUMNS` are the first and the last.
      limit: The longest line, in bytes.
    """
    sentence: list[tuple[int, bytes, bool]] = []
    for line in _ended(stream, limit):
        blank = not line[2] and not line[1].strip()
        if blank or line[1].startswith(_BOUNDARY.encode()):
            if sentence:
                yield _sentence(sentence, columns)
            sentence = []
        else:
            sentence.append(line)


def _ended(stream: Any, limit: int) -> Iterator[_Line]:
    """Yields lines, and a blank one at the end."""
    yield from _lines(stream, limit)
    yield 0, b"", False


def _sentence(lines: Sequence[_Line], columns: Sequence[str]) -> Found:
    offset, raw = lines[0][0], b"".join(line for _, line, _ in lines)
    text, reason = _decoded(raw)
    if reason or any(too_long for *_, too_long in lines):
        return offset, raw, {}, reason or TOO_LONG
    cells = [_cells(line) for line in text.split("\n")[: len(lines)]]
    counts = {len(each) for each in cells}
    if len(counts) > 1 or (columns and counts != {len(columns)}):
        return offset, raw, {}, WRONG_COLUMNS
    found = [list(column) for column in zip(*cells, strict=True)]
    if columns:
        return offset, raw, dict(zip(columns, found, strict=True)), ""
    ends = [found[0], *(found[-1:] if len(found) > 1 else [])]
    return offset, raw, dict(zip(WORD_COLUMNS, ends, strict=False)), ""


def _cells(line: str) -> list[str]:
    line = line.rstrip("\r")
    # Other white space may be a word: Chinese has a space of its own.
    return line.split("\t") if "\t" in line else _SPACES.split(line.strip(" "))


def _lines(stream: Any, limit: int) -> Iterator[_Line]:
    """Yields the offset of lines, their bytes with the line end, and whether one is too long."""
    for block in line_blocks(stream, 0, sys.maxsize, limit):
        if block.too_long:
            yield block.offset, block.data, True
            continue
        yield from (
            (offset, line + b"\n", False) for offset, line in zip(*lines_of(block), strict=True)
        )


def _decoded(raw: bytes) -> tuple[str, str]:
    try:
        return raw.decode(), ""
    except UnicodeDecodeError:
        return "", "invalid_utf8"
