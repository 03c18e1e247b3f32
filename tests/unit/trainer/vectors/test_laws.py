"""Which words are kept, which are drawn, and the curve: golden values."""

import math

import numpy as np
import pytest

from trainer.vectors.alias import alias_table
from trainer.vectors.laws import (
    curve_of,
    keep_shares,
    keep_thresholds,
    negative_shares,
)


def test_golden_shares_of_kept_words() -> None:
    """At 1e-3 a twentieth, a hundredth and a thousandth of all words."""
    counts = np.array([0, 0, 0, 500, 100, 10, 9390])
    shares = keep_shares(counts, 1e-3)
    assert shares[3:6].round(3).tolist() == [0.161, 0.416, 1]
    assert keep_thresholds(counts, 1e-3)[5] == 1 << 32


def test_ends_of_lines_count_as_words() -> None:
    assert keep_shares(np.array([500, 0, 0, 500]), 0.1)[3] == pytest.approx(
        math.sqrt(0.1 / 0.5) + 0.1 / 0.5
    )


def test_nothing_is_dropped_without_subsampling() -> None:
    assert (keep_thresholds(np.array([5, 0, 0, 1000]), 0) == 1 << 32).all()


def test_shares_of_negatives() -> None:
    """Of 16 ends of lines and words of counts 81 and 16: 8 to 27 to 8, or 4 to 9 to 4."""
    counts = np.array([16, 0, 0, 81, 16])
    assert negative_shares(counts, "word2vec") == pytest.approx(
        np.array([0, 0, 0, 27 + 4, 8 + 4]) / 43
    )
    assert negative_shares(counts, "fasttext") == pytest.approx(np.array([4, 0, 0, 9, 4]) / 17)


@pytest.mark.parametrize("seed", range(20))
def test_a_table_gives_each_thing_its_share(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shares = rng.random(rng.integers(2, 40)) ** 8
    shares[rng.random(len(shares)) < 0.3] = 0
    shares[0] = 0.5
    thresholds, others = alias_table(shares)
    found = thresholds / 2**32
    for column, other in enumerate(others.tolist()):
        found[other] += 1 - thresholds[column] / 2**32
    assert found / len(shares) == pytest.approx(shares / shares.sum(), abs=1e-8)
    assert not thresholds[shares == 0].any()
    assert (shares[others] > 0).all()


@pytest.mark.parametrize(("law", "steps", "bound"), [("word2vec", 1000, 6), ("fasttext", 512, 8)])
def test_the_curve_is_the_logistic_function(law: str, steps: int, bound: int) -> None:
    values, end, scale = curve_of(law).arrays
    assert values.shape == (2, steps + 2)
    assert (end, float(scale)) == (bound, pytest.approx(steps / (2 * bound)))
    x = np.linspace(-bound, bound, 777, endpoint=False)
    columns = 1 + ((x + bound) * steps / (2 * bound)).astype(int)
    assert values[0, columns] == pytest.approx(1 / (1 + np.exp(-x)), abs=0.26 * 2 * bound / steps)
    assert values[1, columns] == pytest.approx(np.log1p(np.exp(-x)), abs=1.01 * bound / steps)
    assert (values[0, 0], values[0, -1]) == (0, 1)
