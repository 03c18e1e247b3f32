"""How labelled records are read: which fields, which classes, which split; before the work."""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from pipelines.planning.options import BuildOptions
from pipelines.planning.record_look import Look, look_at
from schemas.addresses import without_secrets
from schemas.errors import UsageError, about
from schemas.wording import counted
from transforms.detect.content_checks import enabled_checks
from transforms.detect.encodings import check_encoding
from transforms.files.file_formats import FORMATS, TABLES
from transforms.files.inputs import InputFile, estimated_text_bytes
from transforms.files.planned_file import ReadError
from transforms.objectives import TASKS
from transforms.objectives.recipe import Recipe
from transforms.objectives.settings import changed
from transforms.read.input_files import check_heads, match_inputs
from transforms.read.read_records import RecordReader
from transforms.records.record_fields import RecordFields
from transforms.records.task_fields import FIELDS_OF

HELD_OUT = 0.1
"""Share of records that are held out by default."""
_SHOWN = 5


@dataclasses.dataclass(frozen=True, kw_only=True)
class Records:
    """Labelled records that are to be read.

    Attributes:
      files: Those that are held out included.
      reader: Reads them.
      held_out: Paths of the files that are the evaluation split; empty if keys decide.
      text_bytes: Estimated size of the text.
      notes: What users should know, a sentence each.
    """

    files: Sequence[InputFile]
    reader: RecordReader
    held_out: tuple[str, ...]
    text_bytes: int
    notes: tuple[str, ...] = ()

    def identity(self) -> dict[str, Any]:
        """Returns what the manifest says of how they were read."""
        fields = self.reader.fields
        return {
            "fields": list(fields.given),
            "labelled": fields.label is not None,
            "held_out": [*map(without_secrets, self.held_out)],
            "columns": list(self.reader.columns),
        }


def refuse_records(options: BuildOptions) -> None:
    """Refuses options of labelled records where there are none."""
    given = {
        "--fields": options.fields is not None,
        "--labels": options.labels is not None,
        "--columns": options.columns is not None,
        "--unlabelled": options.unlabelled,
        "--eval-input": bool(options.eval_input),
        f"--format {options.format}": options.format not in FORMATS,
    }
    if names := [name for name, value in given.items() if value]:
        raise UsageError(
            f"{names[0]} is for labelled records ({', '.join(TASKS)}), and {options.recipe} is "
            "built of text; leave it out"
        )


def check_record_options(options: BuildOptions, recipe: Recipe | None) -> None:
    """Refuses options of labelled records that no file could make right.

    Args:
      options: Of a build.
      recipe: That it builds; None for a mixture.

    Raises:
      ValueError: if something is missing, or does not fit together.
    """
    if recipe is None or recipe.labelled is None:
        refuse_records(options)
        return
    _labels(options, _fields(options, recipe))
    _refuse_two_splits(options)


def find_records(options: BuildOptions, recipe: Recipe) -> tuple[Records, Recipe]:
    """Finds the files, and learns the classes of the records.

    Returns:
      The records, and the recipe with their number of texts and their classes.

    Raises:
      ValueError: if something is missing, or does not fit together.
    """
    fields = _fields(options, recipe)
    _refuse_found(options, fields)
    given = _labels(options, fields)
    train, evaluated = _files(options)
    files = [*train, *evaluated]
    if not estimated_text_bytes(train):
        raise ValueError(f"{', '.join(options.input)}: the files are empty")
    reader = RecordReader(
        fields=fields,
        held_out=frozenset(file.path for file in evaluated) if evaluated else None,
        max_document_bytes=options.max_document_mib << 20,
        columns=_columns(options, files),
    )
    try:
        check_heads(files, enabled_checks(options.format, options.encoding) - {"fields"}, "")
        look = look_at(reader, train, evaluated, every=fields.has_classes and not given)
    except ReadError as error:
        raise ValueError(str(error)) from error
    names = given or look.names
    if not given:
        _check_classes(look, fields, options)
    records = Records(
        files=files,
        reader=dataclasses.replace(reader, fields=dataclasses.replace(fields, names=names)),
        held_out=tuple(file.path for file in evaluated),
        text_bytes=estimated_text_bytes(files),
        notes=_notes(look),
    )
    settings = {**fields.settings, **({"predict.names": ",".join(names)} if names else {})}
    return records, changed(recipe, settings)


def _refuse_found(options: BuildOptions, fields: RecordFields) -> None:
    """Refuses settings that follow from the records."""
    found = {**dict.fromkeys(fields.settings, "--fields"), "predict.names": "--labels"}
    for path, option in found.items():
        if path in options.settings:
            raise ValueError(
                f"--set {path}: it follows from the records and {option}; leave it out"
            )


def _fields(options: BuildOptions, recipe: Recipe) -> RecordFields:
    """Reads --fields."""
    assert recipe.labelled is not None
    if options.text_field != "text":
        raise ValueError(
            f"--text-field {options.text_field}: {recipe.name} is built of labelled records, whose "
            "fields --fields names; leave it out"
        )
    if options.document_separator:
        raise ValueError(
            f"--document-separator {options.document_separator!r} stands between the documents of "
            f"text, and {recipe.name} is built of labelled records; leave it out"
        )
    kind = FIELDS_OF[recipe.labelled.kind]
    example = kind.example
    if options.unlabelled:
        example = f"{example}, without the label"
    if options.fields is None:
        raise ValueError(f"{recipe.name} needs --fields, as in --fields {example}")
    names = _names(options.fields, "--fields")
    try:
        found = kind.of(names, labelled=not options.unlabelled)
        if all(found.needed) and len(set(found.needed)) == len(found.needed):
            return found
    except ValueError:
        pass
    raise ValueError(f"--fields of {recipe.name} takes {example}, got {options.fields!r}")


def _names(text: str, option: str) -> list[str]:
    """Reads different names with commas between them."""
    names = [" ".join(name.split()) for name in text.split(",")]
    if not all(names) or len(set(names)) < len(names):
        raise ValueError(f"{option} takes different names with commas between them, got {text!r}")
    return names


def _labels(options: BuildOptions, fields: RecordFields) -> tuple[str, ...]:
    """Reads --labels; nothing if it was not given."""
    if options.labels is None:
        return ()
    if not fields.has_classes or fields.label is None:
        raise ValueError("--labels names classes, and there are none here; leave it out")
    names = _names(options.labels, "--labels")
    if len(names) < 2:
        raise ValueError(f"--labels takes two classes or more, got {options.labels!r}")
    return tuple(names)


def _columns(options: BuildOptions, files: Iterable[InputFile]) -> tuple[str, ...]:
    """Reads --columns; nothing if it was not given."""
    if options.columns is None:
        return ()
    names = _names(options.columns, "--columns")
    if other := [file.path for file in files if file.format not in TABLES]:
        raise ValueError(
            f"--columns names the columns of TSV, CSV and CoNLL files, and {other[0]} is none; "
            "leave it out"
        )
    return tuple(names)


def _files(options: BuildOptions) -> tuple[list[InputFile], list[InputFile]]:
    """Returns the files of training, and those that are held out."""
    encoding = check_encoding(options.encoding or "utf-8")
    with about("--input"):
        train = match_inputs(options.input, options.format, encoding, records=True)
    if not options.eval_input:
        return train, []
    _refuse_two_splits(options)
    with about("--eval-input"):
        evaluated = match_inputs(options.eval_input, options.format, encoding, records=True)
    paths = {file.path for file in evaluated}
    left = [file for file in train if file.path not in paths]
    if not left:
        raise ValueError(
            f"--eval-input {', '.join(options.eval_input)} names every file of --input; nothing is "
            "left for training"
        )
    return left, evaluated


def _refuse_two_splits(options: BuildOptions) -> None:
    if options.eval_input and options.eval_fraction is not None:
        raise ValueError(
            "--eval-input names what is held out, and --eval-fraction draws it; leave one of them "
            "out"
        )


def _check_classes(look: Look, fields: RecordFields, options: BuildOptions) -> None:
    """Refuses classes of which a model cannot learn one, or that cannot be stored."""
    if not fields.has_classes or fields.label is None:
        return
    if len(look.names) < 2:
        if not look.names:
            raise ValueError(f"{', '.join(options.input)}: no record has a class in {fields.label}")
        raise ValueError(
            f"--fields: {fields.label} has one class, {look.names[0]!r}, in all records, and two "
            "are needed to learn to tell them apart"
        )
    if named := [name for name in look.names if "," in name]:
        raise ValueError(
            f"--fields: {fields.label} of {', '.join(options.input)} has the class {named[0]!r}, "
            "and no name of a class may have a comma; write another sign for it in the files"
        )
    if look.with_unknown > options.max_rejected:
        listed = ", ".join(map(repr, sorted(look.unknown)[:_SHOWN]))
        raise ValueError(
            f"--eval-input: {fields.label} is {listed} in "
            f"{counted(look.with_unknown, 'record')}, and no record of --input has that; "
            f"known: {', '.join(look.names[:20])}"
        )


def _notes(look: Look) -> tuple[str, ...]:
    if not look.shared:
        return ()
    return (
        f"{counted(look.shared, 'record')} for training {'has' if look.shared == 1 else 'have'} "
        "the text of one that is held out, so evaluation is too good by what is known by heart",
    )
