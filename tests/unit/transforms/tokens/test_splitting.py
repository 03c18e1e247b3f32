import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers
from tokenizers import pre_tokenizers as pre
from tokenizers.normalizers import BertNormalizer, Replace

from tests.oracles.encoding import byte_level_bpe, unigram, word_level, word_piece
from transforms.kernels.words import bytes_in_ranges
from transforms.text.ideographs import FIRST_LEAD, ideograph_ranges
from transforms.tokens.splitting import WIDE_MARKS, Splitting, find_splitting

WORDS = Splitting(isolate_ideographs=False, isolate_punctuation=False, space_counts=False)
SPACED_WORDS = Splitting(isolate_ideographs=False, isolate_punctuation=False, space_counts=True)


def tokenizer_with(
    pre_tokenizer: Any = None, normalizer: Any = None, model: Any = None
) -> Tokenizer:
    tokenizer = Tokenizer(model or models.WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]"))
    if pre_tokenizer is not None:
        tokenizer.pre_tokenizer = pre_tokenizer
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    return tokenizer


@pytest.mark.parametrize(
    ("make", "splitting"),
    [
        (
            word_piece,
            Splitting(isolate_ideographs=True, isolate_punctuation=True, space_counts=False),
        ),
        (byte_level_bpe, dataclasses.replace(SPACED_WORDS, cut_at_punctuation=True)),
        (unigram, SPACED_WORDS),
        (word_level, WORDS),
    ],
)
def test_usual_tokenizers_are_split(make: Callable[[], Tokenizer], splitting: Splitting) -> None:
    assert find_splitting(make()) == splitting


BYTES = pre.ByteLevel(add_prefix_space=False)
ONE_STREAM = pre.ByteLevel(add_prefix_space=False, use_regex=False)


@pytest.mark.parametrize(
    ("steps", "splitting"),
    [
        ([pre.Whitespace(), pre.Digits(individual_digits=True)], WORDS),
        ([pre.Digits(), pre.Punctuation(), pre.WhitespaceSplit()], WORDS),
        ([pre.WhitespaceSplit(), pre.Metaspace()], WORDS),
        ([pre.WhitespaceSplit(), ONE_STREAM], WORDS),
        ([pre.Digits(), BYTES], SPACED_WORDS),
        # The byte-level step has made letters of the spaces before the other one looks for them.
        ([BYTES, pre.Whitespace()], SPACED_WORDS),
        ([pre.Metaspace(), pre.Whitespace()], SPACED_WORDS),
        ([ONE_STREAM, pre.Whitespace()], None),
        ([ONE_STREAM, BYTES], None),
        ([ONE_STREAM], None),
        ([pre.Digits(), pre.Punctuation()], None),
        ([pre.Split(Regex(r"\s"), "isolated")], None),
        ([pre.Split(" ", "merged_with_next"), ONE_STREAM], None),
        ([pre.CharDelimiterSplit("-")], None),
        ([pre.UnicodeScripts(), pre.Whitespace()], None),
        ([pre.Metaspace(split=False)], None),
        ([pre.Metaspace(prepend_scheme="first")], SPACED_WORDS),
        ([pre.Metaspace(prepend_scheme="never")], SPACED_WORDS),
        ([pre.WhitespaceSplit(), pre.Metaspace(prepend_scheme="first")], None),
        ([pre.WhitespaceSplit(), pre.Metaspace(split=False)], None),
    ],
)
def test_pre_tokenizers(steps: list[Any], splitting: Splitting | None) -> None:
    assert find_splitting(tokenizer_with(pre.Sequence(steps))) == splitting
    if len(steps) == 1:
        assert find_splitting(tokenizer_with(steps[0])) == splitting


def test_no_pre_tokenizer() -> None:
    assert find_splitting(tokenizer_with()) is None


@pytest.mark.parametrize(
    "normalizer",
    [
        normalizers.Prepend("▁"),
        normalizers.Strip(),
        normalizers.ByteLevel(),
        Replace(" ", "▁"),
        Replace("ab", "c"),
        Replace("a", "b c"),
        Replace(Regex("a"), "b"),
        Replace(Regex(" {2,}"), ""),
        Replace(Regex(r" +\z"), " "),
        Replace(Regex(r"\A +"), ""),
        normalizers.Sequence([normalizers.NFKC(), normalizers.Prepend("▁")]),
    ],
)
def test_normalizers_that_look_further_than_a_character(normalizer: Any) -> None:
    assert find_splitting(tokenizer_with(pre.Whitespace(), normalizer)) is None


@pytest.mark.parametrize(
    ("normalizer", "isolate"),
    [
        (BertNormalizer(), True),
        (BertNormalizer(handle_chinese_chars=False), False),
        (normalizers.Sequence([normalizers.NFKC(), BertNormalizer()]), True),
        (normalizers.Sequence([BertNormalizer(), Replace("中", "a")]), True),
        # The ideograph is no longer one when its spaces would be put around it.
        (normalizers.Sequence([Replace("中", "a"), BertNormalizer()]), False),
        (normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC()]), False),
        (Replace(Regex(" {2,}"), " "), False),
        (Replace(Regex(r" +\z"), ""), False),
    ],
)
def test_which_normalizers_isolate_ideographs(normalizer: Any, isolate: bool) -> None:
    splitting = find_splitting(tokenizer_with(pre.Whitespace(), normalizer))
    assert splitting == dataclasses.replace(WORDS, isolate_ideographs=isolate)


@pytest.mark.parametrize(
    ("steps", "normalizer", "isolate"),
    [
        ([pre.BertPreTokenizer()], BertNormalizer(strip_accents=False), True),
        ([pre.BertPreTokenizer()], None, True),
        # A mark may be composed with what stands before it, or be part of a longer pre-token.
        ([pre.BertPreTokenizer()], normalizers.NFKC(), False),
        ([pre.Whitespace()], BertNormalizer(), False),
        ([pre.BertPreTokenizer(), pre.Metaspace()], BertNormalizer(), False),
    ],
)
def test_which_tokenizers_isolate_punctuation(
    steps: list[Any], normalizer: Any, isolate: bool
) -> None:
    tokenizer = tokenizer_with(pre.Sequence(steps), normalizer)
    tokenizer.add_special_tokens(["[SEP]"])
    splitting = find_splitting(tokenizer)
    assert splitting is not None
    assert splitting.isolate_punctuation == isolate
    # An added token may have such a mark.
    tokenizer.add_tokens(["C++"])
    splitting = find_splitting(tokenizer)
    assert splitting is not None
    assert not splitting.isolate_punctuation


def test_a_model_that_draws_lots_is_not_split() -> None:
    exact = models.BPE({"a": 0, "b": 1, "ab": 2}, [("a", "b")])
    drawing = models.BPE({"a": 0, "b": 1, "ab": 2}, [("a", "b")], dropout=0.1)
    assert find_splitting(tokenizer_with(pre.Whitespace(), model=exact)) == WORDS
    assert find_splitting(tokenizer_with(pre.Whitespace(), model=drawing)) is None


@pytest.mark.parametrize(
    ("token", "split"),
    [
        (AddedToken("<tok>"), True),
        (AddedToken("C++", single_word=True, lstrip=True), True),
        (AddedToken("new york"), False),
        (AddedToken(" <tok>"), False),
        (AddedToken("<tok> "), False),
        (AddedToken(" "), False),
        (AddedToken("集群"), False),
        (AddedToken("TiDB。"), False),
        # Its normalised form, which is what is looked for, has a space.
        (AddedToken("new\u200byork", normalized=True), False),
        (AddedToken("new\u200byork", normalized=False), True),
    ],
)
def test_added_tokens(token: AddedToken, split: bool) -> None:
    tokenizer = tokenizer_with(pre.Whitespace(), normalizers.Nmt())
    tokenizer.add_tokens([token])
    assert (find_splitting(tokenizer) is not None) == split


def test_special_tokens_are_not_looked_for_in_text() -> None:
    tokenizer = tokenizer_with(pre.Whitespace())
    tokenizer.add_special_tokens(["<end of text>", "终"])
    assert find_splitting(tokenizer) == WORDS


def test_ideographs_are_those_the_tokenizer_isolates() -> None:
    codes = [*range(0x2E80, 0xD800), *range(0xE000, 0x32000)]
    normalizer = BertNormalizer(clean_text=False, strip_accents=False, lowercase=False)
    isolated = {c for c in codes if normalizer.normalize_str(chr(c)) == f" {chr(c)} "}
    text = "".join(map(chr, codes))
    data = np.frombuffer(bytearray(text, "utf-8"), np.uint8)
    borders, found = np.flatnonzero((data & 0xC0) != 0x80).tolist(), set()
    for at, code in zip(borders, codes, strict=True):
        if data[at] >= FIRST_LEAD and (size := bytes_in_ranges(data, at, ideograph_ranges())):
            assert size == len(chr(code).encode())
            found.add(code)
    assert found == isolated


@pytest.mark.parametrize(
    ("steps", "normalizer", "cut"),
    [
        ([BYTES], None, True),
        ([BYTES], normalizers.NFC(), False),
        ([pre.ByteLevel(add_prefix_space=True)], None, False),
        ([pre.Digits(), BYTES], None, False),
    ],
)
def test_which_tokenizers_cut_at_punctuation(steps: list[Any], normalizer: Any, cut: bool) -> None:
    tokenizer = tokenizer_with(pre.Sequence(steps), normalizer)
    assert find_splitting(tokenizer) == dataclasses.replace(SPACED_WORDS, cut_at_punctuation=cut)
    tokenizer.add_tokens(["C++"])
    assert find_splitting(tokenizer) == SPACED_WORDS


def test_wide_marks_are_those_the_tokenizer_isolates() -> None:
    tokenizer = word_piece()
    assert tokenizer.pre_tokenizer is not None
    for low, high in WIDE_MARKS:
        for code in range(low, high + 1):
            text = f"a{chr(code)}b"
            assert tokenizer.normalizer.normalize_str(text) == text
            pieces = [piece for piece, _ in tokenizer.pre_tokenizer.pre_tokenize_str(text)]
            assert pieces == list(text)
