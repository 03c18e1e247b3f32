"""Spans of T5: exact lengths, and the laws of their division."""

import dataclasses

import numpy as np
import pytest

from tests.oracles.streams import SENTINELS
from tests.support.noise import VOCABULARY, drawn
from transforms.denoise.random_spans import RandomSegments, RandomTokens
from transforms.objectives import OBJECTIVES
from transforms.objectives.settings import recipe_from

# OBJECTIVES of Raffel et al. 2020 by t5/data/preprocessors.py: inputs, tokens of a row, targets.
LENGTHS = [
    (64, 70, 14),
    (128, 141, 29),
    (256, 284, 58),
    (512, 568, 114),
    (1024, 1137, 229),
    (2048, 2274, 456),
]


@pytest.mark.parametrize(("inputs", "row", "targets"), LENGTHS)
def test_lengths_are_those_of_the_reference(inputs: int, row: int, targets: int) -> None:
    recipe = dataclasses.replace(OBJECTIVES["t5"], max_seq_length=inputs)
    assert recipe.row_length == recipe.capacity == row
    edits = drawn(RandomSegments(), [row])
    assert recipe.denoise is not None
    lengths = recipe.denoise.target.lengths(np.array([row]), edits)
    assert lengths.tolist() == [[inputs, targets]] * 2


@pytest.mark.parametrize(
    ("length", "tokens", "spans"),
    [(2, 1, 1), (3, 1, 1), (6, 1, 1), (10, 2, 1), (30, 4, 1), (50, 8, 3), (568, 85, 28)],
)
def test_short_rows_follow_the_same_formulas(length: int, tokens: int, spans: int) -> None:
    """Halves are rounded to the even number: 30 * .15 = 4.5 gives 4, and 50 * .15 = 7.5 gives 8."""
    edits = drawn(RandomSegments(), [length, length])
    assert edits.counts.tolist() == [spans] * 4
    assert np.add.reduceat(edits.lengths, edits.offsets[:-1]).tolist() == [tokens] * 4
    assert edits.ends[edits.offsets[1:] - 1].tolist() == [length] * 4
    assert (edits.starts[edits.offsets[:-1]] > 0).all()


def test_a_row_of_one_token_is_left_alone() -> None:
    assert drawn(RandomSegments(), [1, 2]).counts.tolist() == [0, 0, 1, 1]


def test_all_divisions_are_as_likely() -> None:
    """Of 4 tokens in 2 spans there are 3 divisions, of 6 tokens of text 5: 15 ways."""
    noise = RandomSegments(density=0.4, mean_length=2.0)
    rows, copies = 3000, 5
    edits = drawn(noise, [10] * rows, copies)
    ways = edits.starts.reshape(-1, 2).astype(np.int64)
    lengths = edits.lengths.reshape(-1, 2)
    numbers = (ways[:, 0] - 1) * 3 + lengths[:, 0] - 1
    counts = np.bincount(numbers, minlength=15)
    n, p = rows * copies, 1 / 15
    assert len(counts) == 15
    assert (np.abs(counts - n * p) < 6.5 * (n * p * (1 - p)) ** 0.5).all()


def test_tokens_are_taken_each_on_its_own() -> None:
    edits = drawn(RandomTokens(density=0.25), [200] * 500, 1)
    n, taken = 200 * 500, int(edits.lengths.sum())
    assert abs(taken - n * 0.25) < 6.5 * (n * 0.25 * 0.75) ** 0.5
    # A span has one token more with the probability of a token, but at the end of a row.
    single, spans = int(np.count_nonzero(edits.lengths == 1)), len(edits.starts)
    assert abs(single / spans - 0.75) < 6.5 * (0.75 * 0.25 / spans) ** 0.5 + 0.01
    inner = edits.starts[1:].astype(int) - edits.ends[:-1]
    inner = np.delete(inner, edits.offsets[1:-1] - 1)
    assert (inner > 0).all()


def test_spans_end_where_sentinels_do() -> None:
    edits = drawn(RandomTokens(density=0.5), [900], 1)
    assert edits.counts.tolist() == [SENTINELS]
    assert edits.ends[-1] < 900


def test_too_few_sentinels_are_refused() -> None:
    few = dataclasses.replace(VOCABULARY, sentinels=VOCABULARY.sentinels[:27])
    message = "the tokenizer has 27 sentinels, .* rows of 568 tokens have up to 28 spans"
    with pytest.raises(ValueError, match=message):
        OBJECTIVES["t5"].check_vocabulary(few)
    OBJECTIVES["t5"].check_vocabulary(VOCABULARY)


@pytest.mark.parametrize(
    ("name", "settings", "most"),
    [
        # Of 65,535 tokens 9,830 are taken away, and 3,277 sentinels and an end are put in.
        ("t5", {}, 58983),
        # 58,982 are taken away, and 590 sentinels put in.
        ("t5", {"denoise.noise.0.density": 0.9, "denoise.noise.0.mean_length": 100.0}, 7144),
        # The last token of a row is predicted only.
        ("gpt", {}, 65534),
        ("transformer-xl", {}, 65534),
    ],
)
def test_rows_longer_than_positions_are_refused(
    name: str, settings: dict[str, float], most: int
) -> None:
    assert recipe_from(name, {**settings, "max_seq_length": most}).row_length == 65535
    message = rf"max_seq_length must be in \[2, {most}\] for {name}, whose rows .* got {most + 1}"
    with pytest.raises(ValueError, match=message):
        recipe_from(name, {**settings, "max_seq_length": most + 1})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"density": 0.0}, "density must be above 0 and below 1, got 0.0"),
        ({"density": 1.0}, "density must be above 0 and below 1, got 1.0"),
        ({"mean_length": 0.5}, r"mean_length must be in \[1, 65536\], got 0.5"),
    ],
)
def test_laws_that_cannot_fit_are_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        recipe_from("t5", {f"denoise.noise.0.{name}": value for name, value in settings.items()})
