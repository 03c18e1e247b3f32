"""Modes of attention: which one the rows of a step are seen in, and what a batch holds of it."""

import dataclasses
import itertools
from collections.abc import Callable, Sequence

import numpy as np

from schemas.errors import UsageError
from schemas.records import Array, Int64
from transforms.arrays.randomness import random_below, rng_for
from transforms.contract.modes import RANGES, Mode


def drawn_mode(modes: Sequence[Mode], seed: int, epoch: int, step: int) -> Mode:
    """Draws the mode of an optimizer step, in the proportion of the shares.

    It is a pure function of its arguments, so that all batches of a step have the same one on any
    number of processes, and a run that is resumed goes on with the modes that it would have had.
    """
    ends = np.cumsum([mode.share for mode in modes])
    drawn = random_below(rng_for(seed, "train-mode", epoch, step), int(ends[-1]), 1)
    return modes[int(np.searchsorted(ends, drawn[0], "right"))]


def mode_named(modes: Sequence[Mode], name: str) -> Mode:
    """Returns the mode of a name, which alone is drawn.

    Raises:
      UsageError: if there is none.
    """
    for mode in modes:
        if mode.name == name:
            return dataclasses.replace(mode, share=1)
    known = ", ".join(mode.name for mode in modes) or "none"
    raise UsageError(f"there is no mode of attention {name!r}; known: {known}")


def mode_types(types: Array, mode: Mode | None) -> Array:
    """Returns int8[T]: the token types of a mode, from segments, 0 or 1."""
    return types if mode is None else np.array(mode.types, np.int8)[types]


def mode_context(modes: Sequence[Mode], lengths: Array, second_starts: Int64) -> float:
    """Returns how many tokens a token attends to, on average over rows and steps.

    Args:
      modes: Of the steps, in the proportion of their shares.
      lengths: [R]; tokens of the rows.
      second_starts: int64[R]; tokens of their first segments.
    """
    first = second_starts.astype(float)
    segments = first, lengths - first
    seen = np.average([_seen(mode, segments) for mode in modes], weights=[m.share for m in modes])
    return float(seen / max(lengths.sum(), 1))


# Segments of 2 and 3 tokens, "before" throughout: 3 and 6 pairs in them, 6 from the second one to
# the first, none the other way: 15 of 25.
def _seen(mode: Mode, sizes: Sequence[Array]) -> float:
    """Returns how many pairs there are of a token and one that it sees, for segments of rows."""
    found = 0.0
    for own, other in itertools.product(range(len(sizes)), repeat=2):
        least, greatest = RANGES[mode.sees[own][other]]
        before, after = least < 0, greatest > 0
        if own == other:
            size = sizes[own]
            pairs = size**2 if before and after else size * (size + 1) / 2
        else:
            pairs = sizes[own] * sizes[other] * (after if other > own else before)
        found += float(pairs.sum())
    return found


PIECES, VISIBLE = "pieces", "visible_ranges"
"""What batches of a mode hold besides, unless all is seen."""


def mode_arrays(
    types: Array, mode: Mode | None, laid_out: Callable[[Array], Int64]
) -> dict[str, Array]:
    """Returns the token types of a batch, and what tokens see if they do not see all of their row.

    Args:
      types: int8[T]; segments, 0 or 1.
      mode: Of the batch, if there are several.
      laid_out: Lays out values of tokens as the layout has them.
    """
    found: dict[str, Array] = {"token_type_ids": laid_out(mode_types(types, mode))}
    if mode is None or mode.all_seen:
        return found
    return {**found, PIECES: laid_out(types), VISIBLE: mode_ranges(mode)}


def mode_ranges(mode: Mode) -> Int64:
    """Returns int64[2, P, P]: the least and the greatest distances that segments see."""
    table = np.array([[RANGES[kind] for kind in sees] for sees in mode.sees], np.int64)
    return np.ascontiguousarray(table.transpose(2, 0, 1))
