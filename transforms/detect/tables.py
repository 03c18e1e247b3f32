"""Detects tables (CSV, TSV, CoNLL) in files that are named as text.

A comma, tab or bar on every line does not make a table: verse has commas, glossaries and plays have
tabs. So a table consists of rows with the same number of fields, and also has a feature that prose
does not have: a header of common column names; a column of numbers, identifiers or few labels; or
quoted fields as in CSV.
"""

import csv
import io
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from transforms.detect.lines import first_lines

_MAX_ROWS = 200
_MIN_ROWS = 3
_LABELLED_ROWS = 6
_LONGEST_LABEL = 30
_LONG_TEXT = 24

_NUMBER = re.compile(
    r"[-+]?[$€£¥]?\d[\d.,:/-]*%?([eE][-+]?\d+)?|true|false|nan|null", re.IGNORECASE
)
_IDENTIFIER = re.compile(r"(?=\S*\d)\S{2,64}")
_NAME = re.compile(r"[^\W\d][\w .-]{0,40}")
# What precedes the tab in text that is no table: the number of a list item ("1.", "(a)", "第一、"),
# a bullet, the name of a speaker, chapter and verse, or the time of a subtitle.
_ITEM = re.compile(
    r"[(（\[]?[\w.]{1,8}[.)）\]、]|\W*|.*[:：]|([\w ]+ )?\d{1,3}(:\d{1,3}){1,2}([.,]\d+)?"
)
_TAG = re.compile(r"\S+([ \t]\S+)*[ \t](O|[BIESMLU]-\S+)")
_LAST_TAG = re.compile(r"O|[BIESMLU]-\S+")
_ENDED_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_FIRST_LINE = re.compile(r"[\r\n]*([^\r\n]*)")
_COMMENTS = re.compile(r"(\s*#[^\r\n]*[\r\n])*")
_STOPS = tuple(".!?。！？…")
_COMMON_NAMES = """
id idx index text texts sentence sentence1 sentence2 sentences content contents title body label
labels category class sentiment score rating review comment question answer query document doc url
date time timestamp author user username name lang language source target src tgt summary article
headline abstract message premise hypothesis tweet tag tags word token split topic context response
input output prompt completion instruction passage
标签 文本 内容 标题 序号 编号 类别 分类 评论 问题 答案 回答 句子
日期 时间 作者 正文 情感 来源 链接 用户
"""
_HEADER_NAMES = frozenset(_COMMON_NAMES.split())


def table_kind(text: str, *, whole: bool) -> str | None:
    r"""Returns the kind of table that a text looks like, None if it looks like none.

    >>> table_kind("label,text\ngood,We liked it.\n", whole=True)
    'CSV'
    >>> table_kind("Roses are red,\nViolets are blue,\n", whole=True) is None
    True

    Args:
      text: The beginning of a file.
      whole: Whether this is the whole file; otherwise the last line may be incomplete.
    """
    if _is_tagged(_lines(text, whole=whole)):
        return "labelled words (CoNLL)"
    if "\t" in text and _has_tabs(list(_lines(text, whole=whole))):
        return "tab-separated values"
    if any(_is_csv(text, delimiter, whole=whole) for delimiter in ",;|"):
        return "CSV"
    return None


def has_quoted_line_ends(text: str, *, whole: bool) -> bool:
    r"""Whether cells between tabs are in quotes because of line ends in them, as no TSV has them.

    >>> has_quoted_line_ends('id\ttext\n1\t"One.\nTwo."\n2\tOne.\n', whole=True)
    True
    >>> has_quoted_line_ends('text\tid\n"One.\t1\nTwo."\t2\n', whole=True)
    False

    Args:
      text: The beginning of a file.
      whole: Whether this is the whole file; otherwise the last line may be incomplete.
    """
    lines = list(itertools.islice(first_lines(text, whole=whole), _MAX_ROWS))
    uneven = sum(line.count("\t") != lines[0].count("\t") for line in lines)
    if not uneven or "\t" not in lines[0]:
        return False
    # Rows that are even with quotes and not without them: quotes in prose are at other places.
    rows = _csv_rows(text, "\t", whole=whole)
    return len(rows) > 1 and uneven * 10 > len(rows)


def _lines(text: str, *, whole: bool) -> Iterator[str]:
    """Yields the first complete lines that are neither blank nor comments."""
    rows = (line for line in first_lines(text, whole=whole) if not line.startswith("# "))
    first = next(rows, None)
    if first is None:
        return first_lines(text, whole=whole)
    return itertools.islice(itertools.chain([first], rows), _MAX_ROWS)


def _is_tagged(lines: Iterable[str]) -> bool:
    """Whether lines end in labels of words (IOB tags), after a space or tab."""
    count = untagged = 0
    for line in lines:
        if line.startswith("-DOCSTART-"):
            continue
        count += 1
        ended = line.rstrip()
        # The last field first: the whole expression is slow on long lines.
        last = ended.rsplit(None, 1)[-1]
        tag = last == "O" or (last[1:2] == "-" and _LAST_TAG.fullmatch(last))
        untagged += not (tag and _TAG.fullmatch(ended))
        if untagged * 10 > _MAX_ROWS:
            return False
    # Not all lines: the word may be white space itself.
    return count >= _LABELLED_ROWS and untagged <= count // 10


def _has_tabs(lines: Sequence[str]) -> bool:
    rows = [line.split("\t") for line in lines]
    sizes = [len(row) for row in rows]
    if not rows or max(sizes) == 1:
        return False
    most = max(set(sizes), key=sizes.count)
    even = [row for row in rows if len(row) == most]
    if most == 1 or len(even) * 5 < len(rows) * 4:
        return False
    if _is_header(even[0]):
        return len(even) > 1
    if len(even) < _MIN_ROWS:
        return False
    # A leading tab is indentation, and several tabs in a row are alignment.
    if not all(row[0].strip() for row in even):
        return most > 2 and _has_column(even, _NUMBER)
    if all(_ITEM.fullmatch(row[0].strip()) for row in even):
        return False
    if most > 2:
        return sum(not field.strip() for row in even for field in row[1:-1]) * 2 < len(even) or (
            _has_column(even, _NUMBER)
        )
    return _has_typed_column(even) or _is_parallel(even)


def _is_csv(text: str, delimiter: str, *, whole: bool) -> bool:
    if delimiter not in text:
        return False
    if comments := _COMMENTS.match(text):
        text = text[comments.end() :]
    first = _FIRST_LINE.match(text)
    line = first[1] if first else ""
    named = _is_header(_unquoted(line.split(delimiter)))
    if not named and line not in _HEADER_NAMES and delimiter not in line and '"' not in line:
        # A row of one field, and another one somewhere.
        return False
    rows = _csv_rows(text, delimiter, whole=whole)
    sizes = {len(row) for row in rows}
    if sizes == {1}:
        # A table of one column is recognised by fields that are quoted because of a delimiter.
        quoted = re.search(rf'^"[^\n]*{re.escape(delimiter)}', text, re.MULTILINE)
        return bool(delimiter == "," and rows[0][0] in _HEADER_NAMES and len(rows) > 1 and quoted)
    if len(sizes) != 1 or len(rows) < 2:
        # Below a header there may be text with unquoted delimiters.
        lines = list(_lines(text, whole=whole))[1:] if named else []
        return sum(delimiter in line for line in lines) * 2 > len(lines) > 0
    if named:
        return True
    if sum(not row[-1] for row in rows) * 2 > len(rows):
        # Lines of verse end in a comma.
        return False
    inner = [field for row in rows for field in row[1:] if field]
    if sum(field[0].isspace() for field in inner) * 2 > len(inner):
        # Prose has a space after a comma, and no columns of numbers.
        return len(rows) >= _MIN_ROWS and len(rows[0]) > 2 and _has_column(rows[1:], _NUMBER)
    if delimiter == "|":
        return bool(rows[0][0].strip()) and len(rows) >= _MIN_ROWS and _has_typed_column(rows)
    quote = rf'(^|{re.escape(delimiter)})"[^"]*"({re.escape(delimiter)}|\r?$)'
    return (
        _has_column(rows[1:], _NUMBER)
        or _has_typed_column(rows)
        or re.search(quote, text, re.MULTILINE) is not None
        or _is_named_by_first_row(rows)
    )


def _csv_rows(text: str, delimiter: str, *, whole: bool) -> list[list[str]]:
    """Returns the rows that are certainly complete; none if this is not CSV, or they are uneven."""
    rows: list[list[str]] = []
    text = text.strip("\r\n") if whole else text.lstrip("\r\n")
    quoting: Literal[0, 3] = csv.QUOTE_NONE if delimiter == "|" else csv.QUOTE_MINIMAL
    reader = csv.reader(_csv_lines(text), delimiter=delimiter, strict=True, quoting=quoting)
    try:
        for row in reader:
            # The row before is complete; prose ends here, after a few lines.
            if rows and len(rows[-1]) != len(rows[0]):
                return []
            rows.append(row)
            if len(rows) > _MAX_ROWS:
                break
        else:
            rows = rows if whole else rows[:-1]
    except csv.Error as error:
        # If the text is truncated, the last field may be open.
        if whole or "end of data" not in str(error):
            return []
    return [] if [] in rows else rows


def _csv_lines(text: str) -> Iterable[str]:
    """Returns lines with their ends, one by one: of prose, only the first ones are looked at."""
    if "\r" in text:
        return io.StringIO(text, newline="")
    return (found[0] for found in _ENDED_LINE.finditer(text))


def _unquoted(fields: Sequence[str]) -> list[str]:
    return [field.strip("\"'") for field in fields]


def _is_header(fields: Sequence[str]) -> bool:
    """Whether these are names of columns, at least half of them common ones."""
    names = [field.strip().lower() for field in fields]
    # pandas writes its index without a name.
    names = names[1:] if names[:1] == [""] else names
    known = sum(name in _HEADER_NAMES for name in names)
    padded = any(field[:1].isspace() for field in fields)
    few = len(fields) < 2 or padded or len(set(names)) < len(names)
    return not few and known * 2 >= len(names) and all(map(_NAME.fullmatch, names))


def _is_named_by_first_row(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row looks like names of columns that occur in no other row."""
    names = [field.strip() for field in rows[0]]
    short = all(name.isascii() and _NAME.fullmatch(name) and name.count(" ") < 2 for name in names)
    return short and len(set(names)) == len(names) and rows[0] not in rows[1:]


def _has_column(rows: Sequence[Sequence[str]], pattern: re.Pattern[str]) -> bool:
    columns = zip(*rows, strict=False)
    return any(all(pattern.fullmatch(field.strip()) for field in column) for column in columns)


def _has_typed_column(rows: Sequence[Sequence[str]]) -> bool:
    """Whether a column has numbers, identifiers or labels; the first row may be a header."""
    body = rows[1:] if len(rows) > _MIN_ROWS else rows
    return _has_column(body, _NUMBER) or any(
        _are_identifiers(column) or _are_labels(column, len({tuple(row) for row in body}))
        for column in zip(*body, strict=False)
    )


def _are_identifiers(column: Sequence[str]) -> bool:
    distinct = len(set(column)) == len(column) >= _MIN_ROWS
    return distinct and all(_IDENTIFIER.fullmatch(field.strip()) for field in column)


def _are_labels(column: Sequence[str], rows: int) -> bool:
    """Whether a column has few and short values, compared with the number of distinct rows."""
    values = {field.strip() for field in column}
    few = len(values) * 4 <= rows and rows >= _LABELLED_ROWS
    short = all(0 < len(value) <= _LONGEST_LABEL for value in values)
    return few and short and not all(_ITEM.fullmatch(value) for value in values)


def _is_parallel(rows: Sequence[Sequence[str]]) -> bool:
    """Whether both fields of rows are sentences (parallel text); a glossary begins with a term."""
    first = [row[0].strip() for row in rows]
    ended = sum(field.endswith(_STOPS) for field in first)
    return sorted(map(len, first))[len(first) // 2] >= _LONG_TEXT or ended * 2 > len(first)
