"""The text of a JSON record, or of a nested value of another format: a field, or a dialogue."""

import itertools
import json
from collections.abc import Mapping, Sequence
from typing import Any

from transforms.records.query_titles import record_fields, record_text

# What the turns of a dialogue say, and who says it: as ShareGPT, OpenAI and others name them.
_SAID = ("value", "content", "text", "utterance")
_SPEAKER = ("from", "role", "speaker")
_NO_SPEAKERS = frozenset({"system", "developer"})


def json_object(line: bytes, undecodable: str) -> tuple[dict[str, Any], str]:
    """Returns a JSON object, and why there is none or "".

    Args:
      line: UTF-8. A byte order mark, as files that were joined have, is no part of it.
      undecodable: The reason if it is not UTF-8.
    """
    try:
        record = json.loads(line.decode().removeprefix("\ufeff"))
    except UnicodeDecodeError:
        return {}, undecodable
    except (ValueError, RecursionError):
        return {}, "broken_json"
    return (record, "") if isinstance(record, dict) else ({}, "broken_json")


def json_text(record: Mapping[str, Any], field: str) -> tuple[bytes, str]:
    """Returns the text of a record in UTF-8, and why there is none or "".

    Args:
      record: A JSON object.
      field: See `field_of`; or those of a query, a title and a label, see `query_titles`.
    """
    if names := record_fields(field):
        values = {name: field_of(record, name) for name in names}
        text, reason = record_text(values, names)
    else:
        text, reason = text_of(field_of(record, field))
    try:
        return text.encode(), reason
    except UnicodeEncodeError:
        return b"", "unpaired_surrogate"


def field_of(record: Mapping[str, Any], name: str) -> Any:
    """Returns the field of this name, or that a path such as `meta.text` leads to; None if none."""
    if name in record or "." not in name:
        return record.get(name)
    first, _, rest = name.partition(".")
    inner = record.get(first)
    return field_of(inner, rest) if isinstance(inner, Mapping) else None


def text_of(value: object) -> tuple[str, str]:
    """Returns the text that a value is, and why it is none or ""."""
    if isinstance(value, str):
        return value, ""
    if not isinstance(value, list):
        return "", "missing_field"
    text = dialogue_text(value)
    return text, "" if text else "broken_dialogue"


def dialogue_text(turns: Sequence[object]) -> str:
    """Returns the turns of a dialogue, a line each, or "" if these are not two turns or more.

    Args:
      turns: Texts, or objects that say who speaks and what: {"from", "value"}, {"role", "content"},
        {"speaker", "text"}. Instructions of a "system" are no turn of a speaker and are left out;
        what one says in several turns after each other is one turn.
    """
    if turns and all(isinstance(turn, Mapping) for turn in turns):
        spoken = [turn for turn in turns if _speaker_of(turn) not in _NO_SPEAKERS]
    else:
        spoken = list(turns)
    said = [(index, _speaker_of(turn), _said(turn)) for index, turn in enumerate(spoken)]
    if not all(text for _, _, text in said) or len({type(turn) for turn in spoken}) > 1:
        return ""
    # Turns of nobody known are turns of their own.
    groups = itertools.groupby(said, lambda turn: turn[0] if turn[1] is None else turn[1])
    lines = [" ".join(text for _, _, text in group) for _, group in groups]
    return "\n".join(lines) if len(lines) > 1 else ""


def _speaker_of(turn: object) -> str | None:
    if not isinstance(turn, Mapping):
        return None
    found = next((turn[name] for name in _SPEAKER if name in turn), None)
    return found if isinstance(found, str) else None


def _said(turn: object) -> str:
    """Returns what a turn says, on one line; "" if that cannot be told."""
    if isinstance(turn, Mapping):
        turn = next((turn[name] for name in _SAID if turn.get(name) is not None), None)
    if isinstance(turn, list):
        # A message of parts: with an image among them it is not all text.
        parts = [part.get("text") if isinstance(part, Mapping) else None for part in turn]
        texts = [part for part in parts if isinstance(part, str)]
        turn = " ".join(texts) if len(texts) == len(parts) else None
    return " ".join(turn.split()) if isinstance(turn, str) else ""
