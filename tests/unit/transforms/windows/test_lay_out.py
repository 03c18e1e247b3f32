import dataclasses

import numpy as np
import pytest

from schemas.windows import Examples, Windows
from tests.oracles.streams import ROLES, SEP, tokens_of, vocabulary
from transforms.windows.examples import join_examples
from transforms.windows.lay_out import Layout, lay_out

CLS = ROLES["cls"]
# Sentences of 3 and 4 tokens; words begin at 0, 2, 3 and 5.
TOKENS = tokens_of([[3, 4]], word_starts=[1, 0, 1, 1, 0, 1, 0])


def ranges(*pairs: tuple[int, int]) -> np.ndarray:
    return np.array(pairs, np.int64).reshape(-1, 2)


def starts(examples: Examples) -> list[int]:
    assert examples.word_starts is not None
    return examples.word_starts.astype(int).tolist()


def test_single_segments() -> None:
    examples = lay_out(Windows(TOKENS, ranges((0, 3), (3, 7))), Layout(), vocabulary())
    assert examples.ids.tolist() == [CLS, 100, 101, 102, SEP, CLS, 103, 104, 105, 106, SEP]
    assert examples.ids.dtype == "uint16"
    assert examples.offsets.tolist() == [0, 5, 11]
    assert examples.second_segment_start.tolist() == [5, 6]
    assert examples.special.astype(int).tolist() == [1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1]
    assert starts(examples) == [0, 1, 0, 1, 0, 0, 1, 0, 1, 0, 0]
    assert examples.relation is None


def test_pairs() -> None:
    relation = np.array([1], np.uint8)
    windows = Windows(TOKENS, ranges((0, 2)), ranges((4, 7)), relation)
    examples = lay_out(windows, Layout(), vocabulary())
    assert examples.ids.tolist() == [CLS, 100, 101, SEP, 104, 105, 106, SEP]
    assert examples.second_segment_start.tolist() == [4]
    assert examples.special.astype(int).tolist() == [1, 0, 0, 1, 0, 0, 0, 1]
    # Token 104 does not begin a word in the text, but it does in its segment.
    assert starts(examples) == [0, 1, 0, 0, 1, 1, 0, 0]
    assert examples.relation is relation


def test_a_segment_that_lost_its_first_token() -> None:
    windows = Windows(TOKENS, ranges((1, 3)), ranges((4, 7)), np.array([0], np.uint8))
    assert starts(lay_out(windows, Layout(), vocabulary())) == [0, 1, 1, 0, 1, 1, 0, 0]
    joined = lay_out(windows, Layout(join_split_word=True), vocabulary())
    # As in the reference, 104 continues the last word of A; the first token of A has no word
    # before it to continue.
    assert starts(joined) == [0, 1, 1, 0, 0, 1, 0, 0]


def test_other_layouts() -> None:
    layout = Layout(prefix=("cls", "mask"), between=("sep", "sep"), suffix=())
    assert (layout.overhead(1), layout.overhead(2)) == (2, 4)
    assert layout.roles == {"cls", "mask", "sep"}
    windows = Windows(TOKENS, ranges((0, 1)), ranges((3, 4)), np.array([0], np.uint8))
    examples = lay_out(windows, layout, vocabulary())
    assert examples.ids.tolist() == [CLS, ROLES["mask"], 100, SEP, SEP, 103]
    assert examples.second_segment_start.tolist() == [5]
    single = lay_out(Windows(TOKENS, ranges((0, 1))), layout, vocabulary())
    assert single.ids.tolist() == [CLS, ROLES["mask"], 100]


def test_a_role_that_no_token_has() -> None:
    with pytest.raises(
        ValueError, match="role must be one of cls, sep, mask, pad, unk, eod, got 'bos'"
    ):
        Layout(prefix=("bos",))


def test_separators_of_the_stream_stay_special() -> None:
    special = np.array([0, 0, 1, 0, 0, 0, 1], np.bool_)
    tokens = dataclasses.replace(TOKENS, special=special)
    examples = lay_out(Windows(tokens, ranges((0, 4), (2, 4))), Layout(suffix=()), vocabulary())
    assert examples.special.astype(int).tolist() == [1, 0, 0, 1, 0, 1, 1, 0]
    # A separator begins no word, wherever it stands.
    assert starts(examples) == [0, 1, 0, 0, 1, 0, 0, 1]


def test_no_words_and_no_windows() -> None:
    tokens = dataclasses.replace(TOKENS, word_starts=None)
    assert lay_out(Windows(tokens, ranges((0, 3))), Layout(), vocabulary()).word_starts is None
    windows = Windows(TOKENS, ranges(), ranges(), np.empty(0, np.uint8))
    none = lay_out(windows, Layout(), vocabulary())
    assert len(none) == 0
    assert none.offsets.tolist() == [0]


def test_wide_ids() -> None:
    tokens = tokens_of([[2]], first_id=70_000, id_type="uint32")
    examples = lay_out(Windows(tokens, ranges((0, 2))), Layout(), vocabulary(80_000))
    assert examples.ids.tolist() == [CLS, 70_000, 70_001, SEP]
    assert examples.ids.dtype == "uint32"


def test_passes_are_joined() -> None:
    windows = Windows(TOKENS, ranges((0, 2)), ranges((4, 7)), np.array([1], np.uint8))
    shorter = Windows(TOKENS, ranges((0, 1)), ranges((3, 4)), np.array([0], np.uint8))
    parts = [lay_out(each, Layout(), vocabulary()) for each in (windows, shorter)]
    both = join_examples(parts)
    assert both.offsets.tolist() == [0, 8, 13]
    assert both.second_segment_start.tolist() == [4, 3]
    assert both.ids.tolist() == [*parts[0].ids.tolist(), *parts[1].ids.tolist()]
    assert both.special.sum() == 6
    assert starts(both) == starts(parts[0]) + starts(parts[1])
    assert both.relation is not None
    assert both.relation.tolist() == [1, 0]
    assert join_examples(parts[:1]) is parts[0]


def test_rows_are_cut_out() -> None:
    windows = Windows(TOKENS, ranges((0, 2), (2, 3)), ranges((4, 7), (3, 4)), np.array([1, 0]))
    part = lay_out(windows, Layout(), vocabulary()).slice(1, 2)
    assert part.ids.tolist() == [CLS, 102, SEP, 103, SEP]
    assert part.offsets.tolist() == [0, 5]
    assert part.second_segment_start.tolist() == [3]
    assert starts(part) == [0, 1, 0, 1, 0]
    assert part.relation is not None
    assert part.relation.tolist() == [0]
