"""How many documents of sources are kept and repeated, judged by their weights."""

import dataclasses

import numpy as np
import pytest

from schemas.manifest_documents import SourceCounts
from schemas.manifest_parts import ShardEntry
from tests.support.manifests import SHA256
from transforms.arrays.randomness import rng_for
from transforms.build.source_shares import source_oracles
from transforms.contract.oracle import ALPHA
from transforms.records.source_weights import UNIT, SourceWeights

NONE = SourceCounts(documents=0, repeated=0, bytes=0, duplicates=0)


def entry(**counts: int) -> ShardEntry:
    return ShardEntry(
        path="train/shard-00000-of-00001.arrow",
        rows=1,
        tokens=1,
        bytes=1,
        sha256=SHA256,
        max_length=1,
        documents=1,
        duplicates=0,
        encoder="library",
        statistics={},
        sources={"web": dataclasses.replace(NONE, **counts)},
    )


def failing(weight: float, split: str, *entries: ShardEntry) -> list[str]:
    found = source_oracles({"web": weight}, split, entries)
    return [oracle.name for oracle in found if not oracle.holds]


@pytest.mark.parametrize(
    ("weight", "wanted", "again", "unwanted", "wrong"),
    [
        (0.5, 10_000, 0, 10_100, ""),
        (0.5, 10_000, 0, 12_000, "documents of web are kept at the rate"),
        (0.5, 0, 0, 200, "documents of web are kept at the rate"),
        (2.5, 10_000, 15_100, 0, ""),
        (2.5, 10_000, 16_000, 0, "documents of web are repeated once more at the rate"),
        (2.5, 10_000, 5_000, 0, "documents of web are repeated once more at the rate"),
        (1.25, 10_000, 2_500, 0, ""),
        (1.25, 10_000, 0, 0, "documents of web are repeated once more at the rate"),
        (3, 10_000, 20_000, 0, ""),
        (3, 10_000, 19_999, 0, "documents of web are there 3 times"),
        (1, 10_000, 0, 0, ""),
    ],
)
def test_shares_that_weights_do_not_give_are_found(
    weight: float, wanted: int, again: int, unwanted: int, wrong: str
) -> None:
    half = entry(wanted=wanted // 2, wanted_again=again // 2, unwanted=unwanted // 2)
    rest = entry(
        wanted=wanted - wanted // 2,
        wanted_again=again - again // 2,
        unwanted=unwanted - unwanted // 2,
    )
    assert failing(weight, "train", half, rest) == ([wrong] if wrong else [])


def test_held_out_documents_are_left_out_and_not_repeated() -> None:
    assert failing(0.5, "eval", entry(wanted=500)) == ["documents of web are kept at the rate"]
    assert failing(2.5, "eval", entry(wanted=500)) == []


def test_the_bound_follows_from_the_documents_and_the_weight() -> None:
    """L = ln(2e9) = 21.42; 21.42 / 3 + sqrt(21.42**2 / 9 + 2 * 21.42 * 400 * 0.25 * 0.75)."""
    [oracle] = source_oracles({"web": 0.25}, "train", [entry(wanted=90, unwanted=310)])
    assert (oracle.observed, oracle.expected, oracle.trials) == (0.225, 0.25, 400)
    assert abs(oracle.tolerance * 400 - 64.27) < 0.01
    assert oracle.why == "each different document of it is kept with probability 25 %"
    assert ALPHA == 1e-9


@pytest.mark.parametrize("millionths", [1, 250_000, 999_999, 1_500_000, 2_750_000])
def test_what_is_chosen_by_keys_passes(millionths: int) -> None:
    keys = np.frombuffer(rng_for(3, "keys").bytes(16 * 20_000), np.uint8).reshape(-1, 16)
    for seed in range(10):
        weights = SourceWeights(millionths=(millionths,), seed=seed)
        copies = weights.copies(keys, np.zeros(len(keys), np.uint16))
        wanted = int(np.count_nonzero(copies))
        counts = {"wanted": wanted, "wanted_again": int(copies.sum()) - wanted}
        found = entry(**counts, unwanted=len(keys) - wanted)
        assert failing(millionths / UNIT, "train", found) == []
