"""Fragments of MASS, ProphetNet and ERNIE-GEN."""

import dataclasses

import numpy as np
import pytest

from schemas.edits import TOKEN
from tests.support.noise import VOCABULARY, drawn
from transforms.arrays.edits import Edits
from transforms.arrays.ragged import Ragged
from transforms.arrays.sequences import CleanRows
from transforms.contract.rules import RowLayout
from transforms.denoise.fragment_target import Fragment
from transforms.denoise.fragments import BlockFragments, OneFragment
from transforms.denoise.generated import GeneratedFragments, ScatteredFragments
from transforms.objectives import OBJECTIVES
from transforms.objectives.settings import recipe_from


def near(count: int, n: int, p: float) -> bool:
    return abs(count - n * p) < 6.5 * (n * p * (1 - p)) ** 0.5


def sums(edits: Edits) -> list[int]:
    row = np.repeat(np.arange(len(edits)), edits.counts)
    return np.bincount(row, edits.lengths, len(edits)).astype(int).tolist()


@pytest.mark.parametrize(
    ("length", "tokens"), [(3, 2), (4, 2), (5, 2), (7, 4), (9, 4), (32, 16), (33, 16)]
)
def test_half_of_a_sentence_is_one_fragment(length: int, tokens: int) -> None:
    """Halves are rounded to the even number."""
    edits = drawn(OneFragment(), [length])
    assert edits.counts.tolist() == [1, 1]
    assert edits.lengths.tolist() == [tokens] * 2
    assert edits.starts.min() >= 1


def test_a_fragment_is_at_the_begin_at_the_end_or_anywhere() -> None:
    """Of 32 tokens 16 are taken: 16 places, .2 + .6 / 16 at each end, .6 / 16 elsewhere."""
    edits = drawn(OneFragment(), [32] * 4000)
    counts = np.bincount(edits.starts, minlength=17)[1:].tolist()
    assert len(counts) == 16
    assert near(counts[0], 8000, 0.2375)
    assert near(counts[-1], 8000, 0.2375)
    assert all(near(count, 8000, 0.0375) for count in counts[1:-1])


def test_most_tokens_of_a_fragment_are_masked() -> None:
    edits = drawn(OneFragment(), [40] * 300, 1)
    rows = CleanRows(np.arange(100, 100 + 40 * 300).astype(np.uint16), np.arange(301) * 40)
    seen = Fragment().completed(rows, edits, VOCABULARY).ids.values
    clean = rows.ids[np.repeat(np.arange(300) * 40, 20) + edits.taken.values]
    masked = int(np.count_nonzero(seen == VOCABULARY.mask))
    kept = int(np.count_nonzero(seen == clean))
    assert near(masked, 6000, 0.8 + 0.1 / VOCABULARY.size)
    assert near(kept, 6000, 0.1)


def test_copies_and_rows_see_other_ids() -> None:
    """Three rows are the same, and so are the fragments of all their copies."""
    edits = drawn(OneFragment(at_begin=1.0, at_end=0.0), [40] * 3)
    rows = CleanRows(np.tile(np.arange(100, 140), 3).astype(np.uint16), np.arange(4) * 40)
    completed = Fragment(mask=0.0, random=1.0).completed(rows, edits, VOCABULARY)
    seen = [completed.ids.row(number).tolist() for number in range(6)]
    assert all(one != two for at, one in enumerate(seen) for two in seen[:at])
    last = Fragment(mask=0.0, random=1.0).completed(
        CleanRows(rows.ids[80:], np.array([0, 40])), edits.take(np.array([5])), VOCABULARY
    )
    assert last.ids.row(0).tolist() == seen[5]


def test_each_block_has_a_fragment() -> None:
    """Blocks begin with the second token. Of 64 tokens 9.6 are asked for, of 6 tokens .9."""
    edits = drawn(BlockFragments(), [1 + 64 + 64 + 20, 1 + 64 + 6, 1 + 6], 1)
    assert edits.counts.tolist() == [3, 1, 1]
    assert edits.lengths.tolist() == [9, 9, 3, 9, 1]
    blocks = [(1, 65), (65, 129), (129, 149), (1, 65), (1, 7)]
    spans = zip(edits.starts.tolist(), edits.ends.tolist(), blocks, strict=True)
    assert all(low <= start < end <= high for start, end, (low, high) in spans)


def test_all_places_of_a_block_are_as_likely() -> None:
    edits = drawn(BlockFragments(block=8, rate=0.5), [9] * 5000)
    counts = np.bincount(edits.starts, minlength=6)[1:].tolist()
    assert len(counts) == 5
    assert all(near(count, 10_000, 0.2) for count in counts)


def test_a_decoder_keeps_the_positions_of_the_row() -> None:
    """The row 2 11 12 13 14 3, of which 12 13 are masked."""
    edits = Edits(
        np.array([0, 1]),
        np.array([2], np.uint16),
        np.array([4], np.uint16),
        np.array([TOKEN], np.uint8),
        Ragged(np.empty(0, np.uint16), np.array([0, 0])),
        seeds=np.array([5], np.uint64),
    )
    rows = CleanRows(np.array([2, 11, 12, 13, 14, 3], np.uint16), np.array([0, 6]))
    made = Fragment(mask=1.0, random=0.0).sequences(rows, edits, RowLayout(), VOCABULARY)
    mask = VOCABULARY.mask
    assert made.source.values.tolist() == [2, 11, mask, mask, 14, 3]
    assert Fragment().lengths(rows.lengths, edits).tolist() == [[6, 2]]
    assert made.target.values.tolist() == [12, 13]
    assert made.decoder_input.tolist() == [11, 12]
    assert made.positions is not None
    assert made.target_positions is not None
    assert made.positions.tolist() == [1, 2]
    assert made.target_positions.tolist() == [2, 3]


def test_a_quarter_is_scattered() -> None:
    """Rows without special tokens; of 200 tokens 50 are taken, of 2 one, of 10 2.5: two."""
    edits = drawn(ScatteredFragments(), [200, 2, 10])
    assert sums(edits) == [50, 50, 1, 1, 2, 2]
    assert edits.seeds is not None
    assert len(set(edits.seeds.tolist())) == 6


def test_fragments_are_short_or_long() -> None:
    edits = drawn(ScatteredFragments(), [400] * 2000)
    row = np.repeat(np.arange(len(edits)), edits.counts)
    longest = np.zeros(len(edits), np.int64)
    np.maximum.at(longest, row, edits.lengths)
    assert near(int(np.count_nonzero(longest <= 4)), 4000, 0.4)
    short = edits.lengths[longest[row] <= 4]
    # The last one of a copy is cut to the budget.
    counts = np.bincount(short, minlength=5)[1:]
    assert (np.abs(counts / counts.sum() - 0.25) < 0.02).all()
    assert longest.max() == 32


def test_all_places_are_as_likely() -> None:
    """One of four tokens is taken."""
    edits = drawn(ScatteredFragments(), [4] * 4000)
    counts = np.bincount(edits.starts, minlength=4).tolist()
    assert all(near(count, 8000, 0.25) for count in counts)


def test_what_is_generated_is_given_next_with_noise() -> None:
    edits = drawn(ScatteredFragments(), [400] * 300, 1)
    offsets = np.arange(301) * 400
    ids = np.arange(100, 100 + offsets[-1]).astype(np.uint32)
    rows = CleanRows(ids, offsets)
    made = GeneratedFragments().sequences(rows, edits, RowLayout(), VOCABULARY)
    assert made.target.lengths.tolist() == [101] * 300
    assert made.source.lengths.tolist() == [300] * 300
    assert (made.target.values.reshape(-1, 101)[:, -1] == VOCABULARY.sep).all()
    given = made.decoder_input.reshape(-1, 101)
    assert (given[:, 0] == VOCABULARY.roles["cls"]).all()
    other = int(np.count_nonzero(given[:, 1:] != made.target.values.reshape(-1, 101)[:, :-1]))
    assert near(other, 30_000, 0.05)
    assert made.target_positions is not None
    assert made.positions is not None
    places = made.target_positions.reshape(-1, 101)
    assert (places[:, -1] == 399).all()
    assert (made.positions.reshape(-1, 101)[:, 1:] == places[:, :-1]).all()
    assert (ids[np.repeat(offsets[:-1], 100) + places[:, :-1].ravel()]).tolist() == (
        made.target.values.reshape(-1, 101)[:, :-1].ravel().tolist()
    )


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("mass", {"rate": 1.0}, "rate must be above 0 and below 1, got 1.0"),
        ("mass", {"at_begin": 0.7, "at_end": 0.7}, "must be at most 1 together, got 0.7 and 0.7"),
        ("prophetnet", {"block": 1}, r"block must be in \[2, 65535\], got 1"),
        ("ernie-gen", {"short": 0}, r"short must be in \[1, long\]"),
        ("ernie-gen", {"short": 9, "long": 8}, r"short must be in \[1, long\] .* got 9 and 8"),
    ],
)
def test_laws_that_cannot_be_are_refused(
    name: str, settings: dict[str, float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        recipe_from(name, {f"denoise.noise.0.{each}": value for each, value in settings.items()})


@pytest.mark.parametrize(
    ("name", "path", "part", "message"),
    [
        ("t5", "denoise.target", "CleanRow", "RandomSegments makes no noise for CleanRow"),
        ("bart", "denoise.noise.2", "SentencePermutation", "must come before all other noise"),
        ("bart", "denoise.noise.0", "DocumentRotation", "must come after all other noise"),
        ("mass", "denoise.noise.0", "RandomTokens", "RandomTokens makes no noise for Fragment"),
    ],
)
def test_noise_that_does_not_fit_is_refused(name: str, path: str, part: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        recipe_from(name, {path: part})


@pytest.mark.parametrize(
    ("name", "role"), [("mass", "mask"), ("bart", "mask"), ("t5", "sep"), ("ernie-gen", "cls")]
)
def test_a_tokenizer_without_a_needed_token_is_refused(name: str, role: str) -> None:
    roles = {each: number for each, number in VOCABULARY.roles.items() if each != role}
    without = dataclasses.replace(VOCABULARY, roles=roles)
    with pytest.raises(ValueError, match=f"with --{role}-token TOKEN"):
        OBJECTIVES[name].check_vocabulary(without)


def test_mass_takes_blocks_of_documents_too() -> None:
    settings = {"segment": "FullSentences", "denoise.noise.0": "BlockFragments"}
    recipe = recipe_from("mass", settings)
    other = OBJECTIVES["prophetnet"].denoise
    assert recipe.denoise is not None
    assert other is not None
    assert recipe.denoise.noise == other.noise
