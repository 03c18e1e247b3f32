import numpy as np
import pytest

from schemas.windows import Examples
from tests.oracles.streams import ROLES, examples_of, rewrite_once, vocabulary
from transforms.arrays.randomness import rng_for
from transforms.corruption.random_ids import EvenIds, UnigramIds
from transforms.corruption.rewrite import MaskRandomKeepRuns

MASK = ROLES["mask"]


def rewrite(
    how: MaskRandomKeepRuns, examples: Examples, found: list[list[int]], seed: int
) -> list[int]:
    ids: list[int] = rewrite_once(
        how, examples, found, vocabulary(), rng_for(seed, "rewrite")
    ).tolist()
    return ids


def test_runs_end_with_their_row() -> None:
    """Else 3 and 4 were one run, which has one fate."""
    examples = examples_of(["WWWW", "WWWW"])
    how = MaskRandomKeepRuns(mask=0.5, random=0.0)
    found = [rewrite(how, examples, [[3], [0]], seed) for seed in range(40)]
    assert len({tuple(each) for each in found}) == 4


def test_words_that_touch_share_their_fate() -> None:
    examples = examples_of(["^WwWWwWWWW^"])
    fates = set()
    for seed in range(300):
        seen = rewrite(MaskRandomKeepRuns(), examples, [[1, 2, 3, 6, 7, 8]], seed)
        first, second = seen[:3], seen[3:]
        for run, original in ((first, [101, 102, 103]), (second, [106, 107, 108])):
            fate = "mask" if run == [MASK] * 3 else "keep" if run == original else "random"
            assert fate != "random" or MASK not in run
            fates.add(fate)
    assert fates == {"mask", "keep", "random"}


def test_random_tokens_are_those_of_the_text() -> None:
    examples = examples_of(["^WW^", "^W^"])
    how = MaskRandomKeepRuns(mask=0.0, random=1.0)
    assert how.roles == frozenset()
    found = {each for seed in range(60) for each in rewrite(how, examples, [[1, 2], [1]], seed)}
    assert found == {101, 102, 105}


def test_nothing_is_selected() -> None:
    for how in (MaskRandomKeepRuns(), MaskRandomKeepRuns(random_ids=EvenIds())):
        assert rewrite(how, examples_of(["^^"]), [[]], 0) == []


def test_shares_are_checked() -> None:
    with pytest.raises(ValueError, match=r"at most 1 together, got 0\.9 and 0\.2"):
        MaskRandomKeepRuns(mask=0.9, random=0.2)


def test_what_may_be_drawn() -> None:
    names = vocabulary(8)
    assert UnigramIds().allowed(names).tolist() == [0, 1, 2, 3, 5, 6, 7]
    assert EvenIds(exclude=("cls", "mask")).allowed(names).tolist() == [0, 1, 3, 5, 6, 7]
    ids, special = np.array([2, 6, 6, 7, 3]), np.array([True, False, False, False, True])
    assert UnigramIds().weights(ids, special, names).tolist() == [0, 0, 0, 0, 0, 0, 2, 1]
    weights = EvenIds(exclude=("pad",)).weights(ids, special, names)
    assert weights.tolist() == [0, 1, 1, 1, 1, 1, 1, 1]
