import numpy as np
import pytest

from schemas.records import Tokens
from schemas.windows import Packing, Windows
from tests.oracles.streams import tokens_of, vocabulary
from tests.oracles.windows import segments
from transforms.arrays.randomness import rng_for
from transforms.contract.oracle import rate
from transforms.pairs.distractors import LoneDocumentError
from transforms.pairs.order_segments import SentenceOrder
from transforms.windows.pack_windows import SentenceChunks

FAR = 10**9
IN_ORDER, SWAPPED, RANDOM = range(3)


def chunks(tokens: Tokens, capacity: int) -> Packing:
    segment = SentenceChunks(short_rate=0.0)
    return segment.pack(tokens, capacity, vocabulary(), rng_for(0, "pack"))


def pair(packing: Packing, seed: int = 0, capacity: int = FAR, **fields: float | str) -> Windows:
    return SentenceOrder(**fields).pair(packing, capacity, rng_for(seed, "pair"))  # type: ignore[arg-type]


def test_neighbours_in_order_or_swapped() -> None:
    # Two documents of three sentences each: ids 100.. and 106..
    packing = chunks(tokens_of([[2, 2, 2], [2, 2, 2]]), 6)
    seen = set()
    for seed in range(40):
        for first, second, relation in segments(pair(packing, seed)):
            earlier, later = (second, first) if relation == SWAPPED else (first, second)
            whole = earlier + later
            assert whole in ([*range(100, 106)], [*range(106, 112)])
            assert len(earlier) in {2, 4}
            seen.add((relation, len(earlier)))
    assert seen == {(IN_ORDER, 2), (IN_ORDER, 4), (SWAPPED, 2), (SWAPPED, 4)}


def test_a_lone_sentence_gets_another_document_and_no_order() -> None:
    packing = chunks(tokens_of([[4], [3, 3]]), 6)
    lone, (_, _, relation) = segments(pair(packing))
    assert lone[0] == [100, 101, 102, 103]
    assert set(lone[1]) <= set(range(104, 110))
    assert lone[2] == RANDOM
    assert relation in {IN_ORDER, SWAPPED}


def test_lone_sentences_can_be_left_out() -> None:
    packing = chunks(tokens_of([[4], [3, 3], [5]]), 6)
    [(first, second, _)] = segments(pair(packing, lone="drop"))
    assert sorted(first + second) == [*range(104, 110)]


@pytest.mark.parametrize("swap_rate", [0.0, 0.25, 1.0])
def test_as_many_are_swapped_as_are_asked(swap_rate: float) -> None:
    packing = chunks(tokens_of([[2, 2]] * 3000), 4)
    relations = [relation for _, _, relation in segments(pair(packing, swap_rate=swap_rate))]
    assert rate("swapped", relations.count(SWAPPED), len(relations), swap_rate).holds
    assert not rate("swapped", relations.count(SWAPPED), len(relations), 0.5).holds


def test_long_pairs_are_shortened_after_they_are_swapped() -> None:
    """B is the second that is shown: it loses the odd token of two equal segments."""
    packing = chunks(tokens_of([[5, 5]] * 20), 10)
    for first, second, _ in segments(pair(packing, capacity=7)):
        assert (len(first), len(second)) == (4, 3)


def test_the_only_document_cannot_have_a_random_segment() -> None:
    lone = chunks(tokens_of([[9, 2]]), 6)
    with pytest.raises(LoneDocumentError):
        pair(lone)
    assert len(segments(pair(chunks(tokens_of([[3, 3]]), 6)))) == 1
    assert segments(pair(lone, lone="drop")) == []


def test_random_pairs_have_no_order_unless_the_reference_is_wanted() -> None:
    assert SentenceOrder().labels == {"in_order": 0, "swapped": 1}
    parity = SentenceOrder(random_is_swapped=True)
    assert parity.labels == {"in_order": 0, "swapped": 1, "random": 1}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"swap_rate": 1.5}, r"swap_rate must be in \[0, 1\], got 1.5"),
        ({"lone": "keep"}, "lone must be random or drop, got 'keep'"),
    ],
)
def test_settings_are_checked(fields: dict[str, float | str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        SentenceOrder(**fields)  # type: ignore[arg-type]


def test_every_window_is_used_once() -> None:
    rng = rng_for(3, "lengths")
    documents = [rng.integers(1, 9, rng.integers(1, 9)).tolist() for _ in range(50)]
    packing = chunks(tokens_of(documents), 20)
    kept = [first + second for first, second, _ in segments(pair(packing, lone="drop"))]
    ids = np.concatenate(kept)
    assert len(set(ids.tolist())) == len(ids)
