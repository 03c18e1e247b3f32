"""The loops over words, with and without machine code, and with literal values."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from schemas.records import Array
from tests.oracles.encoding import word_piece
from transforms.kernels import gathered_tokens, pieces, word_marks, words
from transforms.text.ideographs import ideograph_ranges
from transforms.tokens.ascii_words import AsciiWords
from transforms.tokens.splitting import WIDE_MARKS
from transforms.tokens.word_encoder import WordEncoder

MODULES = (words, gathered_tokens, pieces, word_marks)
MARKS = np.array(WIDE_MARKS, np.int64).ravel()


def both(name: str) -> list[Callable[..., Any]]:
    """Returns a loop as it is compiled, and as Python runs it."""
    [loop] = [getattr(each, name) for each in MODULES if name in vars(each)]
    return [loop, getattr(loop, "py_func", loop)]


def as_bytes(text: str) -> Array:
    return np.frombuffer(bytearray(text, "utf-8"), np.uint8)


@pytest.mark.parametrize("find_rows", both("find_rows"))
@pytest.mark.parametrize("slots", [4, 16])
def test_rows_of_words(find_rows: Callable[..., Any], slots: int) -> None:
    data, borders = as_bytes("a cat, a cat\nabcdefghijklmnop 中cat"), np.array([0, 6, 13, 36])
    table = (
        np.full(slots, -1, np.int32),
        np.zeros(slots, np.uint64),
        np.zeros(64, np.uint8),
        np.zeros(slots // 2 + 1, np.int64),
    )
    found = (np.zeros(36, np.int32), np.zeros(36, np.int32), np.zeros(4, np.int64))
    kinds = words.byte_kinds(spaces=False, ideographs=True, punctuation=True, edges=False)
    state = np.zeros(4, np.int64)
    done = find_rows(data, borders, (kinds, ideograph_ranges(), MARKS), table, state, found)
    if slots == 4:
        # A comma is the third word, and two rows are half of the slots.
        assert (done, state.tolist()) == (False, [0, 5, 2, 2])
        return
    assert done
    assert found[0][: state[2]].tolist() == [0, 1, 2, 0, 1, 3, 4, 1]
    assert found[1][: state[2]].tolist() == [0, 2, 5, 7, 9, 13, 30, 33]
    assert found[2].tolist() == [0, 3, 5, 8]
    assert table[2][: table[3][5]].tobytes().decode() == "acat,abcdefghijklmnop中"
    assert table[1][:4].tolist() == [0x61, 0, 0x636174, 0]
    full = np.full(slots, -1, np.int32)
    words.fill_slots(table[1], 5, full)
    assert sorted(full.tolist()) == [-1] * 11 + [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    "loops",
    list(zip(*map(both, ("count_tokens", "gather_ids", "gather_places")), strict=True)),
)
def test_tokens_of_rows(loops: tuple[Callable[..., Any], ...]) -> None:
    count_tokens, gather_ids, gather_places = loops
    rows, offsets = np.array([2, 0, 1], np.int32), np.array([0, 2, 2, 3])
    firsts, unsafe = np.array([0, 2, 2, 3]), np.array([False, True, False])
    counts, found = np.zeros(3, np.int64), np.zeros(3, np.bool_)
    count_tokens(rows, offsets, firsts, unsafe, counts, found)
    assert (counts.tolist(), found.tolist()) == ([3, 0, 0], [False, False, True])
    ids = np.zeros(3, np.uint16)
    gather_ids(rows, firsts, np.array([7, 8, 9], np.uint16), ids)
    assert ids.tolist() == [9, 7, 8]
    edges = (np.array([0, 1, 0], np.int32), np.array([1, 3, 2], np.int32))
    flags = (np.array([True, False, True]), np.array([False, True, False]))
    places = (*np.zeros((2, 3), np.int64), *np.zeros((2, 3), np.bool_))
    gather_places(rows, np.array([5, 8, 12], np.int32), firsts, (*edges, *flags), places)
    assert [each.tolist() for each in places] == [
        [5, 8, 9],
        [7, 9, 11],
        [True, True, False],
        [False, False, True],
    ]


@pytest.mark.parametrize("find_word_starts", both("find_word_starts"))
def test_word_starts(find_word_starts: Callable[..., Any]) -> None:
    marks = np.array([0, 0, 1, 2, 0, 0, 1, 0, 0], np.uint8)
    cut, continues = np.array([1, 0, 1, 1], np.bool_), np.array([0, 1, 0, 0], np.bool_)
    at, found = np.array([0, 2, 3, 6]), np.zeros(4, np.bool_)
    find_word_starts(cut, continues, at, np.array([4]), marks, found)
    assert found.tolist() == [True, False, True, True]
    # The first token of a sentence begins a word; one that is before another in the text counts.
    find_word_starts(np.zeros(4, np.bool_), continues, at[::-1], np.array([3, 1]), marks, found)
    assert found.tolist() == [True, False, True, True]


@pytest.mark.parametrize("gather_word_starts", both("gather_word_starts"))
def test_word_starts_of_words_in_a_table(gather_word_starts: Callable[..., Any]) -> None:
    # ds, ##d, 版 and 本, then "a" "##b" twice, once as a sentence: rows 0 1 2 | 3 | 3.
    words = np.array([0, 1, 2, 3, 3], np.int32), np.array([0, 3, 6, 9, 11], np.int32)
    table = np.array([0, 2, 3, 4, 6]), np.array([0, 2, 0, 0, 0, 1], np.int32)
    flags = np.array([1, 0, 1, 1, 1, 0], np.bool_), np.array([0, 1, 0, 0, 0, 1], np.bool_)
    marks, found = np.array([0, 0, 1, 2, 0, 0, 1, *6 * [0]], np.uint8), np.zeros(8, np.bool_)
    gather_word_starts((*words, np.array([0, 4, 5])), (*table, *flags), marks, found)
    assert found.tolist() == [True, False, True, True, True, False, True, False]
    # Without a mark, words begin where the pre-tokenizer cuts and where sentences do.
    never = np.zeros(6, np.bool_), flags[1]
    gather_word_starts((*words, np.array([0, 4, 5])), (*table, *never), marks[:0], found)
    assert found.tolist() == [True, False, False, False, False, False, True, False]


@pytest.mark.parametrize("mark_words", both("mark_words"))
def test_marks(mark_words: Callable[..., Any]) -> None:
    marks = np.zeros(11, np.uint8)
    mark_words(as_bytes("a\0电影\0b\0中"), ideograph_ranges(), marks)
    assert marks.tolist() == [0, 1, 0, 0, 2, 0, 0, 1, 1, 0, 0]


def cased(lowercase: bool) -> Tokenizer:
    pieces = ["[UNK]", "a", "ab", "B", "abcabcabcabcabcabc", "##a", "##b", "##B", "##ab1", "'"]
    model = models.WordPiece(
        {piece: number for number, piece in enumerate(pieces)},
        unk_token="[UNK]",
        max_input_chars_per_word=20,
    )
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(["[UNK]"])
    return tokenizer


@pytest.mark.parametrize("make", [word_piece, lambda: cased(True), lambda: cased(False)])
@given(
    texts=st.lists(
        st.text("abcABC1", min_size=1, max_size=24)
        | st.sampled_from(["'", "%", "abc" * 6, "abc" * 7, "a" * 101, "the", "Cats"]),
        min_size=1,
        max_size=8,
    )
)
def test_pieces_are_those_of_the_library(make: Callable[[], Tokenizer], texts: list[str]) -> None:
    tokenizer = make()
    own, raw = AsciiWords.of(tokenizer), [text.encode() for text in texts]
    assert own is not None
    borders = np.cumsum([0, *map(len, raw)])
    found = own.encode(np.frombuffer(b"".join(raw), np.uint8), borders, np.arange(len(raw)))
    asked = WordEncoder(tokenizer, positions=True).encode(raw)
    for name in ("ids", "offsets", "byte_starts", "byte_ends", "may_begin_word"):
        assert getattr(found, name).tolist() == getattr(asked, name).tolist()
    assert found.continues_group.tolist() == asked.continues_group.tolist()


@pytest.mark.parametrize("split_into_pieces", both("split_into_pieces"))
def test_pieces(split_into_pieces: Callable[..., Any]) -> None:
    own = AsciiWords.of(cased(lowercase=True))
    assert own is not None
    found = (np.zeros(6, np.int32), *np.zeros((2, 6), np.int64), np.zeros(2, np.int64))
    total = split_into_pieces(
        as_bytes("abbacb"), np.array([0, 4, 6]), 20, 0, own._heads, own._tails, found
    )
    assert total == 4
    # ab ##b ##a, and no piece is "c".
    assert found[0][:4].tolist() == [2, 6, 5, 0]
    assert [found[1][:4].tolist(), found[2][:4].tolist()] == [[0, 2, 3, 0], [2, 3, 4, 2]]
    assert found[3].tolist() == [3, 1]


def test_other_models_are_asked() -> None:
    tokenizer = cased(lowercase=True)
    tokenizer.model = models.WordLevel({"a": 0})
    assert AsciiWords.of(tokenizer) is None
    tokenizer.model = models.WordPiece({"a": 0}, unk_token="[UNK]")
    assert AsciiWords.of(tokenizer) is None
