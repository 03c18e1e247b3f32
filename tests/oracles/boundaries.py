"""What the span boundary objective asks for, span by span and token by token, as plain lists.

Written from section 3.2 of the paper; rows are `[CLS] A [SEP]` or `[CLS] A [SEP] B [SEP]`.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tests.oracles.batches import Masks, Row
from tests.oracles.geometric import runs_of
from trainer.rows.layouts import Packed, Padded

MOST = 20
KEYS = ("sbo_left", "sbo_right", "sbo_offsets", "sbo_labels")
NOTHING = (0, 0, 0, -100)


class Told(NamedTuple):
    """How a token at a position of its row is told."""

    position: int
    left: int
    right: int
    offset: int
    label: int


def told_tokens(row: Row, positions: Sequence[int]) -> Iterator[Told]:
    """Yields what is told of each token that has a span with two neighbours in its segment."""
    ids, second = row["input_ids"], row["second_segment_start"]
    special = {0, len(ids) - 1, *([second - 1] if second < len(ids) else [])}
    for begin, end in runs_of(positions):
        if begin - 1 in special or end in special:
            continue
        for position in range(begin, min(end, begin + MOST)):
            yield Told(position, begin - 1, end, position - begin, ids[position])


def packed_boundaries(
    layout: Packed, rows: Sequence[Row], masks: Sequence[Masks]
) -> dict[str, list[int]]:
    found: list[tuple[int, int, int, int]] = []
    begin = 0
    for row, mask in zip(rows, masks, strict=True):
        told = {each.position: each for each in told_tokens(row, mask.positions)}
        for position in mask.positions:
            each = told.get(position)
            found.append(
                (begin + each.left, begin + each.right, each.offset, each.label)
                if each
                else NOTHING
            )
        begin += len(row["input_ids"])
    found.extend([NOTHING] * (layout.targets - len(found)))
    return {key: [each[n] for each in found] for n, key in enumerate(KEYS)}


def padded_boundaries(
    layout: Padded, rows: Sequence[Row], masks: Sequence[Masks]
) -> dict[str, list[list[int]]]:
    lines = [[NOTHING] * layout.longest for _ in range(layout.rows)]
    for line, row, mask in zip(lines, rows, masks, strict=False):
        for each in told_tokens(row, mask.positions):
            line[each.position] = each[1:]
    return {key: [[each[n] for each in line] for line in lines] for n, key in enumerate(KEYS)}
