"""As many near-duplicates are found as the bands promise."""

import math

import numpy as np
import pytest

from schemas.documents import document_batch
from transforms.filters.near_duplicates import (
    NearDuplicates,
    band_hashes,
    near_duplicates,
    signatures,
)

PAIRS, SHINGLES, TOKENS = 1500, 100, 5
BOUND = 6.1
"""Standard deviations: 1e-9 on both sides."""


def pairs_of(common: int, seed: int) -> list[bytes]:
    """Returns pairs of documents of 100 shingles each, of which so many are in both."""
    rng = np.random.Generator(np.random.PCG64(seed))
    found = []
    for _ in range(PAIRS):
        words = [f"{word:x}" for word in rng.integers(0, 1 << 60, 2 * (SHINGLES + TOKENS - 1))]
        shared, length = common + TOKENS - 1, SHINGLES + TOKENS - 1
        found.append(" ".join(words[:length]).encode())
        found.append(" ".join(words[:shared] + words[length : 2 * length - shared]).encode())
    return found


def share_found(near: NearDuplicates, common: int, seed: int) -> float:
    signed, counts = signatures(document_batch(pairs_of(common, seed)).column("text"), near)
    assert set(counts.tolist()) == {SHINGLES}
    hashes = band_hashes(signed, near)
    return float((hashes[::2] == hashes[1::2]).any(axis=1).mean())


def deviation(near: NearDuplicates, common: int, expected: float, seed: int = 1) -> float:
    """Returns how far what is found is from what is expected, in standard deviations."""
    sigma = math.sqrt(expected * (1 - expected) / PAIRS)
    return abs(share_found(near, common, seed) - expected) / sigma


# Of 100 and 100 shingles 89 in both are a similarity of 89 / 111.
@pytest.mark.parametrize("common", [89, 75, 67])
def test_pairs_are_found_as_often_as_stated(common: int) -> None:
    near, similarity = near_duplicates(0.8, 0.95), common / (2 * SHINGLES - common)
    assert deviation(near, common, near.probability(similarity)) < BOUND


def test_the_recall_is_reached_at_the_threshold() -> None:
    near = near_duplicates(0.8, 0.95)
    assert share_found(near, 89, 2) >= 0.95 - BOUND * math.sqrt(0.95 * 0.05 / PAIRS)


def test_the_bound_rejects_bands_that_find_too_few() -> None:
    # What datasketch chooses for a threshold of 0.8 with 128 permutations.
    few = NearDuplicates(similarity=0.8, recall=0.95, bands=9, rows=13)
    assert deviation(few, 89, near_duplicates(0.8, 0.95).probability(89 / 111)) > BOUND
