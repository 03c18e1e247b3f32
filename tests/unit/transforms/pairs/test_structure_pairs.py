import numpy as np
import pytest

from schemas.records import Tokens
from schemas.windows import Packing, Windows
from tests.oracles.streams import tokens_of, vocabulary
from tests.oracles.windows import segments
from tests.support.synthetic_builds import settings_for
from transforms.arrays.randomness import rng_for
from transforms.contract.oracle import rate
from transforms.objectives import OBJECTIVES
from transforms.pairs.distractors import LoneDocumentError
from transforms.pairs.structure_pairs import SentenceStructure
from transforms.windows.pack_windows import SentenceChunks

FAR = 10**9
RELATIONS = SentenceStructure.relations
NEXT, PREVIOUS, RANDOM = (RELATIONS.index(each) for each in ("next", "previous", "random"))


def chunks(tokens: Tokens, capacity: int) -> Packing:
    segment = SentenceChunks(short_rate=0.0)
    return segment.pack(tokens, capacity, vocabulary(), rng_for(0, "pack"))


def pair(packing: Packing, seed: int = 0, capacity: int = FAR, **fields: float) -> Windows:
    return SentenceStructure(**fields).pair(packing, capacity, rng_for(seed, "pair"))


def test_neighbours_are_two_halves_in_order_or_the_wrong_way_round() -> None:
    # Two documents of three sentences each: ids 100.. and 106..
    packing = chunks(tokens_of([[2, 2, 2], [2, 2, 2]]), 6)
    seen = set()
    for seed in range(60):
        for first, second, relation in segments(pair(packing, seed, random_rate=0.0)):
            earlier, later = (second, first) if relation == PREVIOUS else (first, second)
            assert earlier + later in ([*range(100, 106)], [*range(106, 112)])
            seen.add((relation, len(earlier)))
    assert seen == {(NEXT, 2), (NEXT, 4), (PREVIOUS, 2), (PREVIOUS, 4)}


def test_random_segments_are_of_another_document_and_give_back_what_is_unused() -> None:
    packing = chunks(tokens_of([[2, 2, 2], [2, 2, 2]]), 6)
    for seed in range(20):
        found = segments(pair(packing, seed, random_rate=1.0))
        # Each A goes on where the last one ended, so all of the text is an A once.
        assert [token for first, _, _ in found for token in first] == [*range(100, 112)]
        for first, second, relation in found:
            assert relation == RANDOM
            assert (first[0] < 106) != (second[0] < 106)
            assert (second[0] < 106) == (second[-1] < 106)


def test_a_lone_sentence_gets_another_document() -> None:
    packing = chunks(tokens_of([[4], [3, 3]]), 6)
    for seed in range(10):
        (first, second, relation), *_ = segments(pair(packing, seed, random_rate=0.0))
        assert first == [100, 101, 102, 103]
        assert set(second) <= set(range(104, 110))
        assert relation == RANDOM


def test_a_third_of_each() -> None:
    # A random pair gives a sentence back, and a chunk of it alone is random again.
    packing = chunks(tokens_of([[2, 2]] * 6000), 4)
    found = segments(pair(packing))
    chunked = [each for each in found if each[0][0] % 4 == 0 or each[2] != RANDOM]
    for relation in (NEXT, PREVIOUS, RANDOM):
        count = sum(each[2] == relation for each in chunked)
        assert rate("a third", count, len(chunked), 1 / 3).holds
        assert not rate("a half", count, len(chunked), 1 / 2).holds


@pytest.mark.parametrize(
    ("counts", "lone", "holds"),
    [
        ((3000, 3000, 3000), 0, [True, True, True]),
        ((3000, 3000, 9000), 6000, [True, True, True]),
        ((3000, 3000, 9000), 0, [True, True, False]),
        ((0, 0, 9000), 0, [True, True, False]),
        ((3500, 3500, 2000), 0, [True, True, False]),
        ((3400, 2600, 3000), 0, [True, True, False]),
        ((3000, 3000, 3000), 3001, [False, True, False]),
    ],
)
def test_what_the_oracles_find(counts: tuple[int, int, int], lone: int, holds: list[bool]) -> None:
    following, previous, random = counts
    names = ("pair.next", "pair.previous", "pair.random")
    drawn = {
        "drawn.several_sentences.next": following,
        "drawn.several_sentences.previous": previous,
        "drawn.several_sentences.random": max(random - lone, 0),
        "drawn.one_sentence.random": lone,
    }
    totals = {**dict(zip(names, counts, strict=True)), **drawn}
    recipe = OBJECTIVES["structbert"]
    oracles = SentenceStructure().oracles(totals, recipe.rules, settings_for(recipe).vocabulary)
    assert [oracle.holds for oracle in oracles][:3] == holds


def test_the_labels_are_those_of_the_reference() -> None:
    assert SentenceStructure().labels == {"random": 0, "next": 1, "previous": 2}
    assert set(SentenceStructure().labels) == set(RELATIONS)


def test_long_pairs_are_shortened_after_they_change_places() -> None:
    packing = chunks(tokens_of([[5, 5]] * 20), 10)
    for first, second, _ in segments(pair(packing, capacity=7, random_rate=0.0)):
        assert (len(first), len(second)) == (4, 3)


def test_the_only_document_cannot_have_a_random_segment() -> None:
    with pytest.raises(LoneDocumentError):
        pair(chunks(tokens_of([[3, 3]]), 6), random_rate=0.0)


def test_the_rate_is_checked() -> None:
    with pytest.raises(ValueError, match=r"random_rate must be in \[0, 1\], got 1.5"):
        SentenceStructure(random_rate=1.5)


def test_without_random_pairs_every_window_is_used_once() -> None:
    rng = rng_for(3, "lengths")
    documents = [rng.integers(1, 9, rng.integers(2, 9)).tolist() for _ in range(50)]
    packing = chunks(tokens_of(documents), 20)
    found = segments(pair(packing, random_rate=0.0))
    ids = np.concatenate([a + (b if relation != RANDOM else []) for a, b, relation in found])
    assert ids.size == np.unique(ids).size
