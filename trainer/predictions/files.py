"""Records of files, in their order, as chunks of rows."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from schemas.errors import UsageError, about
from schemas.label_kinds import CLASS
from trainer.predictions.encode import TextRows
from trainer.predictions.options import PredictOptions
from trainer.predictions.rows import Chunk
from transforms.files.inputs import FileRange, InputFile, plan_ranges
from transforms.read.input_files import match_inputs
from transforms.read.read_records import RecordReader
from transforms.records.json_fields import field_of
from transforms.records.task_fields import FIELDS_OF
from transforms.text.normalize import WHITE

CHUNK = 4096
"""Records that are read, computed and written at once."""
MAX_RECORD_BYTES = 64 << 20
_WHOLE = 1 << 62


class FileChunks:
    """Records of files. All of them are kept, those without any text too, which have no row."""

    def __init__(self, options: PredictOptions, rows: TextRows) -> None:
        """Finds the files.

        Raises:
          UsageError: if there are none, or one is no file of records.
        """
        self._texts, self._field, self._rows = options.texts, options.field, rows
        with about("--input"):
            self._files: Sequence[InputFile] = match_inputs(options.input, records=True)
        self._reader = RecordReader(
            fields=FIELDS_OF[CLASS].of(options.texts, labelled=False),
            held_out=None,
            max_document_bytes=MAX_RECORD_BYTES,
            whole=True,
        )

    def __iter__(self) -> Iterator[Chunk]:
        records = self._records()
        while chunk := list(itertools.islice(records, CHUNK)):
            texts = [self._text(*each) for each in chunk]
            record = np.flatnonzero([all(each) for each in texts])
            rows = self._rows.rows([texts[number] for number in record.tolist()])
            yield Chunk([each for _, each in chunk], rows, record)

    def _records(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yields records, each with its place for messages."""
        for part in plan_ranges(self._files, _WHOLE):
            for offset, _, record, reason in self._reader.records(part):
                place = _place(part, offset)
                if reason:
                    raise UsageError(f"{place}: the record cannot be read ({reason})")
                yield place, record

    def _text(self, place: str, record: Mapping[str, Any]) -> list[str]:
        """Returns the texts of a record, "" for one that has nothing to see."""
        if self._field in record:
            raise UsageError(
                f"{place}: the record has a field {self._field!r}, where its prediction would be; "
                "name another one with --as"
            )
        found = [field_of(record, name) for name in self._texts]
        for name, value in zip(self._texts, found, strict=True):
            if not isinstance(value, str):
                what = "no field" if value is None else "no text in its field"
                raise UsageError(
                    f"{place}: the record has {what} {name!r}, which --fields names; it has "
                    f"{', '.join(map(str, record))}"
                )
            if any("\ud800" <= letter <= "\udfff" for letter in value):
                raise UsageError(f"{place}: the field {name!r} is no Unicode text; correct it")
        return [text if text.strip(WHITE) else "" for text in found]


def _place(part: FileRange, offset: int) -> str:
    return f"{part.path}, {'row' if part.format == 'parquet' else 'byte'} {offset}"
