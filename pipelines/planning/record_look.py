"""Looks through labelled records before a build: their fields, their classes, their splits."""

import collections
import dataclasses
import hashlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from schemas.label_kinds import CLASS
from schemas.wording import counted, nearest
from transforms.files.inputs import InputFile, plan_ranges
from transforms.read.read_records import RecordReader
from transforms.records.json_fields import field_of
from transforms.records.record_fields import (
    MISSING_FIELD,
    MISSING_LABEL,
    UNKNOWN_LABEL,
    RecordFields,
    class_name,
)

MOST_CLASSES = 10_000
_FIRST = 20
"""Records of each file that are looked at for their fields."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Look:
    """What was found in records.

    Attributes:
      names: Of the classes of training, in their order.
      unknown: Classes of evaluation that training has not.
      with_unknown: Records of evaluation that have one of them.
      shared: Records of training whose texts are those of one for evaluation.
    """

    names: tuple[str, ...] = ()
    unknown: frozenset[str] = frozenset()
    with_unknown: int = 0
    shared: int = 0


def look_at(
    reader: RecordReader,
    train: Sequence[InputFile],
    evaluated: Sequence[InputFile],
    *,
    every: bool,
) -> Look:
    """Looks at the first records of every file, and at all of them where that is needed.

    Args:
      reader: Reads them; it knows no classes yet.
      train: Files for training.
      evaluated: Files that are held out.
      every: Whether the classes are to be found.

    Raises:
      ValueError: If a file has no record, not the fields, or labels of another kind.
      ReadError: If a file is damaged.
    """
    for file in (*train, *evaluated):
        _check_first(reader, file)
    fields = reader.fields
    bare = dataclasses.replace(fields, label=None)
    held, of_evaluation = set[bytes](), collections.Counter[frozenset[str]]()
    of_training, shared = set[str](), 0
    for record in _records(reader, evaluated):
        held.add(_digest(bare, record))
        of_evaluation[_classes(fields, record)] += 1
    if every or held:
        for record in _records(reader, train):
            shared += bool(held) and _digest(bare, record) in held
            of_training |= _classes(fields, record)
            if len(of_training) > MOST_CLASSES:
                raise ValueError(
                    f"--fields: {fields.label} has more than {MOST_CLASSES:,} classes; is it the "
                    "text?"
                )
    return Look(
        names=tuple(sorted(of_training, key=_order)),
        unknown=frozenset[str]().union(*of_evaluation) - of_training,
        with_unknown=sum(n for names, n in of_evaluation.items() if names - of_training),
        shared=shared,
    )


def _check_first(reader: RecordReader, file: InputFile) -> None:
    """Refuses a file whose first records have not the fields, or labels of another kind."""
    fields, records = reader.fields, _records(reader, [file])
    first = list(itertools.islice(records, _FIRST))
    if not first:
        _refuse_unreadable(reader, file)
        return
    for name in fields.needed:
        if all(field_of(record, name) is None for record in first):
            there = list(dict.fromkeys(known for record in first for known in record))
            raise ValueError(
                f"--fields: {file.path} has no field {name!r}"
                f"{_of_first(len(first))}; {nearest(name, there)}"
            )
    # Classes are not known yet.
    reasons = [fields.parse(record).reason.replace(UNKNOWN_LABEL, "") for record in first]
    if all(reasons) and fields.label is not None and MISSING_LABEL not in reasons:
        reason = collections.Counter(reasons).most_common(1)[0][0]
        value = field_of(first[reasons.index(reason)], fields.label)
        if reason == MISSING_FIELD:
            value = field_of(first[reasons.index(reason)], fields.texts[0])
        raise ValueError(
            f"--fields: {file.path} has no record that can be read{_of_first(len(first))}: "
            f"{reason.replace('_', ' ')}, as in {_shown(value)}; "
            + (_no_class(fields, value) or f"they are to be {fields.example}")
        )


def _no_class(fields: RecordFields, value: Any) -> str:
    """Returns what to do with a label that is no class, where that is known; else ""."""
    if fields.kind != CLASS:
        return ""
    if isinstance(value, float):
        return "a class is a text or a whole number; `shardmill build regress` is for numbers"
    if isinstance(value, list):
        return (
            "a record has one class, and no list of them; name a field with a single one (tag "
            "takes a list of classes, one for each of a list of words)"
        )
    return ""


def _refuse_unreadable(reader: RecordReader, file: InputFile) -> None:
    """Refuses a file that has something in it, and no record that can be read."""
    [part] = plan_ranges([file], 1 << 62)
    for offset, _, _, reason in reader.records(part):
        raise ValueError(
            f"{file.path} has no record that can be read: {reason.replace('_', ' ')} at byte "
            f"{offset}, and no better one after it"
        )


def _of_first(count: int) -> str:
    return f" in its first {counted(count, 'record')}"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _records(reader: RecordReader, files: Sequence[InputFile]) -> Iterator[Mapping[str, Any]]:
    """Yields the records that can be read at all."""
    for part in plan_ranges(files, 1 << 62):
        for *_, record, reason in reader.records(part):
            if not reason:
                yield record


def _classes(fields: RecordFields, record: Mapping[str, Any]) -> frozenset[str]:
    """Returns the classes of a record; what can be none is rejected where it is read."""
    if not fields.has_classes:
        return frozenset()
    return frozenset(filter(None, map(class_name, fields.labels(record))))


def _digest(fields: RecordFields, record: Mapping[str, Any]) -> bytes:
    """Returns a digest of the texts of a record, without differences of white space.

    Args:
      fields: Without a label.
      record: Any.
    """
    lines = fields.parse(record).lines
    text = "\n".join(" ".join(line.split()) for line in lines)
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).digest()


def _order(name: str) -> tuple[bool, int, bytes]:
    """Sorts whole numbers by value, and before other names."""
    digits = name.removeprefix("-")
    whole = digits.isascii() and digits.isdigit() and len(digits) < 20
    return not whole, int(name) if whole else 0, name.encode("utf-8", "surrogatepass")
