"""The compiled loops learn what the slow ones do, and their draws follow the laws."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from schemas.records import Array, Int64
from tests.oracles.word_vectors import SlowVectors
from trainer.vectors.kernels import (
    draw_negatives,
    keep_words,
    train_bags,
    train_cbow,
    train_pairs,
    window_of,
)
from trainer.vectors.laws import curve_of, keep_thresholds, negative_table
from trainer.vectors.subwords import Bags, ngram_bags, single_bags
from trainer.vectors.tables import empty_table, fill_uniform
from transforms.arrays.ragged import Ragged
from transforms.kernels.draws import STEP, mixed, stream_of

WORDS = ["", "", "", "an", "ana", "banana", "bcd", "anan", "x"]
COUNTS = np.array([6, 0, 0, 30, 12, 9, 7, 5, 1])
ROWS = [[3, 4, 5, 3, 6, 3, 7, 0], [3], [5, 8], [6, 5, 4, 3, 4, 3, 3, 6, 7, 5, 4], [4, 0]] * 3
KEY = np.uint64(0x0123456789ABCDEF)
DIM = 5
LOOPS = {"cbow": train_cbow, "pairs": train_pairs, "bags": train_bags}


def rows_of(rows: list[list[int]]) -> Ragged:
    lengths = np.array([len(row) for row in rows], np.int64)
    return Ragged.from_lengths(np.array([w for row in rows for w in row], np.int32), lengths)


def start(bags: Bags) -> tuple[Array, Array]:
    """Tables that are no longer at their start, so that all gradients are felt."""
    inputs, outputs = empty_table(bags.size, DIM), empty_table(len(WORDS), DIM)
    fill_uniform(inputs, DIM, 1.5, 1)
    fill_uniform(outputs, DIM, 1.5, 2)
    return inputs, outputs


def arguments(law: str, bags: Bags, tables: tuple[Array, Array], *, lr: float = 0.3) -> Any:
    rows = rows_of(ROWS)
    negatives = (*negative_table(COUNTS, law), law == "fasttext")
    return (
        *(rows.values, rows.offsets, 0, KEY, keep_thresholds(COUNTS, 0.05), negatives),
        *((bags.rows.values, bags.rows.offsets, bags.gains), tables, curve_of(law).arrays),
        *((3, 4), (lr, 1e-4, 10, 150), np.zeros(2)),
    )


@pytest.mark.parametrize(
    ("architecture", "law", "ngrams"),
    [
        ("cbow", "word2vec", False),
        ("pairs", "word2vec", False),
        ("bags", "fasttext", True),
        ("bags", "fasttext", False),
        ("cbow", "fasttext", True),
    ],
)
def test_an_epoch_is_that_of_the_slow_loop(architecture: str, law: str, ngrams: bool) -> None:
    bags = ngram_bags(WORDS, 1, 3, 11) if ngrams else single_bags(len(WORDS))
    inputs, outputs = start(bags)
    thresholds, others = negative_table(COUNTS, law)
    curve = curve_of(law)
    slow = SlowVectors(
        inputs=inputs[:, :DIM].tolist(),
        outputs=outputs[:, :DIM].tolist(),
        bags=[bags.rows.row(word).tolist() for word in range(len(WORDS))],
        keep=keep_thresholds(COUNTS, 0.05).tolist(),
        table=(thresholds.tolist(), others.tolist()),
        again=law == "fasttext",
        steps=curve.values.shape[1] - 2,
        bound=curve.bound,
        window=3,
        negatives=4,
    )
    before = np.cumsum([0, *map(len, ROWS)])[:-1]
    rates = [0.3 * max(1e-4, 1 - (10 + int(done)) / 150) for done in before]
    slow.train(ROWS, int(KEY), rates, architecture)
    given = arguments(law, bags, (inputs, outputs))
    LOOPS[architecture](*given)
    assert slow.predictions == given[-1][1] > 20
    assert inputs[:, :DIM] == pytest.approx(np.array(slow.inputs), abs=3e-4)
    assert outputs[:, :DIM] == pytest.approx(np.array(slow.outputs), abs=3e-4)
    assert given[-1][0] == pytest.approx(slow.loss, rel=0.01)
    assert not inputs[:, DIM:].any()
    assert not outputs[:, DIM:].any()


@pytest.mark.parametrize("loop", LOOPS.values())
def test_words_of_different_rows_never_meet(loop: Callable[..., None]) -> None:
    """Rows of one word give nothing to learn, however many there are."""
    bags = single_bags(len(WORDS))
    tables = start(bags)
    before = [table.copy() for table in tables]
    given = list(arguments("word2vec", bags, tables))
    rows = rows_of([[word] for word in (3, 4, 5, 6, 7) * 20])
    given[:2] = rows.values, rows.offsets
    loop(*given)
    assert given[-1].tolist() == [0, 0]
    assert all(np.array_equal(one, other) for one, other in zip(tables, before, strict=True))


@pytest.mark.parametrize("loop", LOOPS.values())
def test_parts_of_the_rows_are_the_whole(loop: Callable[..., None]) -> None:
    """Draws are those of a row, wherever a loop begins."""
    bags = single_bags(len(WORDS))
    whole, parts = start(bags), start(bags)
    loop(*arguments("word2vec", bags, whole))
    for begin, end in ((0, 2), (2, 15)):
        given = list(arguments("word2vec", bags, parts))
        part = rows_of(ROWS[begin:end])
        done = sum(map(len, ROWS[:begin]))
        given[:3] = part.values, part.offsets, begin
        given[-2] = (0.3, 1e-4, 10 + done, 150)
        loop(*given)
    assert all(np.array_equal(one, other) for one, other in zip(whole, parts, strict=True))


@pytest.mark.parametrize("loop", LOOPS.values())
def test_vectors_that_are_no_numbers_read_no_other_memory(loop: Callable[..., None]) -> None:
    bags = single_bags(len(WORDS))
    tables = start(bags)
    for table in tables:
        table[:] = np.nan
    loop(*arguments("word2vec", bags, tables))
    assert all(np.isnan(table).all() for table in tables)


def chi_square(found: Int64, expected: Array) -> float:
    return float(((found - expected) ** 2 / expected).sum())


def bound(degrees: int) -> float:
    """A bound that chi-square stays below but once in 10**9 (Wilson and Hilferty)."""
    ninth = 2 / (9 * degrees)
    return float(degrees * (1 - ninth + 6 * math.sqrt(ninth)) ** 3)


def test_words_are_kept_at_their_rates() -> None:
    counts = np.array([0, 0, 0, 500, 100, 10, 390])
    words = np.repeat(np.array([3, 4, 5], np.int32), 300)
    keep, kept = keep_thresholds(counts, 0.01), np.empty(len(words), np.int64)
    found, trials = np.zeros(7), 300 * 200
    for row in range(200):
        count = keep_words(words, keep, np.uint64(stream_of(KEY, row)), kept)
        assert (np.diff(kept[:count]) >= 0).all()
        found += np.bincount(kept[:count], minlength=7)
    for word, share in ((3, 0.5), (4, 0.1), (5, 0.01)):
        p = min(1, math.sqrt(0.01 / share) + 0.01 / share)
        assert abs(found[word] - trials * p) <= 6.2 * math.sqrt(trials * p * (1 - p))


def test_windows_are_uniform() -> None:
    states = [np.uint64(stream_of(KEY, row)) for row in range(20_000)]
    found = np.array([window_of(state, 50, 101, 5) for state in states])
    assert (found[:, 0] + found[:, 1] == 101).all()
    halves = np.bincount(50 - found[:, 0], minlength=6)
    assert halves[0] == 0
    assert chi_square(halves[1:], np.full(5, 4000)) < bound(4)
    assert window_of(states[0], 0, 3, 5)[0] == 0
    assert window_of(states[0], 2, 3, 5)[1] == 3


@pytest.mark.parametrize("law", ["word2vec", "fasttext"])
def test_negatives_follow_the_counts(law: str) -> None:
    """For word2vec the draws of the end of a line fall on all words alike."""
    counts = np.array([50, 0, 0, 1000, 200, 200, 30, 1])
    table, outputs = (
        (*negative_table(counts, law), law == "fasttext"),
        np.zeros((8, 32), np.float32),
    )
    words, total = np.empty(1000, np.int64), np.zeros(8, np.int64)
    for row in range(60):
        draw_negatives(np.uint64(stream_of(KEY, row)), 4, table, outputs, words)
        total += np.bincount(words, minlength=8)
    if law == "fasttext":
        weights = counts**0.5
        weights[4] = 0
    else:
        weights = counts**0.75
        weights[3:] += weights[0] / 5
        weights[0] = 0
    drawn = np.flatnonzero(weights)
    assert not total[weights == 0].any()
    expected = (weights / weights.sum() * total.sum())[drawn]
    assert chi_square(total[drawn], expected) < bound(len(drawn) - 1)
    uniform = np.full(len(drawn), total.sum() / len(drawn))
    assert chi_square(total[drawn], uniform) > bound(len(drawn) - 1)


def test_a_draw_takes_one_step() -> None:
    state = np.uint64(stream_of(KEY, 3))
    table = (*negative_table(COUNTS, "word2vec"), False)
    after = draw_negatives(state, 3, table, np.zeros((9, 32), np.float32), np.empty(7, np.int64))
    with np.errstate(over="ignore"):
        assert after == state + np.uint64(7) * STEP
        assert mixed(np.uint64(after)) != mixed(state)
