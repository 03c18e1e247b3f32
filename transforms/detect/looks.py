"""What the beginning of a file looks like, so that no file is read as what it is not."""

import codecs
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from transforms.detect.encodings import guess_encoding, is_misread, stored_as
from transforms.detect.json_looks import NO_OBJECTS, has_json, json_of, objects_in
from transforms.detect.magic import binary_of, is_utf8, looks_binary
from transforms.detect.table_looks import table_of
from transforms.files.inputs import CODEC_OF_SUFFIX
from transforms.records.json_fields import field_of
from transforms.records.query_titles import record_fields

HEAD_BYTES = 64 << 10
"""How much of the beginning of a file is looked at."""

_CODEC_MAGIC = {"gzip": b"\x1f\x8b", "bz2": b"BZh", "zstd": b"\x28\xb5\x2f\xfd"}
_SUFFIX = {"gzip": ".gz", "bz2": ".bz2", "Zstandard": ".zst", "Parquet": ".parquet"}
_HTML = re.compile(r"<!doctype\s+html|<(html|head|body)[\s>]", re.IGNORECASE)
_XML = re.compile(r"<\?xml\s|<mediawiki[\s>]", re.IGNORECASE)
_TAG = re.compile(r"</?([A-Za-z][\w:.-]*)(?:\s[^<>]*)?/?>")
_POINTER = b"version https://git-lfs.github.com/spec/"
_ARCHIVE = re.compile(r"WARC/\d\.\d\r?\nWARC-")
_LEAST_TAGS = 3
_MOST_NAMES = 20
_AS_PROSE = "give --format lines or text to read its lines as prose"


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


def look_at_stored(head: bytes, kind: str, codec: str | None) -> Look | None:
    """Looks at a file as it is stored; None if it may be what it is called.

    Args:
      head: Its beginning.
      kind: The format that the file is read as.
      codec: The compression that its name tells.
    """
    if head.startswith(_POINTER):
        return Look(
            "is a pointer of Git LFS, not the file itself", "get the file, as with git lfs pull"
        )
    if codec:
        # Zstandard's frames may begin with one that is skipped.
        skipped = codec == "zstd" and head[1:4] == b"\x2a\x4d\x18"
        if head and not head.startswith(_CODEC_MAGIC[codec]) and not skipped:
            return _misnamed(head, codec)
        return None
    what = binary_of(head)
    if kind == "parquet":
        return None if what == "Parquet" else _no_parquet(head, what)
    if what:
        return Look(f"looks like {what}", _renamed(what) or "convert it to text or JSON lines")
    return None


def look_at_encoded(head: bytes, encoding: str) -> Look | None:
    """Looks at text, decompressed, that is to be read in an encoding which the user named."""
    # ASCII is read alike in most encodings, but two letters are one ideograph in UTF-16.
    wide = encoding.startswith(("utf-16", "utf-32"))
    differs = wide or (encoding != "ascii" and not head.isascii())
    if head and differs and is_utf8(head) and b"\0" not in head:
        return Look(f"is UTF-8, not {encoding}", "read it without --encoding, in a run of its own")
    if found := stored_as(head, encoding):
        return Look(f"looks like {found}, not {encoding}", f"give --encoding {found}")
    return None


def look_at_decoded(head: bytes, stored: bytes, encoding: str) -> Look | None:
    """Looks at the same text after it was decoded, and what it was before."""
    # The last character may be cut, and what was undecodable is a surrogate.
    if not is_misread(codecs.getincrementaldecoder("utf-8")("surrogatepass").decode(head)):
        return None
    # Files that are called Latin-1 are mostly of Windows, which has signs where that has controls.
    found = guess_encoding(stored) or ("cp1252" if encoding == "iso8859-1" else None)
    if found in (None, encoding):
        return Look(f"cannot be read as {encoding}", "give the --encoding that it is stored in")
    return Look(f"cannot be read as {encoding} and looks like {found}", f"give --encoding {found}")


def _misnamed(head: bytes, codec: str) -> Look:
    what = binary_of(head)
    suffix = next(suffix for suffix, of in CODEC_OF_SUFFIX.items() if of == codec)
    return Look(
        f"is named as {codec} and looks {f'like {what}' if what else 'uncompressed'}",
        (_renamed(what) if what else None) or f"rename it without {suffix}",
    )


def _renamed(what: str) -> str | None:
    suffix = _SUFFIX.get(what)
    return f"rename it to end in {suffix}" if suffix else None


def _no_parquet(head: bytes, what: str | None) -> Look:
    if not head:
        return Look("is read as Parquet and is empty", "leave it out")
    if not what and not looks_binary(head):
        text = head.decode("utf-8", "replace")
        whole = len(head) < HEAD_BYTES
        what = json_of(text, whole=whole) or table_of(text, whole=whole) or "text"
    return Look(
        f"is read as Parquet and looks like {what or 'other binary data'}",
        "give it the name or the --format of what it is",
    )


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
    if what := binary_of(head):
        return Look(f"holds what looks like {what}", "convert it to text or JSON lines")
    if "encoding" in checks and (look := _encoding_of(head, whole=whole)):
        return look
    if looks_binary(head):
        return Look("looks like binary data", "convert it to text or JSON lines")
    text = head.decode("utf-8", "replace").removeprefix("\ufeff")
    if _ends_in_cr(text, kind, forced="format" not in checks):
        return Look(
            "has lines that end in CR alone",
            "turn them into LF, as with tr '\\r' '\\n', so that lines and documents can be told",
        )
    if kind == "jsonl":
        return _no_json(text, whole=whole)
    if "format" not in checks:
        return None
    return _json(text, whole=whole) or _markup_of(text) or _table(text, whole=whole)


def look_at_records(head: bytes, text_field: str) -> Look | None:
    """Looks for records of which none has the field, or fields, with the text."""
    records = objects_in(head.decode("utf-8", "replace").removeprefix("\ufeff"))
    names = record_fields(text_field) or (text_field,)
    lacking = [name for name in names if all(field_of(record, name) is None for record in records)]
    if not records or not lacking:
        return None
    there = list(dict.fromkeys(name for record in records for name in _names_of(record)))
    what = f"its first {len(records)} records have" if len(records) > 1 else "its first record has"
    return Look(
        f"has no field {lacking[0]!r}: {what} {', '.join(there[:_MOST_NAMES]) or 'none'}",
        "name one with --text-field, as in --text-field "
        + next((name for name in there if "text" in name or "content" in name), "meta.text"),
    )


def _names_of(record: Mapping[str, Any]) -> list[str]:
    """Returns the names of the fields of a record, those of objects in it as paths."""
    return [
        path
        for name, value in record.items()
        for path in (
            [f"{name}.{inner}" for inner in _names_of(value)]
            if isinstance(value, Mapping) and value
            else [name]
        )
    ]


def _ends_in_cr(text: str, kind: str, *, forced: bool) -> bool:
    """Whether lines end in CR alone: all of them, or nearly all if nobody says what this is."""
    alone, ended = len(re.findall(r"\r(?!\n)", text)), text.count("\n")
    if alone < 2 or (kind == "jsonl" and (text.lstrip()[:1] == "[" or not has_json(text))):
        return False
    return not ended or (not forced and alone > 9 * ended)


def _encoding_of(head: bytes, *, whole: bool) -> Look | None:
    """Looks for text that is mostly not UTF-8; single bad lines are set aside as records."""
    if head.isascii() and b"\0" not in head:
        seven = guess_encoding(head)
        return _not_utf8(seven) if seven else None
    marked = head.startswith((b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff"))
    lines = [line for line in head.split(b"\n") if not line.isascii()]
    if not whole:
        lines = lines[:-1] or lines
    bad = sum(not is_utf8(line) for line in lines)
    wide = head.count(b"\0") > len(head) // 5
    if not (marked or wide or (bad > 1 and bad * 2 > len(lines)) or (bad and len(lines) == bad)):
        return None
    if not wide and not marked and bad == 1 and head.count(b"\n") > 1 and len(head) < 200:
        # One bad record among others.
        return None
    name = guess_encoding(head)
    if name is None and (wide or marked or looks_binary(head)):
        return Look("looks like binary data", "convert it to text or JSON lines")
    return _not_utf8(name)


def _not_utf8(name: str | None) -> Look:
    if name is None:
        return Look(
            "is not UTF-8",
            "give its --encoding, or --encoding utf-8 to set aside the records that are not",
        )
    return Look(
        f"is not UTF-8 and looks like {name}",
        f"give --encoding {name}, or --encoding utf-8 to set aside the records that are not",
    )


def _no_json(text: str, *, whole: bool) -> Look | None:
    if not text.strip():
        return None
    if json_of(text, whole=whole) == NO_OBJECTS:
        # All of the file would be a record or two, and set aside.
        return Look("holds JSON without objects", 'make each text an object, {"text": ...}')
    if has_json(text):
        return None
    if table := table_of(text, whole=whole):
        return Look(f"is read as JSON lines and looks like {table}", f"convert it, or {_AS_PROSE}")
    return Look("is read as JSON lines and has none", "name its --format, as in --format text")


def _json(text: str, *, whole: bool) -> Look | None:
    found = json_of(text, whole=whole)
    if found == NO_OBJECTS:
        return Look(
            "looks like JSON without objects",
            'make each text an object, {"text": ...}, or give --format text to read it as prose',
        )
    advice = "give --format jsonl, or --format text to read it as prose"
    return Look(f"looks like {found}", advice) if found else None


def _table(text: str, *, whole: bool) -> Look | None:
    found = table_of(text, whole=whole)
    advice = f"convert it to JSON lines or Parquet, or {_AS_PROSE}"
    return Look(f"looks like {found}", advice) if found else None


def _markup_of(text: str) -> Look | None:
    if _ARCHIVE.match(text):
        return Look(
            "looks like a web archive (WARC)",
            "extract its texts first, or give --format text to read it with its headers",
        )
    text = _without_comments(text)
    kind = "HTML" if _HTML.match(text) else "XML" if _XML.match(text) else ""
    if not kind and _TAG.match(text):
        # A text may have a tag around each document, names of who speaks, or "<unk>".
        found = list(_TAG.finditer(text))
        tags = [each[1] for each in found]
        closed = any("/" in (each[0][1], each[0][-2]) for each in found)
        many = closed and len(tags) * 20 > max(text.count("\n"), 60)
        kind = "HTML or XML" if many and len(set(tags)) >= _LEAST_TAGS else ""
    advice = "extract its text first, or give --format text to read it with its tags"
    return Look(f"looks like {kind}", advice) if kind else None


def _without_comments(text: str) -> str:
    """Returns a text without white space and comments in front."""
    place = 0
    while True:
        while place < len(text) and text[place].isspace():
            place += 1
        end = text.find("-->", place)
        if end < 0 or not text.startswith("<!--", place):
            return text[place:]
        place = end + 3
