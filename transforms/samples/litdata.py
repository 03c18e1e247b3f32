"""Chunks as LitData's StreamingDataset reads them.

A chunk is, in little-endian numbers: uint32 N; uint32[N + 1], where each sample begins in the file
and the last ends; the samples. A sample is the uint32 sizes of its values, then the values, with
nothing in front of them: index.json says what they are.

Samples are dictionaries. Chunks of tokens without borders (for LitData's TokensLoader) would lose
what is behind the last whole block of each, and every column but one.

Source: Lightning-AI/litdata src/litdata/streaming/writer.py, serializers.py, item_loader.py.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from schemas.arrow_columns import numpy_of
from transforms.arrays.ragged import Array, Ragged
from transforms.samples.packed import (
    Part,
    SampleColumn,
    fixed_bytes,
    join_pieces,
    packed_file,
    sample_columns,
    value_bytes,
)

PART_BYTES = 1 << 26
"""What `litdata.optimize` is usually asked for as `chunk_bytes`."""
_ARRAY_CODES = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
"""Types of items, in the order of their numbers."""
_SCALARS = {"b": ("bool", "?"), "i": ("int", "<i8"), "u": ("int", "<i8"), "f": ("float", "<f8")}
"""Kind of NumPy's types: what a number is called, and how it is stored."""


class LitData:
    """Chunks of LitData, and the index.json that names them."""

    part_bytes = PART_BYTES
    value_bytes = 8
    index_name = "index.json"

    def part_name(self, number: int) -> str:
        return f"chunk-0-{number}.bin"

    def parts(
        self, schema: pa.Schema, batches: Iterable[pa.RecordBatch], first: int
    ) -> Iterator[bytes | Array]:
        columns = sample_columns(schema)
        yield from packed_file([_samples(batch, columns) for batch in batches])

    def index(self, schema: pa.Schema, parts: Sequence[Part]) -> str:
        columns = sample_columns(schema)
        chunks = [
            {
                "chunk_bytes": part.bytes,
                "chunk_size": part.samples,
                "dim": None,
                "filename": part.name,
            }
            for part in parts
        ]
        config = {
            "chunk_bytes": PART_BYTES,
            "chunk_size": None,
            "compression": None,
            "data_format": [_format(column) for column in columns],
            "data_spec": json.dumps(_tree(columns)),
            "encryption": None,
            "item_loader": "PyTreeLoader",
        }
        return json.dumps({"chunks": chunks, "config": config}, sort_keys=True)


def _format(column: SampleColumn) -> str:
    """Returns what LitData calls the values of a column."""
    if column.listed:
        return f"no_header_numpy:{_ARRAY_CODES.index(column.dtype.name)}"
    return _SCALARS[column.dtype.kind][0]


def _tree(columns: Sequence[SampleColumn]) -> list[Any]:
    """Returns how torch writes the structure of a dictionary of values, version 1."""
    leaf: dict[str, Any] = {"type": None, "context": None, "children_spec": []}
    names = json.dumps([column.name for column in columns])
    spec = {"type": "builtins.dict", "context": names, "children_spec": [leaf] * len(columns)}
    return [1, spec]


def _samples(batch: pa.RecordBatch, columns: Sequence[SampleColumn]) -> Ragged:
    """Returns the bytes of samples."""
    values = [_values(batch.column(column.name), column) for column in columns]
    sizes = np.stack([each.lengths for each in values], axis=1).astype("<u4")
    return join_pieces([fixed_bytes(sizes), *values])


def _values(stored: pa.Array, column: SampleColumn) -> Ragged:
    if column.listed:
        return value_bytes(stored)
    return fixed_bytes(numpy_of(stored).astype(_SCALARS[column.dtype.kind][1]))
