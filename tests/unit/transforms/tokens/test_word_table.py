import numpy as np
import pytest
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

from schemas.records import Int64
from schemas.token_kinds import token_kinds
from tests.oracles.encoding import byte_level_bpe, unigram, word_piece
from transforms.tokens import word_table
from transforms.tokens.splitting import Splitting
from transforms.tokens.tokenize_text import load_tokenizer
from transforms.tokens.word_encoder import Pieces, WordEncoder, find_separator, pieces_of
from transforms.tokens.word_table import WordTable

WORD_PIECE = Splitting(isolate_ideographs=True, isolate_punctuation=True, space_counts=False)
SPACED = Splitting(isolate_ideographs=False, isolate_punctuation=False, space_counts=True)


def split(texts: list[str], tokenizer: Tokenizer) -> Pieces:
    encodings = tokenizer.encode_batch(texts, add_special_tokens=False)
    return pieces_of(texts, encodings, token_kinds(tokenizer.to_str()))


def sentences_of(*sentences: str) -> tuple[np.ndarray, Int64]:
    borders = np.cumsum([0, *(len(sentence.encode()) for sentence in sentences)])
    return np.frombuffer("".join(sentences).encode(), np.uint8), borders


def look_up(table: WordTable, *sentences: str) -> tuple[list[list[int]], int]:
    """Returns the ids of each sentence, and the bytes of the new words."""
    found = table.look_up(*sentences_of(*sentences))
    counts, _ = table.count(found)
    ids, offsets = table.ids(found, int(counts.sum())), np.append(0, np.cumsum(counts))
    return [ids[offsets[s] : offsets[s + 1]].tolist() for s in range(len(sentences))], (
        found.new_bytes
    )


def table_of(make: object = word_piece, splitting: Splitting = WORD_PIECE) -> WordTable:
    assert callable(make)
    return WordTable(load_tokenizer(make().to_str()), splitting)


def words_in(splitting: Splitting, *sentences: str) -> list[list[str]]:
    """Returns the words of sentences, as the kernel finds them."""
    table = table_of(word_piece, splitting)
    data, borders = sentences_of(*sentences)
    found = table.look_up(data, borders)
    raw, words = data.tobytes(), []
    for row, begin in zip(found.rows.tolist(), found.begins.tolist(), strict=True):
        size = int(table._words._begins[row + 1] - table._words._begins[row])
        words.append(raw[begin : begin + size].decode())
    return [words[found.offsets[s] : found.offsets[s + 1]] for s in range(len(sentences))]


def test_where_words_begin() -> None:
    text = ("The cat's 中a国,", " é.b 𠀀\n", "", "\n", "a")
    assert words_in(WORD_PIECE, *text) == [
        ["The", "cat", "'", "s", "中", "a", "国", ","],
        ["é", ".", "b", "𠀀"],
        [],
        [],
        ["a"],
    ]
    assert words_in(SPACED, *text)[:2] == [["The", " cat's", " 中a国,"], [" é.b", " 𠀀"]]
    # What follows a punctuation mark may combine with it, or a wide character be no ideograph.
    assert words_in(WORD_PIECE, "a-é b-。c，é中，ab\u3000") == [
        ["a", "-é", "b", "-", "。", "c", "，é", "中", "，", "ab\u3000"]
    ]


def test_words_with_one_key_are_told_apart() -> None:
    # Long words have a hash of bytes 1-7 and 16 on, and these two the same one.
    one, other = "hJjSkFV12345678D", "odYBZ5E12345678Y"
    table = table_of()
    found = table.look_up(*sentences_of(f"{one} {other} {one} {one}a"))
    assert found.rows.tolist() == [0, 1, 0, 2]
    keys = table._words._keys[:4].tolist()
    assert keys[:2] == keys[2:]


def test_every_word_is_asked_for_once() -> None:
    table = table_of()
    assert look_up(table, "the cat中\n", "the", " cat") == (
        [[66, 67, 51], [66], [67]],
        len("the") + len("cat") + len("中".encode()),
    )
    assert look_up(table, " cat the我") == ([[67, 66, 53]], 3)


def test_a_table_grows() -> None:
    words = [f"x{number}" for number in range(3000)] + ["y" * 60000]
    table = table_of()
    first, _ = look_up(table, *words)
    assert len(table) == len(words)
    again, fresh = look_up(table, *words)
    assert (again == first, fresh) == (True, 0)
    alone, _ = look_up(table_of(), "x2999", "y" * 60000)
    assert first[-2:] == alone


def test_a_full_table_is_emptied_and_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["the", " cat", "中", "国", " cats"]
    expected, _ = look_up(table_of(), *words)
    monkeypatch.setattr(word_table, "MAX_WORDS", 2)
    table = table_of()
    assert look_up(table, *words)[0] == expected
    # The five words do not fit and are forgotten before the next look-up.
    again, fresh = look_up(table, *reversed(words))
    assert again == expected[::-1]
    assert fresh == len("".join(words).replace(" ", "").encode())
    assert len(table) == 5


def test_a_table_with_too_many_bytes_is_emptied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_table, "MAX_WORD_BYTES", 3)
    table = table_of()
    assert look_up(table, "cats")[1] == 4
    assert look_up(table, "cats")[1] == 4


def test_a_table_forgets_words_that_could_not_be_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    table = table_of()
    monkeypatch.setattr(table._encoder, "encode", lambda words: words[len(words)])
    with pytest.raises(IndexError):
        look_up(table, "the cat")
    monkeypatch.undo()
    assert look_up(table, "cat the")[0] == [[67, 66]]


def test_pieces_know_their_bytes_and_pre_tokens() -> None:
    tokenizer = load_tokenizer(word_piece().to_str())
    texts = ["don't", "", " TiDB中", "é!"]
    pieces = split(texts, tokenizer)
    assert pieces.offsets.tolist() == [0, 3, 3, 6, 8]
    # don ' t, then ti ##db 中, then e !
    assert pieces.ids.tolist() == [68, 45, 24, 69, 70, 51, 9, 43]
    assert pieces.byte_starts.tolist() == [0, 3, 4, 1, 3, 5, 0, 2]
    assert pieces.byte_ends.tolist() == [3, 4, 5, 3, 5, 8, 2, 3]
    assert pieces.may_begin_word.tolist() == [True, True, True, True, False, True, True, True]


def test_a_piece_begins_behind_its_space() -> None:
    tokenizer = load_tokenizer(byte_level_bpe().to_str())
    texts = [" the", " 中"]
    pieces = split(texts, tokenizer)
    assert pieces.byte_starts.tolist() == [1, 1, 1, 1]
    # The second is the space alone, and ends where it begins.
    assert pieces.byte_ends.tolist() == [4, 1, 4, 4]
    assert pieces.may_begin_word.tolist() == [True, True, False, False]


def test_words_whose_sentence_must_be_encoded_whole() -> None:
    table = table_of(unigram, SPACED)
    # Nmt makes a space of U+200B, and NFKC a space and a mark of the acute accent.
    words = [" the", " a\u200bb", " \u200b", "a´", " ´", " ｃａｔ", " "]
    found = table.look_up(*sentences_of(*words))
    _, unsafe = table.count(found)
    assert unsafe.tolist() == [False, True, True, True, False, False, True]


def test_a_word_with_an_added_token_needs_its_sentence() -> None:
    tokenizer = word_piece()
    tokenizer.add_tokens(["zq"])
    table = WordTable(load_tokenizer(tokenizer.to_str()), WORD_PIECE)
    found = table.look_up(*sentences_of("the", " zqs", "[CLS]", "中"))
    assert table.count(found)[1].tolist() == [False, True, False, False]


def with_special(*tokens: AddedToken) -> Tokenizer:
    words = ["[UNK]", "<s>", "<", ">", "the", "cat", "||", "|"]
    vocabulary = {word: index for index, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.add_special_tokens([*tokens])
    return load_tokenizer(tokenizer.to_str())


@pytest.mark.parametrize(
    ("tokens", "separator"),
    [
        (["<s>"], "<s>"),
        (["[UNK]", "<s>"], "<s>"),
        # It would take white space with it, or hang on to letters, or be looked for too late.
        ([AddedToken("<s>", lstrip=True, normalized=False)], None),
        ([AddedToken("<s>", rstrip=True, normalized=False)], None),
        ([AddedToken("<s>", single_word=True, normalized=False)], None),
        ([AddedToken("<s>", normalized=True)], None),
        (["eod"], None),
        (["_eod_", "<s>"], "<s>"),
        # Behind the word "|" it would be found one character too early.
        (["||"], None),
        ([], None),
    ],
)
def test_what_keeps_words_apart(tokens: list[str | AddedToken], separator: str | None) -> None:
    added = [
        AddedToken(token, normalized=False) if isinstance(token, str) else token for token in tokens
    ]
    assert find_separator(with_special(*added)) == separator


@pytest.mark.parametrize("positions", [True, False])
@pytest.mark.parametrize(
    "words",
    [
        ["the", " cat", "<", ">", "s>", " <s", "zq", "\u200b"],
        ["the", "<s>", " cat"],
        # Normalised it is the separator's text, of which the model makes the separator.
        ["the", " ＜s＞", " cat", " <"],
        [f"x{number}" for number in range(63)] + ["the", " cat", "the"],
        ["the"],
    ],
)
def test_words_are_encoded_as_if_alone(words: list[str], positions: bool) -> None:
    tokenizer = with_special(AddedToken("<s>", normalized=False))
    raw = [word.encode() for word in words]
    pieces = WordEncoder(tokenizer, positions=positions).encode(raw)
    alone = split(words, tokenizer)
    assert pieces.ids.tolist() == alone.ids.tolist()
    assert pieces.offsets.tolist() == alone.offsets.tolist()
    if positions:
        assert pieces.byte_starts.tolist() == alone.byte_starts.tolist()
        assert pieces.byte_ends.tolist() == alone.byte_ends.tolist()
        assert pieces.may_begin_word.tolist() == alone.may_begin_word.tolist()
