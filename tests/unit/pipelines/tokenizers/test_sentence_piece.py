import dataclasses
import functools
from typing import Any

import pytest
from hypothesis import given as drawn
from hypothesis import settings
from tokenizers import Tokenizer

from pipelines.tokenizers.check import compare
from pipelines.tokenizers.converted import Converted
from pipelines.tokenizers.kinds import convert
from pipelines.tokenizers.sentence_piece import find_model
from schemas.errors import UsageError
from tests.oracles.encoding import encode_slowly, shard_of
from tests.support.awkward_text import SHARDS, TEXTS
from tests.support.tokenizer_files import (
    BPE,
    BYTE,
    CONTROL,
    SPECIAL,
    UNIGRAM,
    UNUSED,
    USER_DEFINED,
    given_file,
    lines_of_sample,
    model_of,
    trained_model,
)
from transforms.arrays.randomness import rng_for
from transforms.tokens.splitting import find_splitting
from transforms.tokens.tokenize_text import TextEncoder

WORDS = (("▁", -3.0), ("a", -2.0), ("b", -2.5), ("ab", -4.0), ("▁a", -3.5), ("c", -9.0))
# A table of characters has no counterpart for marks on what it replaces: "…" and U+0301; and a
# unigram model finds "<s>" in text if it does not know "<".
STRANGE = (
    "<",
    "＜",
    "▁",
    "\u0301",
    "\ufe0f",
    "\u3099",
    "\u064b",
    "\u0345",
    "\U000e0100",
    "\u200d",
    "\ufe00",
)


def converted(content: bytes, **more: Any) -> Converted:
    given = dataclasses.replace(given_file("spm.model", content), **more)
    assert find_model(given) == "spm.model"
    return convert(given)


def both(found: Converted, text: str) -> list[int]:
    """The ids of a text, which are those of sentencepiece."""
    tokenizer = Tokenizer.from_str(found.tokenizer_json)
    tokenizer.encode_special_tokens = True
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
    assert found.original is not None
    assert ids == list(found.original.encode(text))
    return ids


def test_unigram_takes_the_best_pieces() -> None:
    found = converted(model_of([*SPECIAL, *WORDS]))
    assert both(found, "ab a") == [7, 5, 7]
    # The characters that no piece has are one unknown token.
    assert both(found, "axxb") == [7, 0, 5]
    assert both(found, "") == both(found, "   ") == []
    assert found.what == "SentencePiece model spm.model (unigram, 9 pieces)"


def test_bpe_merges_the_best_pair_first() -> None:
    pieces = [*SPECIAL, ("ab", -1.0), ("bc", 0.0), ("▁", -2), ("a", -3), ("b", -4), ("c", -5)]
    found = converted(model_of(pieces, BPE))
    assert both(found, "abc ab") == [5, 6, 4, 5, 3]
    assert "(bpe, 9 pieces)" in found.what


@pytest.mark.parametrize("kind", [UNIGRAM, BPE])
def test_control_symbols_are_never_found_in_text(kind: int) -> None:
    letters = [("▁", -5.0), ("<", -9.0), ("s", -9.0), (">", -9.0), ("/", -9.0)]
    found = converted(model_of([*SPECIAL, *letters], kind))
    assert both(found, "<s></s>") == [3, 4, 5, 6, 4, 7, 5, 6]


@pytest.mark.parametrize("kind", [UNIGRAM, BPE])
def test_symbols_of_the_user_are_found_in_text(kind: int) -> None:
    pieces = [*SPECIAL, ("<x>", 0.0, USER_DEFINED), *WORDS, ("aab", -0.1), ("x", -3), ("<", -3)]
    pieces += [("aa", 0.0, USER_DEFINED)]
    found = converted(model_of(pieces, kind))
    assert both(found, "<x> b") == [4, 3, 4, 6]
    assert both(found, "b aab")
    assert kind == UNIGRAM or both(found, "aab")[1:] == [len(pieces) - 1, 6]


def test_bytes_stand_for_unknown_characters() -> None:
    pieces = [*SPECIAL, *((f"<0x{byte:02X}>", 0.0, BYTE) for byte in range(256)), *WORDS]
    for kind in (UNIGRAM, BPE):
        found = converted(model_of(pieces, kind, trainer={"byte_fallback": True}))
        assert both(found, "é") == [259, 3 + 0xC3, 3 + 0xA9]


def test_pieces_out_of_use_are_never_taken() -> None:
    found = converted(model_of([*SPECIAL, *WORDS, ("abc", -0.1, UNUSED)]))
    assert both(found, "abc") == [7, 5, 8]


@pytest.mark.parametrize("kind", [UNIGRAM, BPE])
@pytest.mark.parametrize("prefix", [True, False])
@pytest.mark.parametrize("remove", [True, False])
def test_spaces(kind: int, prefix: bool, remove: bool) -> None:
    spaces = {"add_dummy_prefix": prefix, "remove_extra_whitespaces": remove}
    found = converted(model_of([*SPECIAL, *WORDS, ("▁▁", -1.0)], kind, normalizer=spaces))
    for text in ("a", " a", "a ", "  a   b  ", " ", "   ", "", "\ta\t"):
        both(found, text)


def test_words_are_pre_tokens_unless_pieces_reach_over_spaces() -> None:
    """What cuts at spaces is encoded through a table of words."""

    def splits(*more: tuple[str, float]) -> bool:
        found = converted(model_of([*SPECIAL, *WORDS, *more]))
        assert both(found, "a b ab  c")
        return find_splitting(Tokenizer.from_str(found.tokenizer_json)) is not None

    assert splits()
    assert not splits(("a▁b", -0.5))


VARIANTS: list[dict[str, Any]] = [
    {},
    {"normalization_rule_name": "nfkc_cf"},
    {"normalization_rule_name": "identity", "byte_fallback": True},
    {"remove_extra_whitespaces": False, "add_dummy_prefix": False, "byte_fallback": True},
    {"user_defined_symbols": "<mask>,[SEP],深度", "control_symbols": "<ctl>"},
]


@pytest.mark.parametrize("options", VARIANTS)
@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_trained_models_give_the_same_ids(kind: str, options: dict[str, Any]) -> None:
    found = converted(trained_model(kind, **options))
    assert found.original is not None
    compared = compare(found, found.original, lines_of_sample())
    assert (compared.different, compared.lines) == (0, len(lines_of_sample())), compared.example
    assert converted(trained_model(kind, **options)).tokenizer_json == found.tokenizer_json


@functools.cache
def conversion(kind: str) -> Converted:
    return converted(trained_model(kind))


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
@settings(max_examples=30)
@drawn(text=TEXTS)
def test_awkward_text_has_the_same_ids(kind: str, text: str) -> None:
    found = conversion(kind)
    text = "".join(character for character in text if character not in STRANGE)
    assert found.original is not None
    compared = compare(found, found.original, text.replace("\r", "\n").split("\n"))
    assert not compared.different, compared.example


@functools.cache
def encoder(kind: str) -> tuple[Tokenizer, TextEncoder]:
    made = conversion(kind).tokenizer_json
    return Tokenizer.from_str(made), TextEncoder(made)


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
@settings(max_examples=30)
@drawn(documents=SHARDS)
def test_words_encoded_by_themselves_have_the_same_ids(kind: str, documents: list[str]) -> None:
    """As builds encode text, with spaces at the ends of words that only the table makes."""
    tokenizer, through_table = encoder(kind)
    tokenizer.encode_special_tokens = True
    shard = shard_of(*documents)
    tokens = through_table.encode(shard, rng_for(0, "check"))
    assert tokens.exact_path == "word_table"
    expected = encode_slowly(shard, tokenizer)
    assert tokens.ids.tolist() == [number for ids, _ in expected for number in ids]


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_korean_letters_and_half_width_kana_are_composed(kind: str) -> None:
    found = converted(trained_model(kind, byte_fallback=True))
    assert both(found, "\u1112\u1161\u11ab") == both(found, "한")
    assert both(found, "ｶﾞ") == both(found, "ガ")


@pytest.mark.parametrize("kind", [UNIGRAM, BPE])
def test_tokens_of_options_are_appended(kind: int) -> None:
    names = {"mask": "<mask>", "cls": "<s>", "pad": "<pad>"}
    found = converted(model_of([*SPECIAL, *WORDS], kind), added=names)
    tokenizer = Tokenizer.from_str(found.tokenizer_json)
    assert [tokenizer.token_to_id(name) for name in names.values()] == [9, 1, 10]
    assert found.what.endswith("9 pieces; appended <mask> 9, <pad> 10)")
    assert both(found, "ab a")
    assert found.appends


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (model_of([*SPECIAL, *WORDS])[:-20], "begins as a SentencePiece model and is damaged"),
        (model_of([*SPECIAL, *WORDS], 3), "a SentencePiece model of words or characters"),
        (
            model_of([*SPECIAL, *WORDS], trainer={"treat_whitespace_as_suffix": True}),
            "treat_whitespace_as_suffix, which `tokenizers` cannot express",
        ),
        (
            model_of([*SPECIAL, *WORDS], normalizer={"escape_whitespaces": False}),
            "escape_whitespaces=false, which",
        ),
    ],
)
def test_models_that_cannot_be_converted(content: bytes, reason: str) -> None:
    with pytest.raises(UsageError, match=f"^--tokenizer here/spm.model: .*{reason}"):
        converted(content)


def test_control_symbol_of_another_type() -> None:
    found = converted(model_of([*SPECIAL, ("<mask>", 0.0, CONTROL), *WORDS]))
    [token] = [
        token
        for token in Tokenizer.from_str(found.tokenizer_json).get_added_tokens_decoder().values()
        if token.content == "<mask>"
    ]
    assert token.special
