"""ELECTRA's chunks and segments, and rows that may lack the second one."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.records import Tokens
from schemas.windows import Examples, Packing, Windows
from tests.oracles.electra_segments import segments_of
from tests.oracles.streams import ROLES, sentences_of_ids, tokens_of, vocabulary
from transforms.arrays.randomness import random_bits, rng_for
from transforms.contract.oracle import rate, uniformity
from transforms.objectives import OBJECTIVES
from transforms.pairs.halve_segments import HalvedChunk
from transforms.pairs.pair_segments import follow
from transforms.windows.drawn_chunks import DrawnChunks
from transforms.windows.lay_out import Layout, cut_lone, lay_out

CLS, SEP = ROLES["cls"], ROLES["sep"]
SPECIALS = 3
NEXT, NONE = 0, 1


def pack(tokens: Tokens, longest: int, seed: int = 0, **fields: float) -> Packing:
    segment = DrawnChunks(**fields)  # type: ignore[arg-type]
    return segment.pack(tokens, longest - SPECIALS, vocabulary(), rng_for(seed, "pack"))


def pair(packing: Packing, longest: int, seed: int = 0, single_rate: float = 0.1) -> Windows:
    halved = HalvedChunk(single_rate=single_rate)
    windows = halved.pair(packing, longest - SPECIALS, rng_for(seed, "pair"))
    return cut_lone(windows, Layout(), longest)


def segments(windows: Windows) -> list[tuple[list[int], list[int]]]:
    assert windows.second is not None
    ids = windows.tokens.ids.tolist()
    ranges = np.concatenate([windows.first, windows.second], axis=1).tolist()
    return [(ids[a:b], ids[c:d]) for a, b, c, d in ranges]


@dataclasses.dataclass
class Drawn:
    """The chances that the fast code has drawn, by the sentence where a chunk begins."""

    packing: Packing
    seed: int
    single_rate: float

    def __post_init__(self) -> None:
        starts = follow(self.packing.ends)
        bits = random_bits(rng_for(self.seed, "pair"), 2 * len(starts)).reshape(-1, 2).tolist()
        self._bits = dict(zip(starts.tolist(), bits, strict=True))

    def target(self, sentence: int) -> int:
        return int(self.packing.targets[sentence])

    def is_single(self, sentence: int) -> bool:
        return int(self._bits[sentence][0]) < round(self.single_rate * 2**32)

    def joins(self, sentence: int) -> bool:
        return int(self._bits[sentence][1]) < 2**31


@given(
    documents=st.lists(
        st.lists(st.integers(1, 20), min_size=1, max_size=12), min_size=1, max_size=6
    ),
    longest=st.integers(5, 48),
    short_rate=st.sampled_from([0.0, 0.05, 0.5, 1.0]),
    single_rate=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    seed=st.integers(0, 1 << 30),
)
def test_segments_are_those_of_the_slow_way(
    documents: list[list[int]], longest: int, short_rate: float, single_rate: float, seed: int
) -> None:
    tokens = tokens_of(documents)
    packing = pack(tokens, longest, seed, short_rate=short_rate)
    chance = Drawn(packing, seed, single_rate)
    expected = list(segments_of(sentences_of_ids(tokens), longest, chance))
    windows = pair(packing, longest, seed, single_rate)
    assert segments(windows) == expected
    assert windows.relation is not None
    assert windows.relation.tolist() == [NEXT if second else NONE for _, second in expected]


def test_a_takes_sentences_below_its_half_and_the_next_by_chance() -> None:
    # Half of 23 is 10: A takes 4 and 4, and the third 4 if the coin says so.
    packing = pack(tokens_of([[4, 4, 4, 4, 4, 4]]), 23, short_rate=0.0)
    seen = {tuple(map(len, segments(pair(packing, 23, seed, 0.0))[0])) for seed in range(30)}
    assert seen == {(8, 12), (12, 8)}


def test_a_sentence_that_exceeds_the_half_at_once_stays_alone_in_a() -> None:
    packing = pack(tokens_of([[12, 4, 4, 4]]), 23, short_rate=0.0)
    for seed in range(20):
        assert [len(each) for each in segments(pair(packing, 23, seed, 0.0))[0]] == [12, 8]


def test_short_sentences_never_jump_back_to_a() -> None:
    packing = pack(tokens_of([[8, 9, 1, 1, 9]]), 23, short_rate=0.0)
    for seed in range(20):
        first, second = segments(pair(packing, 23, seed, 0.0))[0]
        assert first + second == list(range(100, 120))


def test_what_does_not_fit_is_cut_off_at_the_end_and_not_used() -> None:
    packing = pack(tokens_of([[30, 5], [10, 30], [21, 5]]), 23, short_rate=0.0)
    found = segments(pair(packing, 23, single_rate=0.0))
    assert found == [
        (list(range(100, 121)), []),
        (list(range(130, 135)), []),
        (list(range(135, 145)), list(range(145, 155))),
        (list(range(175, 196)), []),
    ]


@pytest.mark.parametrize("single_rate", [0.0, 0.1, 1.0])
def test_as_many_are_whole_as_are_asked(single_rate: float) -> None:
    packing = pack(tokens_of([[4, 4, 4, 4, 4]] * 4000), 23, short_rate=0.0)
    relation = pair(packing, 23, single_rate=single_rate).relation
    assert relation is not None
    assert rate("single", int((relation == NONE).sum()), len(relation), single_rate).holds
    assert not rate("single", int((relation == NONE).sum()), len(relation), 0.5).holds


def test_a_sentence_at_the_border_goes_to_either_with_equal_chance() -> None:
    packing = pack(tokens_of([[8, 8, 8]] * 4000), 23, short_rate=0.0)
    firsts = [len(first) for first, _ in segments(pair(packing, 23, single_rate=0.0))]
    assert rate("joins", firsts.count(16), len(firsts), 0.5).holds


def test_targets_are_the_longest_or_uniform() -> None:
    targets = pack(tokens_of([[1] * 40] * 1000), 23).targets
    assert targets.max() == 23
    short = targets[targets < 23]
    # One short target in 19 is the longest.
    assert rate("short", len(short), len(targets), 0.05 * 18 / 19).holds
    counts = np.bincount(short, minlength=23)[5:].tolist()
    assert uniformity("short targets", counts, [1.0] * 18).holds


def test_targets_are_drawn_for_every_chunk() -> None:
    packing = pack(tokens_of([[1] * 2000]), 23, short_rate=1.0)
    starts = follow(packing.ends)
    assert (packing.ends[starts] - starts == packing.targets[starts])[:-1].all()
    assert len(set(packing.targets[starts].tolist())) == 19


@pytest.mark.parametrize(
    ("field", "value", "match"),
    [
        ("short_rate", 1.5, r"short_rate must be in \[0, 1\], got 1.5"),
        ("shortest", 0, "shortest must be at least 1, got 0"),
        ("surplus", -1, "surplus must be at least 0, got -1"),
    ],
)
def test_fields_are_checked(field: str, value: float, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        DrawnChunks(**{field: value})  # type: ignore[arg-type]


def test_single_rate_is_checked() -> None:
    with pytest.raises(ValueError, match=r"single_rate must be in \[0, 1\], got -1"):
        HalvedChunk(single_rate=-1)


def laid_out(documents: list[list[int]], longest: int) -> Examples:
    packing = pack(tokens_of(documents), longest, short_rate=0.0)
    return lay_out(pair(packing, longest, single_rate=0.0), Layout(), vocabulary())


def test_rows_have_one_or_two_segments() -> None:
    examples = laid_out([[2, 2, 2, 2], [3], [30]], 9)
    rows = np.split(examples.ids, examples.offsets[1:-1])
    assert [row.tolist() for row in rows[-2:]] == [
        [CLS, 108, 109, 110, SEP],
        [CLS, *range(111, 118), SEP],
    ]
    first = rows[0].tolist()
    middle = first.index(SEP) + 1
    assert first == [CLS, *range(100, 98 + middle), SEP, *range(98 + middle, 106), SEP]
    assert examples.second_segment_start.tolist() == [middle, 5, 9]
    assert np.array_equal(examples.special, np.isin(examples.ids, [CLS, SEP]))


def test_a_recipe_has_one_or_two_segments() -> None:
    electra = OBJECTIVES["electra"]
    assert (electra.rules.min_segments, electra.segments) == (1, 2)
    assert (OBJECTIVES["bert"].rules.min_segments, OBJECTIVES["roberta"].segments) == (2, 1)


@pytest.mark.parametrize(
    ("none", "whole", "holds"),
    [(20, 0, False), (100, 0, True), (900, 0, False), (900, 889, True)],
)
def test_rows_of_one_segment_are_as_many_as_drawn(none: int, whole: int, holds: bool) -> None:
    electra = OBJECTIVES["electra"]
    counts = {
        "pair.none": none,
        "pair.next": 1000 - none,
        "drawn.what_can_be_halved.none": none - whole,
        "drawn.what_can_be_halved.next": 1000 - none,
        "drawn.what_cannot.none": whole,
    }
    oracles = HalvedChunk().oracles(counts, electra.rules, vocabulary())
    assert all(oracle.holds for oracle in oracles) == holds


def test_a_row_without_a_second_segment_has_more_room_for_the_first() -> None:
    examples = laid_out([[30], [12, 30]], 23)
    assert np.diff(examples.offsets).tolist() == [23, 23]
    assert examples.second_segment_start.tolist() == [23, 14]


def test_a_layout_may_put_nothing_before_the_first_segment() -> None:
    packing = pack(tokens_of([[2, 2, 2, 2], [3]]), 8, short_rate=0.0)
    windows = pair(packing, 8, single_rate=0.0)
    examples = lay_out(windows, Layout(prefix=()), vocabulary())
    assert examples.ids[examples.ids > SEP].tolist() == [
        *windows.tokens.ids[:5].tolist(),
        108,
        109,
        110,
    ]
    assert examples.offsets.tolist() == [0, 7, 11]
