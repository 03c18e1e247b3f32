"""Records of files, in their order, as chunks of rows."""

import contextlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from schemas.errors import UsageError, about
from schemas.label_kinds import TAGS
from trainer.exits.fine_tuned import a_label
from trainer.predictions.encode import TextRows
from trainer.predictions.options import PredictOptions
from trainer.predictions.rows import Chunk
from trainer.predictions.texts import ROWS
from transforms.files.inputs import FileRange, InputFile, plan_ranges
from transforms.read.input_files import match_inputs
from transforms.read.read_records import RecordReader
from transforms.records.json_fields import field_of
from transforms.records.record_fields import EMPTY_TEXT, RecordFields
from transforms.records.task_fields import FIELDS_OF
from transforms.records.word_fields import NOT_SPLIT, list_of_texts

CHUNK = 4096
"""Records that are read, computed and written at once."""
MAX_RECORD_BYTES = 64 << 20
_WHOLE = 1 << 62


class FileChunks:
    """Records of files. All of them are kept, those without any text too, which have no row."""

    def __init__(self, options: PredictOptions, kind: str, rows: TextRows) -> None:
        """Finds the files.

        Args:
          options: Of the user.
          kind: What is predicted of a record.
          rows: Makes rows of its texts.

        Raises:
          UsageError: if there are no files, or fields are named that the kind has not.
        """
        self._field, self._rows, self._kind = options.field, rows, kind
        self._fields = _fields(options.fields, kind)
        with about("--input"):
            self._files: Sequence[InputFile] = match_inputs(options.input, records=True)
        self._reader = RecordReader(
            fields=self._fields,
            held_out=None,
            max_document_bytes=MAX_RECORD_BYTES,
            whole=True,
        )

    def __iter__(self) -> Iterator[Chunk]:
        records = self._records()
        while chunk := list(itertools.islice(records, CHUNK)):
            lines = [self._lines(*each) for each in chunk]
            yield ROWS[self._kind]([each for _, each in chunk], lines, self._rows)

    def _records(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yields records, each with its place for messages."""
        for part in plan_ranges(self._files, _WHOLE):
            for offset, _, record, reason in self._reader.records(part):
                place = _place(part, offset)
                if reason:
                    raise UsageError(f"{place}: the record cannot be read ({reason})")
                yield place, record

    def _lines(self, place: str, record: Mapping[str, Any]) -> Sequence[str]:
        """Returns the texts of a record; none of one that has nothing to see."""
        if self._field in record:
            raise UsageError(
                f"{place}: the record has a field {self._field!r}, where its prediction would be; "
                "name another one with --as"
            )
        found = self._fields.parse(record)
        if found.reason == EMPTY_TEXT and self._kind != TAGS:
            return ()
        if found.reason == NOT_SPLIT:
            raise UsageError(
                f"{place}: {self._fields.texts[0]!r} is a text without spaces between its words, "
                "and each word gets a tag; give a list of words, or of characters, as in training"
            )
        if found.reason not in {"", EMPTY_TEXT}:
            lacking = [name for name in self._fields.needed if field_of(record, name) is None]
            what = f"no field {lacking[0]!r}" if lacking else f"no text there ({found.reason})"
            raise UsageError(
                f"{place}: the record has {what}, and --fields names "
                f"{', '.join(self._fields.given)}; it has {', '.join(map(str, record))}"
            )
        lines = found.lines
        if self._kind == TAGS:
            # All words, so that each has its tag; those of white space are left out of the row.
            lines = list_of_texts(field_of(record, self._fields.texts[0])) or ()
        if any("\ud800" <= letter <= "\udfff" for line in lines for letter in line):
            raise UsageError(f"{place}: the text of the record is no Unicode; correct it")
        return lines


def _fields(names: Sequence[str], kind: str) -> RecordFields:
    """Returns what `--fields` names of records."""
    fields = FIELDS_OF[kind]
    with contextlib.suppress(ValueError):
        found = fields.of(names, labelled=False)
        if all(found.needed):
            return found
    raise UsageError(
        f"--fields {','.join(names)}: the model predicts {a_label(kind)}, and takes "
        f"{fields.example}, without the label"
    )


def _place(part: FileRange, offset: int) -> str:
    return f"{part.path}, {'row' if part.format == 'parquet' else 'byte'} {offset}"
