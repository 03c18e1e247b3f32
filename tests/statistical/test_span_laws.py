"""Masked spans are as many and as long as the published definition makes them."""

import dataclasses
import functools
import math

import numpy as np
import pytest

from schemas.counts import read_counts
from schemas.records import Array, Int64
from schemas.vocabulary import Vocabulary
from schemas.windows import Examples
from tests.oracles.streams import ROLES, rewrite_once, select_once, vocabulary
from transforms.arrays.randomness import rng_for
from transforms.arrays.spans import Spans
from transforms.contract.oracle import rate, uniformity
from transforms.corruption.geometric import GeometricSpans
from transforms.corruption.random_ids import EvenIds
from transforms.corruption.rewrite import MaskRandomKeepRuns

TEXT, ROWS = 510, 3000
QUANTILE = 6.0
"""Standard deviations that a mean of many rows stays within."""


@functools.cache
def rows(continued: float) -> Examples:
    """Rows of 510 tokens of text, a share of which goes on with the word before."""
    rng = rng_for(0, "rows", str(continued))
    special = np.zeros((ROWS, TEXT + 2), np.bool_)
    special[:, [0, -1]] = True
    words = (rng.random(special.shape) >= continued) & ~special
    words[:, 1] = True
    ranks = 1 / np.arange(1, 991)
    ids = 10 + rng.choice(990, special.size, p=ranks / ranks.sum())
    lengths = np.full(ROWS, TEXT + 2)
    return Examples(
        ids=ids.astype(np.uint16),
        offsets=np.arange(ROWS + 1) * (TEXT + 2),
        second_segment_start=lengths,
        special=special.ravel(),
        word_starts=words.ravel(),
    )


@functools.cache
def selected(continued: float) -> list[list[int]]:
    """Returns the selected positions of each row."""
    return select_once(GeometricSpans(), rows(continued), rng_for(1, "select"))


def spans(continued: float) -> Spans:
    """Returns the runs of tokens that are selected side by side."""
    positions = np.concatenate(selected(continued))
    positions += np.arange(ROWS).repeat([len(row) for row in selected(continued)]) * (TEXT + 2)
    # No run reaches from one row to the next, between which special tokens stand.
    parts = np.split(positions, np.flatnonzero(np.diff(positions) > 1) + 1)
    return Spans(np.array([part[0] for part in parts]), np.array([part[-1] + 1 for part in parts]))


@pytest.mark.parametrize(("continued", "runs", "tokens"), [(0.0, 19.6, 3.94), (0.25, 14.2, 5.43)])
def test_runs_are_as_many_and_as_long_as_simulated(
    continued: float, runs: float, tokens: float
) -> None:
    found = spans(continued)
    row = found.starts // (TEXT + 2)
    counts = np.bincount(row, minlength=ROWS)
    sizes = found.ends - found.starts
    assert (np.bincount(row, weights=sizes) == math.ceil(0.15 * TEXT)).all()
    error = QUANTILE * counts.std() / math.sqrt(ROWS)
    # Half of the last digit that is given.
    assert counts.mean() == pytest.approx(runs, abs=error + 0.05)
    relative = error / counts.mean()
    assert sizes.mean() == pytest.approx(tokens, abs=tokens * relative + 0.005)
    assert abs(counts.mean() / runs - 0.9) > relative + 0.005


def test_runs_share_their_fate_and_fates_are_eighty_ten_ten() -> None:
    found, examples, names = spans(0.25), rows(0.25), vocabulary()
    seen = rewritten(MaskRandomKeepRuns(), names)
    original = examples.ids[found.positions()]
    sizes = found.ends - found.starts
    begins = np.cumsum(sizes) - sizes
    masks = np.add.reduceat(seen == names.mask, begins)
    same = np.add.reduceat(seen == original, begins)
    masked, kept = masks == sizes, same == sizes
    assert ((masks == 0) | masked).all()
    # A run of one token may be drawn as it was.
    long = sizes > 3
    total = int(np.count_nonzero(long))
    for name, runs, p in (
        ("masked", masked, 0.8),
        ("kept", kept, 0.1),
        ("random", ~(masked | kept), 0.1),
    ):
        assert rate(name, int(np.count_nonzero(runs & long)), total, p).holds
    assert not rate("masked", int(np.count_nonzero(masked & long)), total, 0.77).holds


def rewritten(how: MaskRandomKeepRuns, names: Vocabulary) -> Array:
    return rewrite_once(how, rows(0.25), selected(0.25), names, rng_for(2, "rewrite"))


def drawn(how: MaskRandomKeepRuns, names: Vocabulary) -> Int64:
    """Returns how often each id is drawn, with nothing but random tokens."""
    seen = rewritten(how, names)
    return np.bincount(seen, minlength=names.size)


def test_random_tokens_follow_the_text() -> None:
    how = MaskRandomKeepRuns(mask=0.0, random=1.0)
    examples = rows(0.25)
    law = np.bincount(examples.ids[~examples.special], minlength=1000)
    counts = drawn(how, vocabulary())
    assert counts[law == 0].sum() == 0
    assert uniformity("text", counts.tolist(), law.tolist()).holds
    even = (law > 0).tolist()
    assert not uniformity("evenly", counts.tolist(), even).holds


def test_random_tokens_follow_counts() -> None:
    tokens = {f"t{number}": number for number in range(1000)}
    weights = {f"t{number}": number for number in range(500)}
    text = "\n".join(f"{token}\t{count}" for token, count in weights.items())
    special = frozenset(ROLES.values())
    names = dataclasses.replace(vocabulary(), counts=read_counts(text, tokens, special))
    law = [0] * 5 + list(range(5, 500)) + [0] * 500
    counts = drawn(MaskRandomKeepRuns(mask=0.0, random=1.0), names)
    assert counts[[n for n, weight in enumerate(law) if not weight]].sum() == 0
    assert uniformity("counts", counts.tolist(), law).holds


def test_random_tokens_may_be_any_with_equal_chance() -> None:
    how = MaskRandomKeepRuns(mask=0.0, random=1.0, random_ids=EvenIds(exclude=("cls", "mask")))
    counts = drawn(how, vocabulary())
    law = [0 if number in (2, 4) else 1 for number in range(1000)]
    assert counts[[2, 4]].tolist() == [0, 0]
    assert uniformity("evenly", counts.tolist(), law).holds
