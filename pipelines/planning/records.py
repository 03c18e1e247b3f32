"""How labelled records are read: which fields, which classes, which split; before the work."""

import collections
import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pipelines.planning.options import BuildOptions
from schemas.errors import UsageError, about
from schemas.label_kinds import CLASS
from transforms.detect.content_checks import enabled_checks
from transforms.detect.encodings import check_encoding
from transforms.files.inputs import FileRange, InputFile, estimated_text_bytes, plan_ranges
from transforms.files.planned_file import FormatError
from transforms.objectives import TASKS
from transforms.objectives.recipe import Recipe
from transforms.objectives.settings import changed
from transforms.read.input_files import check_heads, match_inputs
from transforms.read.read_records import RecordReader, records_of
from transforms.records.json_fields import field_of
from transforms.records.record_fields import LABELS, RecordFields, class_name

HELD_OUT = 0.1
"""Share of records that are held out by default."""
MOST_CLASSES = 10_000
_SHOWN = 8


@dataclasses.dataclass(frozen=True, kw_only=True)
class Records:
    """Labelled records that are to be read.

    Attributes:
      files: Those that are held out included.
      fields: How they are read.
      held_out: Paths of the files that are the evaluation split; empty if keys decide.
      text_bytes: Estimated size of the text.
      max_bytes: Of a record.
    """

    files: Sequence[InputFile]
    fields: RecordFields
    held_out: tuple[str, ...]
    text_bytes: int
    max_bytes: int

    @property
    def reader(self) -> RecordReader:
        return RecordReader(
            fields=self.fields,
            held_out=frozenset(self.held_out) if self.held_out else None,
            max_document_bytes=self.max_bytes,
        )

    def identity(self) -> dict[str, Any]:
        """Returns what the manifest says of how they were read."""
        label = () if self.fields.label is None else (self.fields.label,)
        return {
            "fields": [*self.fields.texts, *label],
            "labelled": self.fields.label is not None,
            "held_out": list(self.held_out),
        }


def refuse_records(options: BuildOptions) -> None:
    """Refuses options of labelled records where there are none."""
    given = {
        "--fields": options.fields is not None,
        "--labels": options.labels is not None,
        "--unlabelled": options.unlabelled,
        "--eval-input": bool(options.eval_input),
    }
    if names := [name for name, value in given.items() if value]:
        raise UsageError(
            f"{names[0]} is for labelled records ({', '.join(TASKS)}), and {options.recipe} is "
            "built of text; leave it out"
        )


def find_records(options: BuildOptions, recipe: Recipe) -> tuple[Records, Recipe]:
    """Finds the files, and learns the classes of the records.

    Returns:
      The records, and the recipe with their number of texts and their classes.

    Raises:
      ValueError: if something is missing, or does not fit together.
    """
    fields = _fields(options, recipe)
    train, evaluated = _files(options)
    files = [*train, *evaluated]
    text_bytes = estimated_text_bytes(files)
    if not estimated_text_bytes(train):
        raise ValueError(f"{', '.join(options.input)}: the files are empty")
    try:
        check_heads(files, enabled_checks(options.format, options.encoding) - {"fields"})
    except FormatError as error:
        raise ValueError(str(error)) from error
    max_bytes = options.max_document_mib << 20
    names = _names(options, fields, train, max_bytes)
    settings = {"pair": "TwoTexts" if len(fields.texts) == 2 else "OneText"}
    settings |= {"predict.names": ",".join(names)} if names else {}
    records = Records(
        files=files,
        fields=dataclasses.replace(fields, names=names),
        held_out=tuple(file.path for file in evaluated),
        text_bytes=text_bytes,
        max_bytes=max_bytes,
    )
    return records, changed(recipe, settings)


def _fields(options: BuildOptions, recipe: Recipe) -> RecordFields:
    """Reads --fields."""
    assert recipe.labelled is not None
    example = "text" if options.unlabelled else "text,label"
    pair = "text_a,text_b" if options.unlabelled else "text_a,text_b,label"
    if options.fields is None:
        raise ValueError(f"{recipe.name} needs --fields, as in --fields {example} or {pair}")
    names = [name.strip() for name in options.fields.split(",")]
    texts, label = (names, None) if options.unlabelled else (names[:-1], names[-1])
    if not all(names) or not 1 <= len(texts) <= 2:
        raise ValueError(f"--fields takes names as in {example} or {pair}, got {options.fields!r}")
    if len(set(names)) < len(names):
        raise ValueError(f"--fields {options.fields}: the names must differ")
    return RecordFields(kind=recipe.labelled.kind, texts=tuple(texts), label=label)


def _files(options: BuildOptions) -> tuple[list[InputFile], list[InputFile]]:
    """Returns the files of training, and those that are held out."""
    encoding = check_encoding(options.encoding or "utf-8")
    with about("--input"):
        train = match_inputs(options.input, options.format, encoding)
    if not options.eval_input:
        return train, []
    if options.eval_fraction is not None:
        raise ValueError(
            "--eval-input names what is held out, and --eval-fraction draws it; leave one of them "
            "out"
        )
    with about("--eval-input"):
        evaluated = match_inputs(options.eval_input, options.format, encoding)
    paths = {file.path for file in evaluated}
    return [file for file in train if file.path not in paths], evaluated


def _names(
    options: BuildOptions, fields: RecordFields, files: Sequence[InputFile], max_bytes: int
) -> tuple[str, ...]:
    """Returns the names of the classes: those that were given, or those in the records."""
    if fields.label is None or fields.kind != CLASS:
        if options.labels is not None:
            raise ValueError("--labels names classes, and there are none here; leave it out")
        if fields.label is not None:
            _check_labels(fields, _values(files, fields.label, max_bytes))
        return ()
    if options.labels is not None:
        names = tuple(" ".join(name.split()) for name in options.labels.split(","))
        if len(set(names)) < len(names) or not all(names):
            raise ValueError(f"--labels takes different names, got {options.labels!r}")
        return names
    counts: collections.Counter[str] = collections.Counter()
    for value in _values(files, fields.label, max_bytes):
        counts[_class_name(value, fields.label)] += 1
        if len(counts) > MOST_CLASSES:
            raise ValueError(
                f"--fields: {fields.label} has more than {MOST_CLASSES:,} classes; is it the text?"
            )
    if not counts:
        raise ValueError(f"--fields: no record has a field {fields.label!r}")
    if named := [name for name in counts if "," in name]:
        raise ValueError(f"the name of a class has a comma, which none may have: {named[0]!r}")
    return tuple(sorted(counts, key=_order))


def _order(name: str) -> tuple[bool, int, bytes]:
    """Sorts whole numbers by value, and before other names."""
    whole = name.lstrip("-").isascii() and name.lstrip("-").isdigit()
    return not whole, int(name) if whole else 0, name.encode()


def _class_name(value: Any, field: str) -> str:
    name = class_name(value)
    if name is None:
        raise ValueError(
            f"--fields: {field} is {value!r} in a record, and a class is a text or a whole number; "
            "for other numbers build regress"
        )
    return name


def _check_labels(fields: RecordFields, values: Iterable[Any]) -> None:
    """Refuses a field that does not hold what labels are; single wrong records are rejected."""
    first = [*itertools.islice(values, _SHOWN)]
    wrong = [value for value in first if LABELS[fields.kind](value, ())[1]]
    if wrong and len(wrong) == len(first):
        raise ValueError(
            f"--fields: {fields.label} is {wrong[0]!r} in a record, and no {fields.kind}"
        )


def _values(files: Sequence[InputFile], field: str, max_bytes: int) -> Iterator[Any]:
    """Yields the values of a field that records have."""
    for part in _whole(files):
        for _, _, record, reason in records_of(part, max_bytes):
            value = None if reason else field_of(record, field)
            if value is not None:
                yield value


def _whole(files: Sequence[InputFile]) -> list[FileRange]:
    return plan_ranges(files, 1 << 62)
