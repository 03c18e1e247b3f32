"""The noises of BART, each by itself and together."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest

from schemas.windows import Examples
from tests.oracles.streams import ROLES, examples_of, vocabulary
from transforms.arrays.edits import Edits
from transforms.checks.infilling import expected_infilling
from transforms.contract.corrupting import Copies
from transforms.contract.denoising import NoiseBatch
from transforms.contract.rules import RowLayout
from transforms.corruption.units import TokenUnits
from transforms.denoise.arranging import DocumentRotation, SentencePermutation
from transforms.denoise.infilling import (
    TextInfilling,
    TokenDeletion,
    TokenMasking,
    poisson_thresholds,
)
from transforms.denoise.noise import OneNoise
from transforms.objectives.settings import recipe_from

VOCABULARY = vocabulary(5000)
DRAWS = 1 << 32
TOKEN, NOTHING, ONE = 0, 1, 2


def rows_of(rows: int, words: int, word: str = "Ww") -> Examples:
    """Returns rows of so many words, in sentences of eight words."""
    examples = examples_of([f"^{word * words}^"] * rows, first_id=100)
    marks = np.zeros(len(examples.ids), np.uint8)
    for start in examples.offsets[:-1].tolist():
        marks[start + 1 : start + 1 + words * len(word) : 8 * len(word)] = 1
    ids = (np.arange(len(examples.ids)) % 4000 + 100).astype(np.uint16)
    ids[examples.special] = ROLES["cls"]
    return dataclasses.replace(examples, ids=ids, annotations={"sentences": marks})


def drawn(noise: Sequence[OneNoise], examples: Examples, copies: int = 2) -> Edits:
    rows = np.arange(len(examples))
    mask = np.array([ROLES["mask"]], np.uint16)
    batch = NoiseBatch(examples, rows, RowLayout(), mask, VOCABULARY)
    edits = Edits.none(len(examples) * copies, "uint16")
    for number, each in enumerate(noise):
        keys = np.arange(copies).astype(np.uint64) + np.uint64(1000 * number + 7)
        edits = each.apply(edits, batch, Copies(keys, 0, copies))
    return edits


def near(count: int, n: int, p: float, slack: float = 0.0) -> bool:
    return abs(count - n * p) < 6.5 * (n * p * (1 - p)) ** 0.5 + slack * n * p


def test_lengths_are_of_poissons_law() -> None:
    """Of 2**32: exp(-3) = .049787 for 0, four times that for up to 1, 8.5 times for up to 2."""
    law = poisson_thresholds(3.0)
    assert law[:3] == (213833830, 855335322, 1817587558)
    assert law[-1] == DRAWS
    assert law[-2] < DRAWS


@pytest.mark.parametrize(
    ("mean", "gone", "masks", "put_in"), [(3.0, 0.267, 0.078, 0.0051), (3.5, 0.267, 0.068, 0.0027)]
)
def test_infilling_is_that_of_the_reference(
    mean: float, gone: float, masks: float, put_in: float
) -> None:
    """Figures of fairseq's denoising_dataset.py for a rate of 0.3, by simulation."""
    noise = TextInfilling(units=TokenUnits(), mean_length=mean)
    edits = drawn([noise], rows_of(200, 510, "W"))
    tokens = 200 * 2 * 510
    spans = int(np.count_nonzero(edits.lengths))
    assert abs(int(edits.lengths.sum()) / tokens - gone) < 0.004
    assert abs(spans / tokens - masks) < 0.002
    assert abs((len(edits.starts) - spans) / tokens - put_in) < 0.0006
    expected = expected_infilling(0.3, noise.law)
    assert abs(expected - gone) < 0.002


def test_spans_are_of_whole_words() -> None:
    """Words are the tokens 1 2, 3 4, ..., between two special tokens."""
    edits = drawn([TextInfilling()], rows_of(50, 40))
    spans = edits.lengths > 0
    assert (edits.starts[spans] % 2 == 1).all()
    assert (edits.ends[spans] % 2 == 1).all()
    assert edits.starts.min() >= 1
    assert edits.ends.max() == 81
    assert edits.fills.tolist() == [TOKEN] * len(edits.fills)
    row = np.repeat(np.arange(len(edits)), edits.counts)
    taken = np.bincount(row, edits.lengths, len(edits))
    assert taken.max() <= 2 * 12
    joined = spans[1:] & spans[:-1] & (edits.starts[1:] < edits.ends[:-1]) & (row[1:] == row[:-1])
    assert not joined.any()


def test_a_source_is_never_longer_than_its_row() -> None:
    """With a mean of a tenth of a word nine of ten lengths are zero."""
    edits = drawn([TextInfilling(mean_length=0.1, units=TokenUnits())], rows_of(200, 20, "W"))
    row = np.repeat(np.arange(len(edits)), edits.counts)
    grown = np.bincount(row, 1 - edits.lengths, len(edits))
    assert grown.max() <= 0
    assert np.count_nonzero(edits.lengths == 0) > 100


@pytest.mark.parametrize(
    ("noise", "fill"),
    [(TokenMasking(rate=0.15), TOKEN), (TokenDeletion(rate=0.15), NOTHING)],
)
def test_an_exact_number_of_tokens_is_masked_or_deleted(noise: OneNoise, fill: int) -> None:
    """Of 21 tokens 3.15 are asked for, which is rounded up."""
    edits = drawn([noise], rows_of(3000, 21, "W"))
    row = np.repeat(np.arange(len(edits)), edits.counts)
    assert (np.bincount(row, edits.lengths) == 4).all()
    assert set(edits.fills.tolist()) == {fill}
    first = int(np.count_nonzero(edits.starts == 1))
    assert near(first, len(edits), 4 / 21)


def test_masks_are_random_ids_at_the_rate() -> None:
    edits = drawn([TextInfilling(random_rate=0.25)], rows_of(100, 200))
    random = int(np.count_nonzero(edits.fills == ONE))
    assert near(random, len(edits.fills), 0.25)
    assert len(edits.ids.values) == random
    assert edits.ids.lengths.sum() == random
    assert len(np.unique(edits.ids.values)) > random // 2


def test_the_reference_rounds_random_ids_of_what_is_put_in() -> None:
    """Of 1 to 4 that are put in, one is random; of 5, two."""
    noise = TextInfilling(random_rate=0.25, rounded_random=True, mean_length=1.0)
    edits = drawn([noise], rows_of(300, 30))
    row = np.repeat(np.arange(len(edits)), edits.counts)
    empty = edits.lengths == 0
    put_in = np.bincount(row[empty], minlength=len(edits))
    random = np.bincount(row[empty & (edits.fills == ONE)], minlength=len(edits))
    assert random.tolist() == [-(-count // 4) for count in put_in.tolist()]
    assert put_in.max() > 4


def test_a_later_noise_stands_over_an_earlier_one() -> None:
    """What is taken away is gone; masks of the first noise stay where the second leaves them."""
    examples = rows_of(40, 60, "W")
    first = drawn([TokenMasking(rate=0.3)], examples)
    both = drawn([TokenMasking(rate=0.3), TextInfilling()], examples)
    rows = np.arange(len(examples))
    batch = NoiseBatch(examples, rows, RowLayout(), np.array([4], np.uint16), VOCABULARY)
    keys = np.arange(2).astype(np.uint64) + np.uint64(1007)
    second = TextInfilling().apply(Edits.none(80, "uint16"), batch, Copies(keys, 0, 2))

    def tokens(edits: Edits, number: int) -> tuple[set[int], set[int]]:
        """Returns what is taken away, and what stands for a span."""
        begin, end = edits.offsets[number : number + 2]
        starts, ends = edits.starts[begin:end].tolist(), edits.ends[begin:end].tolist()
        masked = np.flatnonzero(edits.fills[begin:end] == TOKEN).tolist()
        gone = {token for span in zip(starts, ends, strict=True) for token in range(*span)}
        return gone, {starts[each] for each in masked}

    for number in range(80):
        gone, heads = tokens(first, number)
        new, new_heads = tokens(second, number)
        all_gone, all_heads = tokens(both, number)
        assert all_gone == gone | new
        assert all_heads == new_heads | (heads - new)


def test_orders_of_sentences_are_as_likely() -> None:
    """Three sentences have six orders."""
    orders = drawn([SentencePermutation()], rows_of(3000, 24)).orders
    assert orders is not None
    found = orders.values.reshape(-1, 3).astype(int) @ [9, 3, 1]
    counts = np.bincount(found)[[5, 7, 11, 15, 19, 21]]
    assert counts.sum() == 6000
    assert all(near(count, 6000, 1 / 6) for count in counts.tolist())


def test_a_part_of_the_sentences_is_moved() -> None:
    """Of 5 sentences 1.5 are asked for, rounded up to 2: half of the rows are as before."""
    orders = drawn([SentencePermutation(rate=0.3)], rows_of(2000, 40)).orders
    assert orders is not None
    found = orders.values.reshape(-1, 5)
    still = (found == np.arange(5)).sum(axis=1)
    assert set(still.tolist()) == {3, 5}
    assert near(int(np.count_nonzero(still == 5)), 4000, 0.5)


def test_texts_are_rotated_by_any_number_of_tokens() -> None:
    """Of 4 tokens: by 1, 2 or 3, each in one of five cases; in two it stays what it is."""
    found = drawn([DocumentRotation(rate=0.5)], rows_of(3000, 2)).rotations
    assert found is not None
    counts = np.bincount(found, minlength=4)
    assert len(counts) == 4
    assert all(near(count, 6000, 0.1) for count in counts[1:].tolist())


def test_spans_are_of_the_sentences_as_they_are_ordered() -> None:
    """Deleted is the first word of the row as it is read, whichever it is."""
    recipe = recipe_from("bart", {"denoise.noise.3.rate": 0.05})
    assert recipe.denoise is not None
    assert recipe.denoise.rules.orders
    examples = rows_of(1, 16)
    edits = drawn([SentencePermutation(), TextInfilling(rate=0.05)], examples, 8)
    orders = edits.orders
    assert orders is not None
    assert {tuple(orders.row(number)) for number in range(8)} == {(0, 1), (1, 0)}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"0.rate": 1.5}, r"rate must be in \[0, 1\], got 1.5"),
        ({"3.mean_length": 0.0}, r"mean_length must be in \[0.1, 64\], got 0.0"),
        ({"3.random_rate": -1.0}, r"random_rate must be in \[0, 1\], got -1.0"),
        ({"0.rate": 0.0, "3.rate": 0.0}, "all noise is switched off"),
    ],
)
def test_noise_that_cannot_be_is_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        recipe_from("bart", {f"denoise.noise.{name}": value for name, value in settings.items()})
