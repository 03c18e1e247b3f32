"""Rows of every type that exports have."""

import numpy as np
import pyarrow as pa

from schemas.columns import list_of

SCHEMA = pa.schema(
    [
        pa.field("input_ids", list_of(pa.int32()), nullable=False),
        pa.field("attention_mask", list_of(pa.int8()), nullable=False),
        pa.field("label", pa.int32(), nullable=False),
        pa.field("score", pa.float32(), nullable=False),
        pa.field("stream", pa.uint16(), nullable=False),
        pa.field("reversed", pa.bool_(), nullable=False),
    ]
)
LENGTHS = (3, 1, 255, 256, 7, 70_000, 2)
"""What an array is stored with one, two or four bytes for."""


def sample_batches() -> list[pa.RecordBatch]:
    """Returns rows in two batches, which are parts of a larger one."""
    drawn = np.random.default_rng(7)
    lists = [drawn.integers(0, 30_000, length).tolist() for length in LENGTHS]
    rows = len(lists)
    whole = pa.record_batch(
        [
            pa.array(lists, SCHEMA.field(0).type),
            pa.array([[1] * len(each) for each in lists], SCHEMA.field(1).type),
            pa.array([-100, 0, 1, 2, 3, 4, 5], pa.int32()),
            pa.array([0.5, -2.25, 0.1, 3.0, 0.125, 1e20, 7.0], pa.float32()),
            pa.array(range(65_529, 65_529 + rows), pa.uint16()),
            pa.array([bool(number % 3) for number in range(rows)]),
        ],
        schema=SCHEMA,
    )
    return [whole.slice(1, 3), whole.slice(4, 3)]
