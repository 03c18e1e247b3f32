import dataclasses
import logging
from collections.abc import Callable

import numpy as np
import pytest
from tokenizers import AddedToken, Tokenizer, models
from tokenizers import pre_tokenizers as pre

from schemas.records import ShardText, Tokens
from tests.oracles.encoding import (
    byte_level_bpe,
    encode_slowly,
    shard_of,
    unigram,
    word_level,
    word_piece,
)
from transforms.arrays.randomness import rng_for
from transforms.tokens import tokenize_text, word_table
from transforms.tokens.tokenize_text import TextEncoder

MAKERS = (word_piece, byte_level_bpe, unigram, word_level)


def encode(shard: ShardText, tokenizer: Tokenizer) -> Tokens:
    return TextEncoder(tokenizer.to_str()).encode(shard, rng_for(0, "check"))


def sentences(tokens: Tokens) -> list[list[int]]:
    return [row.tolist() for row in np.split(tokens.ids, tokens.sentence_offsets[1:-1])]


def starts(tokens: Tokens) -> list[int]:
    assert tokens.word_starts is not None
    return tokens.word_starts.astype(int).tolist()


@pytest.mark.parametrize(
    ("make", "ids", "begin"),
    [
        # the cat don ' t [UNK of zß] ti ##db 集 群 3 !
        (
            word_piece,
            [66, 67, 68, 45, 24, 1, 69, 70, 56, 57, 34, 43],
            [1, 1, 1, 1, 1, 1, 1, 0, 1, 0, 1, 1],
        ),
        (word_level, [2, 3, 4, 5, 6, 0, 0, 12, 0], [1, 1, 1, 1, 1, 1, 1, 1, 1]),
    ],
)
def test_words(make: Callable[[], Tokenizer], ids: list[int], begin: list[int]) -> None:
    tokens = encode(shard_of("the cat don't zß TiDB集群 3!"), make())
    assert tokens.ids.tolist() == ids
    assert starts(tokens) == begin
    assert tokens.exact_path == "word_table"


def test_bytes() -> None:
    tokens = encode(shard_of("the the 中国"), byte_level_bpe())
    vocabulary = byte_level_bpe().get_vocab()
    # The token Ńå ends 中 and begins 国: whoever predicts it predicts of both.
    pieces = ["the", "Ġthe", "Ġ", "ä¸", "Ńå", "Ľ", "½"]
    assert tokens.ids.tolist() == [vocabulary[piece] for piece in pieces]
    assert starts(tokens) == [1, 1, 1, 0, 0, 0, 0]


def test_pieces_across_words() -> None:
    tokens = encode(shard_of("the 我们的大学"), unigram())
    vocabulary = unigram().get_vocab()
    pieces = ["▁the", "▁我", "们的", "大学"]
    assert tokens.ids.tolist() == [vocabulary[piece] for piece in pieces]
    # jieba: 我们 的 大学. The piece 们的 begins inside a word.
    assert starts(tokens) == [1, 1, 0, 1]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize(
    "text",
    [
        "[CLS] the [MASK] cat [SEP][UNK]",
        "<s>the</s> <mask>cat <unk>",
        "He left.\u200bShe \u200b stayed.\ufeff\ufeff the",
        "\u200b\n\ufeff\nthe \u200d cat",
        "👨‍👩‍👧 the 👍🏽cat",
        "e\u0301 \u0301the \u0301 中\u0301国",
        "한국어 각 \u1112\u1161\u11ab العربية هٰذَا",
        "ＡＢＣ１２３ ｶﾞｷﾞ ﾊﾝｶｸ",
        "zzß ∅ the 鼀㐂龘𠀀𫠠a𫠠b",
        "the " + "x" * 101 + " cat " + "x" * 100 + "中" * 101,
        "中国！我们…的。the cat.The cat. 3.5倍",
        "好！”他。。。我们？！大学生",
        "½ ㈱ ´a ﬁ ② Ⅳ İ ΑΣ",
    ],
)
def test_what_is_hard_is_as_the_library_has_it(make: Callable[[], Tokenizer], text: str) -> None:
    shard = shard_of(text, "the cat")
    tokens = encode(shard, make())
    assert tokens.exact_path == "word_table"
    expected = encode_slowly(shard, make())
    assert sentences(tokens) == [ids for ids, _ in expected]
    assert starts(tokens) == [int(start) for _, row in expected for start in row]


def test_special_tokens_in_the_text_are_text() -> None:
    ids = encode(shard_of("[MASK] <mask>"), byte_level_bpe()).ids
    assert not set(ids.tolist()) & {0, 1, 2}
    assert 4 not in encode(shard_of("[MASK]"), word_piece()).ids


ADDED = [
    AddedToken("cat", single_word=True),
    AddedToken("cat", lstrip=True, rstrip=True),
    AddedToken("the", rstrip=True, normalized=False),
    AddedToken("The", lstrip=True, normalized=False),
    AddedToken("THE", single_word=True, normalized=True),
    AddedToken("##", lstrip=True),
    AddedToken("é", normalized=True),
    AddedToken("[CLS]", special=True),
]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("added", ADDED, ids=str)
def test_added_tokens_are_exact(make: Callable[[], Tokenizer], added: AddedToken) -> None:
    tokenizer = make()
    tokenizer.add_tokens([added])
    lines = "the cat, The cats  THE  tomcat.\n中cat国 ## é e\u0301 [CLS] the [CLS]the\nnone"
    shard = shard_of(lines, "cat cat the the The ##")
    tokens = encode(shard, tokenizer)
    assert tokens.exact_path == "word_table"
    expected = encode_slowly(shard, tokenizer)
    assert sentences(tokens) == [ids for ids, _ in expected]
    assert starts(tokens) == [int(start) for _, row in expected for start in row]


def test_lines_and_documents_without_a_token_are_gone() -> None:
    # Sentences: the. / cat. | \u200b | \u200b. | the | no token at all: a document of its own.
    shard = shard_of("the. The cat.\n\u200b\nthe", "\u200b", "cat")
    tokens = encode(shard, word_piece())
    assert sentences(tokens) == [[66, 41], [66, 67, 41], [66], [67]]
    assert tokens.ends_line.tolist() == [False, True, True, True]
    assert tokens.document_offsets.tolist() == [0, 3, 4]


def test_a_line_whose_last_sentence_is_empty_still_ends() -> None:
    shard = shard_of("the cat.\nthe", words=False)
    # As if a rule had cut before the stop's line end: the last sentence of the line has no token.
    cut = dataclasses.replace(shard, sentence_starts=np.array([0, 8, 9]))
    tokens = encode(cut, word_piece())
    assert sentences(tokens) == [[66, 67, 41], [66]]
    assert tokens.ends_line.tolist() == [True, True]


def test_no_text() -> None:
    tokens = encode(shard_of("\u200b"), word_piece())
    assert (len(tokens.ids), tokens.sentence_offsets.tolist()) == (0, [0])
    assert tokens.document_offsets.tolist() == [0]
    empty = ShardText(np.empty(0, np.uint8), np.empty(0, np.int64))
    assert encode(empty, word_piece()).sentence_offsets.tolist() == [0]


@pytest.mark.parametrize("make", MAKERS)
def test_a_table_emptied_at_every_block_changes_nothing(
    make: Callable[[], Tokenizer], monkeypatch: pytest.MonkeyPatch
) -> None:
    shard = shard_of(*(f"the cat {n}中国. Don't {n}!\n我们的集群，{n * n} cats" for n in range(40)))
    expected = encode(shard, make())
    monkeypatch.setattr(tokenize_text, "BLOCK_BYTES", 100)
    monkeypatch.setattr(word_table, "MAX_WORDS", 3)
    monkeypatch.setattr(tokenize_text, "_MOSTLY_NEW", 2.0)
    tokens = encode(shard, make())
    assert tokens.exact_path == expected.exact_path == "word_table"
    for field in ("ids", "sentence_offsets", "document_offsets", "ends_line", "word_starts"):
        assert getattr(tokens, field).tolist() == getattr(expected, field).tolist()


def test_text_of_ever_new_words_is_left_to_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenize_text, "BLOCK_BYTES", 100)
    new = shard_of(*(f"x{n:07d} y{n:07d}" for n in range(40)))
    old = shard_of(*(f"the cat. {n % 3} don't the cat" for n in range(40)))
    assert encode(new, word_piece()).exact_path == "library"
    assert encode(old, word_piece()).exact_path == "word_table"


def test_a_wrong_table_is_found_out(caplog: pytest.LogCaptureFixture) -> None:
    shard = shard_of("the cat the. 中国", "don't the")
    expected = encode_slowly(shard, word_piece())
    encoder = TextEncoder(word_piece().to_str())
    assert encoder.encode(shard, rng_for(0, "check")).exact_path == "word_table"
    assert encoder._table is not None
    encoder._table._ids.values[:] = encoder._table._ids.values[0]
    with caplog.at_level(logging.WARNING):
        tokens = encoder.encode(shard, rng_for(0, "check"))
    assert tokens.exact_path == "library"
    assert sentences(tokens) == [ids for ids, _ in expected]
    assert starts(tokens) == [int(start) for _, row in expected for start in row]
    assert "encoding the shard with the library instead" in caplog.text


def test_a_tokenizer_that_cannot_be_split_goes_to_the_library() -> None:
    tokenizer = unigram()
    tokenizer.pre_tokenizer = pre.Metaspace(split=False)
    shard = shard_of("the cat 中国. the", "3 cats")
    tokens = encode(shard, tokenizer)
    assert tokens.exact_path == "library"
    assert sentences(tokens) == [ids for ids, _ in encode_slowly(shard, tokenizer)]


def test_truncation_and_padding_of_the_file_are_off() -> None:
    tokenizer = word_piece()
    tokenizer.enable_truncation(2)
    tokenizer.enable_padding(length=8)
    assert encode(shard_of("the cat the"), tokenizer).ids.tolist() == [66, 67, 66]


@pytest.mark.parametrize(("highest", "kind"), [(65535, "uint16"), (65536, "uint32")])
def test_ids_are_as_wide_as_the_highest_of_them(highest: int, kind: str) -> None:
    # The vocabulary has holes, so its size says nothing.
    model = models.WordLevel({"the": highest, "[UNK]": 0}, unk_token="[UNK]")
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre.Whitespace()
    tokens = encode(shard_of("the cat"), tokenizer)
    assert tokens.ids.dtype == kind
    assert tokens.ids.tolist() == [highest, 0]


def test_no_words_are_marked_where_none_are_wanted() -> None:
    assert encode(shard_of("the 中国", words=False), word_piece()).word_starts is None


def test_special_pieces_of_the_model_become_unknown_when_asked() -> None:
    vocab = {"[UNK]": 0, "[SEP]": 1, "a": 2, "b": 3}
    tokenizer = Tokenizer(models.WordLevel(vocab, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre.WhitespaceSplit()
    tokenizer.add_special_tokens(["[UNK]", "[SEP]"])
    data = np.frombuffer(b"a [SEP] b\n", np.uint8)
    text = ShardText(data=data, document_starts=np.array([0]), sentence_starts=np.array([0]))
    as_found = TextEncoder(tokenizer.to_str()).encode(text, rng_for(1, "check"))
    as_text = TextEncoder(tokenizer.to_str(), unknown=0).encode(text, rng_for(1, "check"))
    assert as_found.ids.tolist() == [2, 1, 3]
    assert as_text.ids.tolist() == [2, 0, 3]


@pytest.mark.parametrize("added", [True, False])
def test_tokens_with_a_role_stay_out_of_text_whatever_the_tokenizer_says(added: bool) -> None:
    """Where they are added tokens that are not special, or words of the model alone."""
    vocab = {"[UNK]": 0, "[SEP]": 1, "a": 2, "b": 3}
    tokenizer = Tokenizer(models.WordLevel(vocab, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre.WhitespaceSplit()
    if added:
        tokenizer.add_tokens(["[SEP]"])
    data = np.frombuffer(b"a [SEP] b\n", np.uint8)
    text = ShardText(data=data, document_starts=np.array([0]), sentence_starts=np.array([0]))
    encoder = TextEncoder(tokenizer.to_str(), unknown=0, special=[1])
    assert encoder.encode(text, rng_for(1, "check")).ids.tolist() == [2, 0, 3]
