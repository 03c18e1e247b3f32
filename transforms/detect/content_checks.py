"""Checks that the beginning of a file is what the name and the options say.

Every check returns None, or a `Mismatch` that becomes the error message. The checks follow the
steps of reading: bytes as stored, decompressed, decoded, and records.
"""

import codecs
from collections.abc import Mapping
from typing import Any

from transforms.detect.encodings import contradicting_encoding, guess_encoding, is_misread
from transforms.detect.json_kinds import NO_OBJECTS, first_objects, has_json, json_kind
from transforms.detect.magic import binary_format, is_utf8, looks_binary
from transforms.detect.markup import WEB_ARCHIVE, document_separator, markup_kind
from transforms.detect.stored_checks import Mismatch
from transforms.detect.tables import has_quoted_line_ends, table_kind
from transforms.files.file_formats import TABLES
from transforms.records.json_fields import field_of, joined_names
from transforms.records.labelled_records import record_fields
from transforms.records.wiki_records import is_wiki

# What stands for bytes that cannot be decoded.
_REPLACED = "\ufffd"
_MAX_NAMES = 20
_TABLE_FORMATS = {"CSV": "csv", "tab-separated values": "tsv"}
_AS_PROSE = "give --format lines or text to read its lines as prose"


def enabled_checks(
    requested: str, encoding: str | None, separator: str | None = None
) -> frozenset[str]:
    """Returns the names of the checks to make. What the user states explicitly is not checked.

    Args:
      requested: The format that the user named, "auto" if none.
      encoding: The encoding that the user named, None if none.
      separator: The separator of documents that the user named, None if none.

    Returns:
      "binary", and "format" (with "fields": the names of fields), "encoding" and "separator" unless
      the user named them. Who names a format takes usual separators as text.
    """
    return frozenset(
        {
            "binary",
            *(["format", "fields"] if requested == "auto" else []),
            *(["encoding"] if encoding is None else []),
            *(["separator"] if requested == "auto" and not separator else []),
        }
    )


def check_encoded(head: bytes, encoding: str) -> Mismatch | None:
    """Checks decompressed text before it is decoded with the encoding that the user named."""
    # ASCII is the same in most encodings, but in UTF-16 two letters are one ideograph.
    wide = encoding.startswith(("utf-16", "utf-32"))
    differs = wide or (encoding != "ascii" and not head.isascii())
    if head and differs and is_utf8(head) and b"\0" not in head:
        return Mismatch(
            f"is UTF-8, not {encoding}", "read it without --encoding, in a separate run"
        )
    if found := contradicting_encoding(head, encoding):
        return Mismatch(f"looks like {found}, not {encoding}", f"give --encoding {found}")
    return None


def check_decoded(head: bytes, stored: bytes, encoding: str) -> Mismatch | None:
    """Checks the same text after decoding; `stored` is the text before."""
    # The last character may be incomplete, and undecodable bytes are surrogates.
    if not is_misread(codecs.getincrementaldecoder("utf-8")("surrogatepass").decode(head)):
        return None
    # Text said to be Latin-1 is mostly cp1252, which has symbols in place of control characters.
    found = guess_encoding(stored) or ("cp1252" if encoding == "iso8859-1" else None)
    if found in (None, encoding):
        return Mismatch(f"cannot be read as {encoding}", "give the --encoding of the file")
    return Mismatch(
        f"cannot be read as {encoding} and looks like {found}", f"give --encoding {found}"
    )


def check_text(head: bytes, kind: str, checks: frozenset[str], *, whole: bool) -> Mismatch | None:
    """Checks decompressed and decoded text or JSON.

    Args:
      head: The beginning of the text, in UTF-8.
      kind: The format that the file is read as.
      checks: See `enabled_checks`.
      whole: Whether this is the whole file.
    """
    if what := binary_format(head):
        return Mismatch(f"holds what looks like {what}", "convert it to text or JSON lines")
    text = head.decode("utf-8", "replace").removeprefix("\ufeff")
    valid = _REPLACED not in text
    if "encoding" in checks and (mismatch := _not_in_utf8(head, valid=valid, whole=whole)):
        return mismatch
    if looks_binary(head):
        return Mismatch("looks like binary data", "convert it to text or JSON lines")
    if _ends_in_cr(text, kind, forced="format" not in checks):
        return Mismatch(
            "has lines that end in CR alone",
            "turn them into LF, as with tr '\\r' '\\n', so that lines and documents are recognised",
        )
    if kind == "jsonl":
        return _not_json(text, whole=whole)
    if kind == "wikiextractor":
        return _not_wiki(head, text, whole=whole)
    if "format" not in checks:
        return None
    if kind in TABLES:
        quoted = _quoted_tsv(text, whole=whole) if kind == "tsv" else None
        return quoted or _json_as_table(text, whole=whole)
    if is_wiki(head):
        return Mismatch(
            "looks like the output of WikiExtractor",
            "give --format wikiextractor, or --format text to read it with its tags",
        )
    return _json_as_text(text, whole=whole) or _markup(text) or _table_as_text(text, whole=whole)


def check_fields(head: bytes, text_field: str) -> Mismatch | None:
    """Checks that some record has the field, or fields, with the text."""
    records = first_objects(head.decode("utf-8", "replace").removeprefix("\ufeff"))
    exact = any(text_field in record for record in records)
    names = record_fields(text_field) or ((text_field,) if exact else joined_names(text_field))
    # Fields of `a,b,c` may be numbers.
    read_as: Any = object if record_fields(text_field) else (str, list)
    lacking = [
        name for name in names if not any(_holds(record, name, read_as) for record in records)
    ]
    if not records or not lacking:
        return None
    there = list(dict.fromkeys(name for record in records for name in _names_of(record)))
    exists = any(field_of(record, lacking[0]) is not None for record in records)
    held = "text in the field" if exists else "field"
    what = f"its first {len(records)} records have" if len(records) > 1 else "its first record has"
    return Mismatch(
        f"has no {held} {lacking[0]!r}: {what} {', '.join(there[:_MAX_NAMES]) or 'none'}",
        "name one with --text-field, as in --text-field "
        + next((name for name in there if "text" in name or "content" in name), "meta.text"),
    )


def _holds(record: Mapping[str, Any], name: str, kinds: Any) -> bool:
    value = field_of(record, name)
    return value is not None and isinstance(value, kinds)


def _names_of(record: Mapping[str, Any]) -> list[str]:
    """Returns the names of the fields of a record, those of nested objects as paths."""
    return [
        path
        for name, value in record.items()
        for path in (
            [f"{name}.{inner}" for inner in _names_of(value)]
            if isinstance(value, Mapping) and value
            else [name]
        )
    ]


def check_separator(head: bytes) -> Mismatch | None:
    """Checks text without a separator of its own for one that is usual."""
    token = document_separator(head.decode("utf-8", "replace"))
    if token is None:
        return None
    return Mismatch(
        f"has {token} between its documents",
        f"give --document-separator '{token}', or --format text to take it as text",
    )


def _ends_in_cr(text: str, kind: str, *, forced: bool) -> bool:
    """Whether lines end in CR alone: all of them, or nearly all if the user named no format."""
    if "\r" not in text:
        return False
    alone, ended = text.count("\r") - text.count("\r\n"), text.count("\n")
    if alone < 2 or (kind == "jsonl" and (text.lstrip()[:1] == "[" or not has_json(text))):
        return False
    return not ended or (not forced and alone > 9 * ended)


def _not_in_utf8(head: bytes, *, valid: bool, whole: bool) -> Mismatch | None:
    """Checks for text that is mostly not UTF-8; single invalid lines become rejected records.

    Args:
      head: The beginning of the text.
      valid: Whether all of it is known to be UTF-8.
      whole: Whether this is the whole file.
    """
    if head.isascii() and b"\0" not in head:
        seven = guess_encoding(head)
        return _not_utf8(seven) if seven else None
    wide = head.count(b"\0") > len(head) // 5
    if valid and not wide:
        return None
    marked = head.startswith((b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff"))
    lines = [line for line in head.split(b"\n") if not line.isascii()]
    if not whole:
        lines = lines[:-1] or lines
    bad = sum(not is_utf8(line) for line in lines)
    if not (marked or wide or (bad > 1 and bad * 2 > len(lines)) or (bad and len(lines) == bad)):
        return None
    if not wide and not marked and bad == 1 and head.count(b"\n") > 1 and len(head) < 200:
        # One invalid record among others.
        return None
    name = guess_encoding(head)
    if name is None and (wide or marked or looks_binary(head)):
        return Mismatch("looks like binary data", "convert it to text or JSON lines")
    return _not_utf8(name)


def _not_utf8(name: str | None) -> Mismatch:
    if name is None:
        return Mismatch(
            "is not UTF-8",
            "give its --encoding, or --encoding utf-8 to reject the records that are not",
        )
    return Mismatch(
        f"is not UTF-8 and looks like {name}",
        f"give --encoding {name}, or --encoding utf-8 to reject the records that are not",
    )


def _not_json(text: str, *, whole: bool) -> Mismatch | None:
    if not text.strip():
        return None
    if json_kind(text, whole=whole) == NO_OBJECTS:
        # The whole file would be one or two records, and rejected.
        return Mismatch("holds JSON without objects", 'make each text an object, {"text": ...}')
    if has_json(text):
        return None
    if table := table_kind(text, whole=whole):
        return Mismatch(
            f"is read as JSON lines and looks like {table}", f"convert it, or {_AS_PROSE}"
        )
    return Mismatch("is read as JSON lines and has none", "name its --format, as in --format text")


def _not_wiki(head: bytes, text: str, *, whole: bool) -> Mismatch | None:
    if not text.strip() or is_wiki(head):
        return None
    found = json_kind(text, whole=whole)
    return Mismatch(
        f"is read as the output of WikiExtractor and looks like {found or 'something else'}",
        f"give --format {'jsonl' if found else 'text'}, or the one of what it is",
    )


def _json_as_text(text: str, *, whole: bool) -> Mismatch | None:
    found = json_kind(text, whole=whole)
    if found == NO_OBJECTS:
        return Mismatch(
            "looks like JSON without objects",
            'make each text an object, {"text": ...}, or give --format text to read it as prose',
        )
    advice = "give --format jsonl, or --format text to read it as prose"
    return Mismatch(f"looks like {found}", advice) if found else None


def _json_as_table(text: str, *, whole: bool) -> Mismatch | None:
    found = json_kind(text, whole=whole)
    return Mismatch(f"looks like {found}", "give --format jsonl") if found else None


def _quoted_tsv(text: str, *, whole: bool) -> Mismatch | None:
    if not has_quoted_line_ends(text, whole=whole):
        return None
    return Mismatch(
        "has cells in quotes with line ends in them, and TSV has no quotes",
        "write it as CSV, with commas, or give --format tsv to take quotes as text",
    )


def _table_as_text(text: str, *, whole: bool) -> Mismatch | None:
    found = table_kind(text, whole=whole)
    if found is None:
        return None
    advice = "convert it to JSON lines or Parquet"
    if known := _TABLE_FORMATS.get(found):
        advice = f"give --format {known} if its first line names its columns"
    return Mismatch(f"looks like {found}", f"{advice}, or {_AS_PROSE}")


def _markup(text: str) -> Mismatch | None:
    found = markup_kind(text)
    if found == WEB_ARCHIVE:
        advice = "give --format warc, or --format text to read it with its headers"
    else:
        advice = "extract its text first, or give --format text to read it with its tags"
    return Mismatch(f"looks like {found}", advice) if found else None
