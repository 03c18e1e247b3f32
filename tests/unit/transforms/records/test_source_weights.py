import itertools

import numpy as np
import pytest

from transforms.contract.oracle import rate
from transforms.records.source_weights import UNIT, SourceWeights, repeated_keys


def keys(*halves: tuple[int, int]) -> np.ndarray:
    """Returns keys of these halves, the lower one first."""
    return np.array(halves, "<u8").view(np.uint8).reshape(-1, 16)


def weights(*each: float, seed: int = 1, eval_below: int = 0) -> SourceWeights:
    millionths = tuple(round(weight * UNIT) for weight in each)
    return SourceWeights(millionths=millionths, seed=seed, eval_below=eval_below)


def many_keys(count: int = 20_000) -> np.ndarray:
    return np.random.Generator(np.random.PCG64(3)).integers(0, 256, (count, 16), np.uint8)


def of_first(count: int) -> np.ndarray:
    return np.zeros(count, np.uint16)


def test_whole_weights_are_copies() -> None:
    found = weights(1, 3).copies(keys((5, 6), (7, 8)), np.array([0, 1], np.uint16))
    assert found.tolist() == [1, 3]


def test_a_share_is_chosen_by_the_key() -> None:
    eight = keys(*((number, 0) for number in range(8)))
    assert weights(0.5).copies(eight, of_first(8)).tolist() == [1, 1, 0, 0, 1, 0, 0, 0]
    assert weights(2.5).copies(eight, of_first(8)).tolist() == [3, 3, 2, 2, 3, 2, 2, 2]


def test_another_seed_chooses_others() -> None:
    one, other = (weights(0.5, seed=seed).copies(many_keys(), of_first(20_000)) for seed in (1, 2))
    assert rate("the same", int((one == other).sum()), 20_000, 0.5).holds


def test_what_a_lower_weight_chooses_a_higher_one_does_too() -> None:
    found = [weights(each).copies(many_keys(), of_first(20_000)) for each in (0.1, 0.5, 1, 1.3)]
    assert all((one <= other).all() for one, other in itertools.pairwise(found))


def test_held_out_documents_are_not_repeated_but_left_out() -> None:
    of_two_sources = np.array([0, 1], np.uint16)
    two = keys((5, 9), (5, 9))
    assert weights(3, 1, eval_below=10).copies(two, of_two_sources).tolist() == [1, 1]
    assert weights(3, 1, eval_below=9).copies(two, of_two_sources).tolist() == [3, 1]
    found = weights(0.5, eval_below=1 << 63).copies(many_keys(), of_first(20_000))
    held_out = many_keys()[:, 15] < 128
    assert rate("held out", int(found[held_out].sum()), int(held_out.sum()), 0.5).holds


@pytest.mark.parametrize("weight", [0.000001, 0.01, 0.5, 0.9, 2.25])
def test_the_share_is_within_its_bound(weight: float) -> None:
    copies = weights(weight).copies(many_keys(), of_first(20_000))
    assert rate("copies", int((copies > int(weight)).sum()), 20_000, weight % 1).holds


def test_the_bound_rejects_another_share() -> None:
    copies = weights(0.5).copies(many_keys(), of_first(20_000))
    assert not rate("copies", int(copies.sum()), 20_000, 0.53).holds


def test_repetitions_share_the_upper_half_of_the_key() -> None:
    # The first outputs of SplitMix64 with the seed 0: 16294208416658607535, 7960286522194355700.
    found = [repeated_keys(keys((0, 77)), copy).view("<u8").tolist() for copy in (1, 2)]
    assert found == [[[16294208416658607535, 77]], [[7960286522194355700, 77]]]
