"""Shards as MosaicML's StreamingDataset reads them (MDS).

A shard is, in little-endian numbers: uint32 N; uint32[N + 1], where each sample begins in the file
and the last ends; a JSON of the columns; the samples. A sample is the uint32 sizes of the columns
whose values differ in size, then the values. An array begins with a byte (axes times four, plus 0,
1 or 2 for uint8, uint16 or uint32) and its length as that type.

Source: mosaicml/streaming streaming/base/format/mds.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from schemas.records import Array, Int64
from transforms.arrays.ragged import Ragged, offsets_of
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
"""What a shard has at most in their own writer, unless something else is asked for."""
_LENGTH_BYTES = np.array([1, 2, 4])
"""Of the types of the length of an array."""


class Mds:
    """MDS shards, and the index.json that names them."""

    part_bytes = PART_BYTES
    value_bytes = 8
    index_name = "index.json"

    def part_name(self, number: int) -> str:
        return f"shard.{number:05d}.mds"

    def parts(
        self, schema: pa.Schema, batches: Iterable[pa.RecordBatch], first: int
    ) -> Iterator[bytes | Array]:
        columns = _sorted(schema)
        config = json.dumps(_config(columns), sort_keys=True).encode()
        yield from packed_file([_samples(batch, columns) for batch in batches], config)

    def index(self, schema: pa.Schema, parts: Sequence[Part]) -> str:
        config = _config(_sorted(schema))
        shards = [
            {
                **config,
                "raw_data": {
                    "basename": part.name,
                    "bytes": part.bytes,
                    "hashes": {"sha256": part.sha256},
                },
                "samples": part.samples,
                "zip_data": None,
            }
            for part in parts
        ]
        return json.dumps({"version": 2, "shards": shards}, sort_keys=True)


def _sorted(schema: pa.Schema) -> list[SampleColumn]:
    """Returns the columns in the order of a shard."""
    return sorted(sample_columns(schema), key=lambda column: column.name)


def _config(columns: Sequence[SampleColumn]) -> dict[str, Any]:
    """Returns what a shard says of its columns."""
    return {
        "version": 2,
        "format": "mds",
        "compression": None,
        "hashes": ["sha256"],
        "size_limit": PART_BYTES,
        "column_names": [column.name for column in columns],
        "column_encodings": [_encoding(column) for column in columns],
        "column_sizes": [None if column.listed else column.dtype.itemsize for column in columns],
    }


def _encoding(column: SampleColumn) -> str:
    # There are no booleans.
    dtype = "uint8" if column.dtype == np.bool_ else column.dtype.name
    return f"ndarray:{dtype}" if column.listed else dtype


def _samples(batch: pa.RecordBatch, columns: Sequence[SampleColumn]) -> Ragged:
    """Returns the bytes of samples."""
    values: list[list[Ragged]] = []
    for column in columns:
        stored = value_bytes(batch.column(column.name))
        lengths = stored.lengths // column.dtype.itemsize
        values.append([_heads(lengths), stored] if column.listed else [stored])
    sizes = [
        np.sum([piece.lengths for piece in pieces], axis=0)
        for pieces, column in zip(values, columns, strict=True)
        if column.listed
    ]
    head = [fixed_bytes(np.stack(sizes, axis=1).astype("<u4"))] if sizes else []
    return join_pieces([*head, *(piece for pieces in values for piece in pieces)])


def _heads(lengths: Int64) -> Ragged:
    """Returns what stands in front of arrays of one axis.

    Example, lengths 3 and 300: [4 3] [5 44 1], since 300 is 44 + 1 * 256.
    """
    code = np.searchsorted([1 << 8, 1 << 16], lengths, side="right")
    wide = np.empty((len(lengths), 5), np.uint8)
    wide[:, 0] = 4 + code
    wide[:, 1:] = lengths.astype("<u4").view(np.uint8).reshape(-1, 4)
    sizes = 1 + _LENGTH_BYTES[code]
    kept = np.arange(5) < sizes[:, None]
    return Ragged(wide[kept], offsets_of(sizes))
