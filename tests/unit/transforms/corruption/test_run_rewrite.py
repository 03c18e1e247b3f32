import numpy as np
import pytest

from schemas.records import Examples
from tests.oracles.streams import ROLES, examples_of, vocabulary
from transforms.arrays.randomness import rng_for
from transforms.arrays.spans import Spans, merge_adjacent
from transforms.corruption.random_ids import EvenIds, UnigramIds
from transforms.corruption.rewrite import MaskRandomKeepRuns

MASK = ROLES["mask"]


def spans(*pairs: tuple[int, int]) -> Spans:
    both = np.array(pairs, np.int64).reshape(-1, 2)
    return Spans(both[:, 0], both[:, 1])


def merged(found: Spans, borders: list[int]) -> list[tuple[int, int]]:
    joined = merge_adjacent(found, np.array(borders))
    return list(zip(joined.starts.tolist(), joined.ends.tolist(), strict=True))


def test_spans_that_touch_are_joined_but_not_across_rows() -> None:
    found = spans((0, 2), (2, 3), (4, 5), (5, 6), (6, 9), (11, 12))
    assert merged(found, [0, 20]) == [(0, 3), (4, 9), (11, 12)]
    assert merged(found, [0, 6, 20]) == [(0, 3), (4, 6), (6, 9), (11, 12)]
    assert merged(found, [0, 2, 5, 11]) == [(0, 2), (2, 3), (4, 5), (5, 9), (11, 12)]
    assert merged(spans(), [0]) == []
    assert merged(spans((3, 4)), [0, 3]) == [(3, 4)]


def rewrite(how: MaskRandomKeepRuns, examples: Examples, found: Spans, seed: int) -> list[int]:
    ids: list[int] = how.rewrite(examples, found, vocabulary(), rng_for(seed, "rewrite")).tolist()
    return ids


def test_words_that_touch_share_their_fate() -> None:
    examples = examples_of(["^WwWWwWWWW^"])
    fates = set()
    for seed in range(300):
        seen = rewrite(MaskRandomKeepRuns(), examples, spans((1, 3), (3, 4), (6, 9)), seed)
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
    found = {
        each for seed in range(60) for each in rewrite(how, examples, spans((1, 3), (5, 6)), seed)
    }
    assert found == {101, 102, 105}


def test_nothing_is_selected() -> None:
    for how in (MaskRandomKeepRuns(), MaskRandomKeepRuns(random_ids=EvenIds())):
        assert rewrite(how, examples_of(["^^"]), spans(), 0) == []


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
