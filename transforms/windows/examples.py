"""Rows of laid-out examples: some of them, and those of several passes together."""

import numpy as np
import pyarrow as pa

from schemas.arrow_columns import numbers
from schemas.records import Int64, TokenColumns
from schemas.windows import Examples
from transforms.arrays.ragged import offsets_of, range_indices


def take_rows(examples: Examples, rows: Int64) -> Examples:
    """Returns some rows, and counts the others as left out."""
    if len(rows) == len(examples):
        return examples
    lengths = np.diff(examples.offsets)[rows]
    relation, stream, backward = examples.relation, examples.stream, examples.backward
    return Examples(
        **examples.take(range_indices(examples.offsets[rows], lengths)).columns,
        offsets=offsets_of(lengths),
        second_segment_start=examples.second_segment_start[rows],
        relation=None if relation is None else relation[rows],
        stream=None if stream is None else stream[rows],
        backward=None if backward is None else backward[rows],
        reuse_len=examples.reuse_len,
        left_out=examples.left_out + len(examples) - len(rows),
        drawn=examples.drawn,
        values={name: each.take(numbers(rows)) for name, each in examples.values.items()},
    )


def join_examples(parts: list[Examples]) -> Examples:
    """Puts the examples of several passes one after the other."""
    if len(parts) == 1:
        return parts[0]
    # Manifests take as long to load as all recipes, and who lists recipes joins nothing.
    from schemas.manifest import add_up

    relations = [part.relation for part in parts if part.relation is not None]
    streams = [part.stream for part in parts if part.stream is not None]
    backward = [part.backward for part in parts if part.backward is not None]
    return Examples(
        **TokenColumns.concat(parts).columns,
        offsets=offsets_of(np.concatenate([np.diff(part.offsets) for part in parts])),
        second_segment_start=np.concatenate([part.second_segment_start for part in parts]),
        relation=np.concatenate(relations) if relations else None,
        stream=np.concatenate(streams) if streams else None,
        backward=np.concatenate(backward) if backward else None,
        reuse_len=parts[0].reuse_len,
        left_out=sum(part.left_out for part in parts),
        drawn=add_up(part.drawn for part in parts),
        values={
            name: pa.concat_arrays([part.values[name] for part in parts])
            for name in parts[0].values
        },
    )
