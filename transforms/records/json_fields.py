"""The text of a JSON record: a field, or a dialogue. Nested values of other formats work alike."""

import functools
import itertools
import json
from collections.abc import Mapping, Sequence
from typing import Any

from transforms.records.labelled_records import labelled_text, record_fields

# Fields of a turn of a dialogue, as ShareGPT, OpenAI and others name them.
_TEXT_FIELDS = ("value", "content", "text", "utterance")
_SPEAKER_FIELDS = ("from", "role", "speaker")
_NO_SPEAKERS = frozenset({"system", "developer"})


def json_object(line: bytes, undecodable: str) -> tuple[dict[str, Any], str]:
    """Returns a JSON object, and the reason for rejecting it or "".

    Args:
      line: UTF-8. A leading byte order mark, as in concatenated files, is ignored.
      undecodable: The reason if it is not UTF-8.
    """
    try:
        record = json.loads(line.decode().removeprefix("\ufeff"))
    except UnicodeDecodeError:
        return {}, undecodable
    except (ValueError, RecursionError):
        return {}, "broken_json"
    return (record, "") if isinstance(record, dict) else ({}, "broken_json")


def json_text(record: Mapping[str, Any], field: str) -> tuple[bytes, int | None, str]:
    """Returns the text of a record in UTF-8, its label, and the reason for rejecting it or "".

    Args:
      record: A JSON object.
      field: See `field_of`; several with + between them, see `joined_text`; or the names of a
        query, a title and a label, see `labelled_records`. Only a record of these has a label; that
        of others is None.
    """
    label = None
    if names := record_fields(field):
        values = {name: field_of(record, name) for name in names}
        text, label, reason = labelled_text(values, names)
    elif "+" in field and field not in record:
        text, reason = joined_text([field_of(record, name) for name in joined_names(field)])
    else:
        text, reason = text_of(field_of(record, field))
    try:
        return text.encode(), label, reason
    except UnicodeEncodeError:
        return b"", label, "unpaired_surrogate"


def field_of(record: Mapping[str, Any], name: str) -> Any:
    """Returns the field with this name or, for a path such as `meta.text`, the nested field.

    >>> field_of({"meta": {"text": "a"}}, "meta.text"), field_of({"meta": "b"}, "meta.text")
    ('a', None)
    """
    if name in record or "." not in name:
        return record.get(name)
    first, _, rest = name.partition(".")
    inner = record.get(first)
    return field_of(inner, rest) if isinstance(inner, Mapping) else None


def check_text_field(field: str) -> None:
    """Raises ValueError if the names of fields with the text cannot be understood."""
    if not record_fields(field):
        joined_names(field)


@functools.cache
def joined_names(field: str) -> tuple[str, ...]:
    """Returns the fields whose texts are joined.

    >>> joined_names("title+content"), joined_names("text")
    (('title', 'content'), ('text',))

    Raises:
      ValueError: If one of several has no name.
    """
    names = tuple(field.split("+"))
    if len(names) > 1 and not all(names):
        raise ValueError(
            "--text-field takes a + between the names of fields that are joined, as in "
            f"title+content; got {field!r}"
        )
    return names


def joined_text(values: Sequence[object]) -> tuple[str, str]:
    r"""Returns the text of several fields, each on lines of its own, and the reason or "".

    >>> joined_text(["A title", "Its text."]), joined_text(["A title", None])
    (('A title\nIts text.', ''), ('', 'missing_field'))
    """
    found = [text_of(value) for value in values]
    if reason := next((reason for _, reason in found if reason), ""):
        return "", reason
    return "\n".join(text for text, _ in found if text), ""


def text_of(value: object) -> tuple[str, str]:
    """Returns the text of a string or dialogue, and the reason for rejecting it or ""."""
    if isinstance(value, str):
        return value, ""
    if not isinstance(value, list):
        return "", "missing_field"
    text = dialogue_text(value)
    return text, "" if text else "broken_dialogue"


def dialogue_text(turns: Sequence[object]) -> str:
    r"""Returns the turns of a dialogue, one per line, or "" if there are fewer than two.

    >>> dialogue_text(["Hi.", "Hello!"])
    'Hi.\nHello!'
    >>> turns = [("system", "Be kind."), ("user", "Hi."), ("user", "You there?"), ("bot", "Yes.")]
    >>> dialogue_text([{"role": role, "content": content} for role, content in turns])
    'Hi. You there?\nYes.'

    Args:
      turns: Texts, or objects with a speaker and a text: {"from", "value"}, {"role", "content"},
        {"speaker", "text"}. Instructions of a "system" are dropped, as they are not a turn.
        Consecutive turns of one speaker are joined.
    """
    if turns and all(isinstance(turn, Mapping) for turn in turns):
        kept = [turn for turn in turns if _speaker_of(turn) not in _NO_SPEAKERS]
    else:
        kept = list(turns)
    texts = [(index, _speaker_of(turn), _turn_text(turn)) for index, turn in enumerate(kept)]
    if not all(text for _, _, text in texts) or len({type(turn) for turn in kept}) > 1:
        return ""
    # Turns without a speaker are not joined.
    groups = itertools.groupby(texts, lambda turn: turn[0] if turn[1] is None else turn[1])
    lines = [" ".join(text for _, _, text in group) for _, group in groups]
    return "\n".join(lines) if len(lines) > 1 else ""


def _speaker_of(turn: object) -> str | None:
    if not isinstance(turn, Mapping):
        return None
    found = next((turn[name] for name in _SPEAKER_FIELDS if name in turn), None)
    return found if isinstance(found, str) else None


def _turn_text(turn: object) -> str:
    """Returns the text of a turn on one line, "" if it has none or not only text."""
    if isinstance(turn, Mapping):
        turn = next((turn[name] for name in _TEXT_FIELDS if turn.get(name) is not None), None)
    if isinstance(turn, list):
        # A message of several parts. If one is an image, the message is not only text.
        parts = [part.get("text") if isinstance(part, Mapping) else None for part in turn]
        texts = [part for part in parts if isinstance(part, str)]
        turn = " ".join(texts) if len(texts) == len(parts) else None
    return " ".join(turn.split()) if isinstance(turn, str) else ""
