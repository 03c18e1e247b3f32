import collections
import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.records import Tokens
from schemas.windows import Packing, Windows
from tests.oracles.part_orders import all_orders, put_back
from tests.oracles.streams import tokens_of, vocabulary
from tests.support.sample_builds import stored_rows
from tests.support.synthetic_builds import build_folder
from trainer.rows.shard_rows import MappedShards
from transforms.arrays.marks import BEGINS, INSIDE
from transforms.arrays.randomness import rng_for
from transforms.contract.oracle import uniformity
from transforms.objectives import OBJECTIVES
from transforms.pairs.reorder_parts import SentenceReordering
from transforms.tokens.rearrange import take_ranges
from transforms.windows.pack_windows import SentenceChunks

FAR = 10**9


def chunks(tokens: Tokens, capacity: int) -> Packing:
    segment = SentenceChunks(short_rate=0.0)
    return segment.pack(tokens, capacity, vocabulary(), rng_for(0, "pack"))


def reorder(packing: Packing, seed: int = 0, capacity: int = FAR, **fields: int | str) -> Windows:
    part = SentenceReordering(**fields)  # type: ignore[arg-type]
    return part.pair(packing, capacity, rng_for(seed, "pair"))


def shown(windows: Windows) -> list[tuple[list[list[int]], int]]:
    """Returns the ids of the parts as they stand, and the class, of every window."""
    assert windows.relation is not None
    assert windows.second is None
    tokens = windows.tokens
    rows = []
    for number, (begin, end) in enumerate(windows.first.tolist()):
        borders = tokens.sentence_offsets
        first, last = np.searchsorted(borders, [begin, end]).tolist()
        parts = [tokens.ids[borders[s] : borders[s + 1]].tolist() for s in range(first, last)]
        rows.append((parts, int(windows.relation[number])))
    return rows


@given(
    documents=st.lists(st.lists(st.integers(1, 6), min_size=1, max_size=9), max_size=6),
    capacity=st.integers(4, 40),
    most=st.integers(2, 5),
    count=st.sampled_from(["uniform", "most"]),
    seed=st.integers(0, 1 << 20),
)
def test_the_inverse_order_restores_the_text(
    documents: list[list[int]], capacity: int, most: int, count: str, seed: int
) -> None:
    packing = chunks(tokens_of(documents), capacity)
    windows = reorder(packing, seed, capacity, max_parts=most, parts=count)
    sentence_starts = set((packing.tokens.sentence_offsets + 100).tolist())
    numbers = []
    for parts, relation in shown(windows):
        order = all_orders(most)[relation]
        assert len(order) == len(parts) == len(list(filter(None, parts)))
        original = put_back(order, parts)
        flat = [each for part in original for each in part]
        # The text is a run of the stream, as its ids count.
        assert flat == list(range(flat[0], flat[0] + len(flat)))
        assert len(flat) <= capacity
        assert all(part[0] in sentence_starts for part in original)
        sentences = [sum(each in sentence_starts for each in part) for part in original]
        assert max(sentences) - min(sentences) <= 1
        assert len(order) <= min(most, sum(sentences))
        if count == "most":
            assert len(order) == min(most, sum(sentences))
        numbers += flat
    # Whole sentences follow one another; only the ends of long windows are cut off.
    assert numbers == sorted(set(numbers))
    if not documents or max(map(sum, documents)) <= capacity:
        assert len(numbers) == len(packing.tokens.ids)


def test_every_order_is_as_likely_as_another() -> None:
    packing = chunks(tokens_of([[1, 1, 1, 1]] * 8000), 8)
    found = collections.Counter(relation for _, relation in shown(reorder(packing)))
    assert set(found) == set(range(9))
    for classes in (range(1), range(1, 3), range(3, 9)):
        counts = [found[each] for each in classes]
        assert uniformity("orders", counts, [1.0] * len(counts)).holds
    parts = [found[0], found[1] + found[2], sum(found[each] for each in range(3, 9))]
    assert uniformity("parts", parts, [1.0, 1.0, 1.0]).holds


def test_most_parts_are_as_many_as_there_are_sentences() -> None:
    packing = chunks(tokens_of([[1]] * 10 + [[1, 1]] * 200 + [[1] * 7] * 500), 9)
    windows = reorder(packing, parts="most", max_parts=3)
    found = [relation for _, relation in shown(windows)]
    assert found[:10] == [0] * 10
    assert set(found[10:210]) == {1, 2}
    assert set(found[210:]) == set(range(3, 9))
    # Seven sentences make parts of 2, 2 and 3 of them.
    parts, relation = shown(windows)[-1]
    assert [len(part) for part in put_back(all_orders(3)[relation], parts)] == [2, 2, 3]


def test_a_long_window_is_cut_before_it_is_shuffled() -> None:
    """Only the text's last part is shorter, wherever it stands."""
    packing = chunks(tokens_of([[4, 4, 4]] * 50), 12)
    for parts, relation in shown(reorder(packing, capacity=10, parts="most")):
        original = put_back(all_orders(3)[relation], parts)
        assert [len(part) for part in original] == [4, 4, 2]


def test_words_and_spans_go_with_their_tokens() -> None:
    tokens = dataclasses.replace(
        tokens_of([[3, 3]], word_starts=[1, 0, 1, 1, 0, 0]),
        annotations={"entities": np.array([0, BEGINS, INSIDE, INSIDE, INSIDE, 0], np.uint8)},
    )
    taken = take_ranges(tokens, np.array([4, 0, 3]), np.array([2, 2, 1]), np.array([2, 1]))
    assert taken.ids.tolist() == [104, 105, 100, 101, 103]
    assert taken.sentence_offsets.tolist() == [0, 2, 4, 5]
    assert taken.document_offsets.tolist() == [0, 2, 3]
    assert taken.word_starts is not None
    assert taken.word_starts.tolist() == [True, False, True, False, True]
    assert taken.annotations["entities"].tolist() == [BEGINS, 0, 0, BEGINS, BEGINS]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"max_parts": 6}, r"max_parts must be in \[2, 5\], got 6"),
        ({"parts": "all"}, "parts must be uniform or most, got 'all'"),
    ],
)
def test_settings_are_checked(fields: dict[str, int | str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        SentenceReordering(**fields)  # type: ignore[arg-type]


def test_labels_are_the_numbers_of_the_orders() -> None:
    part = SentenceReordering(max_parts=5)
    assert list(part.labels.values()) == list(range(153))
    assert part.relations[0] == "1:0"
    assert part.relations[152] == "5:4-3-2-1-0"


def test_the_trainer_reads_codes_of_two_bytes(tmp_path: Path) -> None:
    pair = SentenceReordering(max_parts=5, parts="most")
    recipe = dataclasses.replace(
        OBJECTIVES["ernie2-reordering"], pair=pair, copies=1, max_seq_length=64
    )
    folder = build_folder(tmp_path / "data", recipe)
    paths = [folder.shard(number) for number in range(2)]
    names = [row["pair_relation"] for path in paths for row in stored_rows(path)]
    shards = MappedShards(paths, recipe, folder.settings.vocabulary)
    found = shards.rows(np.arange(len(shards))).pair_label
    assert found is not None
    assert found.tolist() == [pair.relations.index(name) for name in names]
    assert found.max() > 127


@pytest.mark.parametrize(("most", "width"), [(4, 8), (5, 16)])
def test_the_column_is_as_wide_as_it_must_be(most: int, width: int) -> None:
    recipe = dataclasses.replace(
        OBJECTIVES["ernie2-reordering"], pair=SentenceReordering(max_parts=most)
    )
    kind = recipe.schema(vocabulary()).field("pair_relation").type
    assert kind.index_type.bit_width == width
