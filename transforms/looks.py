"""What the beginning of a file looks like, so that no file is read as what it is not."""

import csv
import json
import re
from typing import NamedTuple

from transforms.encodings import guess_encoding

HEAD_BYTES = 64 << 10
"""How much of the beginning of a file is looked at."""

_MAGIC = (
    (0, b"\x1f\x8b\x08", "gzip"),
    (0, b"\x28\xb5\x2f\xfd", "Zstandard"),
    (0, b"\xfd7zXZ\0", "xz"),
    (0, b"\x04\x22\x4d\x18", "LZ4"),
    (0, b"PK\x03\x04", "a zip archive (or a document in one, such as .docx)"),
    (0, b"PK\x05\x06", "an empty zip archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (0, b"Rar!\x1a\x07", "a rar archive"),
    (257, b"ustar", "a tar archive"),
    (0, b"%PDF-", "PDF"),
    (0, b"SQLite format 3\0", "an SQLite database"),
    (0, b"PAR1", "Parquet"),
    (0, b"ARROW1", "an Arrow file"),
    (0, b"FEA1", "Feather"),
    (0, b"\xff\xff\xff\xff", "an Arrow stream"),
    (0, b"ORC", "ORC"),
    (0, b"Obj\x01", "Avro"),
    (0, b"\x89HDF\r\n\x1a\n", "HDF5"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"\x7fELF", "a program"),
    (0, b"GGUF", "a GGUF model"),
    (0, b"\x89PNG\r\n", "a PNG image"),
    (0, b"\xff\xd8\xff", "a JPEG image"),
    (0, b"GIF8", "a GIF image"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document"),
    (0, b"{\\rtf", "RTF"),
    (0, b"%!PS", "PostScript"),
)
# A magic of letters could begin a text; what follows it in these formats is no text.
_WORDS = frozenset({b"PAR1", b"FEA1", b"ORC", b"GGUF", b"GIF8", b"PK\x03\x04"})
_CODEC_MAGIC = {"gzip": b"\x1f\x8b", "bz2": b"BZh", "zstd": b"\x28\xb5\x2f\xfd"}
_SUFFIX = {"gzip": ".gz", "bz2": ".bz2", "Zstandard": ".zst", "Parquet": ".parquet"}
_PICKLE = re.compile(rb"\x80[\x02-\x05](\x95|[\]\}\(ccX\x8c])", re.DOTALL)
_BZ2 = re.compile(rb"BZh[1-9](1AY&SY|\x17\x72\x45\x38\x50\x90)", re.DOTALL)
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_MARKUP = re.compile(r"<!doctype\s+html|<html[\s>]|<\?xml\s|<mediawiki[\s>]", re.IGNORECASE)
_NUMBER = re.compile(r"[-+]?\d[\d.]*([eE][-+]?\d+)?")
_NAME = re.compile(r"[A-Za-z_][\w .-]{0,40}")
_LEAST_ROWS = 3


class Look(NamedTuple):
    """What a file looks like, and what to do."""

    what: str
    advice: str


def checks_of(requested: str, encoding: str | None) -> frozenset[str]:
    """Returns what files are held to: what the user says of them is believed.

    Args:
      requested: The format that was asked for.
      encoding: The encoding that was asked for, None for UTF-8 as the default.
    """
    return frozenset(
        {
            "binary",
            *(["format"] if requested == "auto" else []),
            *(["encoding"] if encoding is None else []),
        }
    )


def look_at_stored(head: bytes, codec: str | None, encoding: str) -> Look | None:
    """Looks at a file as it is stored; None if it may be what it is called.

    Args:
      head: Its beginning.
      codec: The compression that its name tells.
      encoding: What its text is to be read in.
    """
    if codec:
        # Zstandard's frames may begin with one that is skipped.
        skipped = codec == "zstd" and head[1:4] == b"\x2a\x4d\x18"
        if head and not head.startswith(_CODEC_MAGIC[codec]) and not skipped:
            return Look(f"is named as {codec} and looks {_like(binary_of(head))}", "rename it")
        return None
    if what := binary_of(head):
        suffix = _SUFFIX.get(what)
        advice = f"rename it to end in {suffix}" if suffix else "convert it to text or JSON lines"
        return Look(f"looks like {what}", advice)
    if encoding not in ("utf-8", "ascii") and not head.isascii() and _is_utf8(head):
        return Look(f"is UTF-8, not {encoding}", "read it without --encoding, in a run of its own")
    return None


def _like(what: str | None) -> str:
    return f"like {what}" if what else "uncompressed"


def binary_of(head: bytes) -> str | None:
    """Returns the name of the binary format that a file begins like."""
    if _BZ2.match(head):
        return "bz2"
    if _PICKLE.match(head):
        return "a Python pickle"
    for place, magic, name in _MAGIC:
        if head[place : place + len(magic)] == magic and not (
            magic in _WORDS and _is_utf8(head) and not _CONTROLS.search(head)
        ):
            return name
    return None


def look_at_text(head: bytes, kind: str, checks: frozenset[str], *, whole: bool) -> Look | None:
    """Looks at the decompressed and decoded beginning of a file of text or JSON.

    Args:
      head: It.
      kind: The format that the file is read as.
      checks: See `checks_of`.
      whole: Whether the file has no more.

    Returns:
      What it looks like, None if it looks like what it is read as.
    """
    if "binary" in checks and (what := binary_of(head)):
        return Look(f"holds what looks like {what}", "convert it to text or JSON lines")
    if "encoding" in checks and (look := _encoding_of(head, whole=whole)):
        return look
    if "binary" in checks and _many_controls(head):
        return Look("looks like binary data", "convert it to text or JSON lines")
    text = head.decode("utf-8", "replace").removeprefix("\ufeff")
    if "\n" not in text and len(re.findall(r"\r", text)) > 1 and kind != "jsonl":
        return Look(
            "has lines that end in CR alone",
            "turn them into LF, as with tr '\\r' '\\n', so that lines and documents can be told",
        )
    if kind == "jsonl":
        return _no_json(text)
    if "format" not in checks:
        return None
    return _json_of(text, whole=whole) or _markup_of(text) or _table_of(text, whole=whole)


def _many_controls(head: bytes) -> bool:
    return len(_CONTROLS.findall(head)) * 20 > len(head)


def _is_utf8(head: bytes) -> bool:
    """Whether these bytes are UTF-8, of which the last character may be cut."""
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.start >= len(head) - 3 and error.reason == "unexpected end of data"
    return True


def _encoding_of(head: bytes, *, whole: bool) -> Look | None:
    """Looks for text that is mostly not UTF-8; single bad lines are set aside as records."""
    marked = head.startswith((b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff"))
    lines = [line for line in head.split(b"\n") if not line.isascii()]
    if not whole:
        lines = lines[:-1] or lines
    bad = sum(not _is_utf8(line) for line in lines)
    wide = head.count(b"\0") > len(head) // 5
    if not (marked or wide or (bad > 1 and bad * 2 > len(lines)) or (bad and len(lines) == bad)):
        return None
    if not wide and not marked and bad == 1 and head.count(b"\n") > 1 and len(head) < 200:
        # One bad record among others.
        return None
    name = guess_encoding(head)
    if name is None and (wide or marked or _many_controls(head)):
        return Look("looks like binary data", "convert it to text or JSON lines")
    if name is None:
        return Look(
            "is not UTF-8",
            "give its --encoding, or --encoding utf-8 to set aside the records that are not",
        )
    return Look(
        f"is not UTF-8 and looks like {name}",
        f"give --encoding {name}, or --encoding utf-8 to set aside the records that are not",
    )


def _no_json(text: str) -> Look | None:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines or any(line[0] in "{[" for line in lines):
        return None
    if table := _table_of(text, whole=False):
        return Look(f"is read as JSON lines and {table.what}", table.advice)
    return Look("is read as JSON lines and has none", "name its --format, as in --format text")


def _json_of(text: str, *, whole: bool) -> Look | None:
    if not text.lstrip().startswith(("{", "[")):
        return None
    advice = "give --format jsonl, or --format text to read it as prose"
    lines = [line for line in text.splitlines() if line.strip()]
    lines = lines[:50] if whole or len(lines) > 50 else lines[:-1]
    if lines and all(isinstance(_json(line), dict) for line in lines):
        return Look("looks like JSON lines", advice)
    try:
        value, end = json.JSONDecoder().raw_decode(text.lstrip())
    except (json.JSONDecodeError, RecursionError) as error:
        # An array or object that goes on behind what is looked at.
        body = text.lstrip()
        broken = getattr(error, "pos", 0) < len(body) - 200 and "Unterminated" not in str(error)
        began = re.match(r'(\[\s*)?\{\s*"(?:[^"\\]|\\.)*"\s*:', body)
        return None if whole or broken or not began else Look("looks like JSON", advice)
    rest = text.lstrip()[end:].strip()
    if isinstance(value, (dict, list)) and value and (not rest or isinstance(value, dict)):
        return Look("looks like JSON", advice)
    return None


def _json(line: str) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _markup_of(text: str) -> Look | None:
    if _MARKUP.match(text.lstrip()):
        kind = "XML" if text.lstrip()[1] in "?mM" else "HTML"
        return Look(
            f"looks like {kind}",
            "extract its text first, or give --format text to read it with its tags",
        )
    return None


def _table_of(text: str, *, whole: bool) -> Look | None:
    """Looks for CSV and TSV: rows of as many fields each, and a sign that they are fields."""
    lines = text.splitlines()
    lines = (lines if whole else lines[:-1])[:200]
    if not all(line.strip() for line in lines):
        return None
    for delimiter, name in (("\t", "tab-separated values"), (",", "CSV"), (";", "CSV")):
        rows = _rows(lines, delimiter)
        enough = len(rows) >= (_LEAST_ROWS if delimiter == "\t" else 2)
        if enough and _is_table(rows, lines, delimiter):
            return Look(
                f"looks like {name}",
                "convert it to JSON lines or Parquet, or give --format lines or text to read its "
                "lines as prose",
            )
    return None


def _rows(lines: list[str], delimiter: str) -> list[list[str]]:
    """Returns the fields of each row, none if rows differ in how many they have."""
    if not lines or delimiter not in lines[0].strip():
        return []
    try:
        rows = list(csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error:
        return []
    return rows if len({len(row) for row in rows}) == 1 else []


def _is_table(rows: list[list[str]], lines: list[str], delimiter: str) -> bool:
    # Indented prose has a tab in front, verse a comma behind.
    if not all(row[0].strip() for row in rows) or sum(not row[-1] for row in rows) * 2 > len(rows):
        return False
    if delimiter == "\t":
        return True
    body = rows[1:]
    numbers = any(
        all(_NUMBER.fullmatch(row[column].strip()) for row in body)
        for column in range(len(rows[0]))
    )
    text = "\n".join(lines)
    spaced = len(re.findall(rf"{re.escape(delimiter)}\s", text)) * 2 > text.count(delimiter)
    if spaced:
        # Prose has a space behind a comma, and most of its lines are no numbers.
        return numbers and len(rows) >= _LEAST_ROWS and len(rows[0]) > 2
    names = all(_NAME.fullmatch(field.strip()) for field in rows[0])
    header = names and len({*rows[0]}) == len(rows[0]) and all(row != rows[0] for row in body)
    quoted = re.search(
        rf'(^|{re.escape(delimiter)})"[^"\n]*"({re.escape(delimiter)}|$)', text, re.M
    )
    return numbers or quoted is not None or header
