"""Small tokenizers with literal vocabularies, and the slow obvious way to encode a shard."""

import string
import unicodedata

import numpy as np
import rjieba
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

from schemas.records import ShardText
from transforms.text.normalize import normalize_texts
from transforms.text.sentences import sentence_starts
from transforms.text.words import Segmenter, annotate_words

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
IDEOGRAPHS = "中国我们的集群大学生好卡拉恤倍"


def word_piece() -> Tokenizer:
    letters = [*string.ascii_lowercase, *string.digits, *".,!?'-", *"。，！？", *IDEOGRAPHS]
    pieces = ["the", "cat", "don", "ti", "##db", *("##" + letter for letter in letters[:36])]
    vocabulary = {token: index for index, token in enumerate([*SPECIAL, *letters, *pieces])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(SPECIAL)
    return tokenizer


def byte_level_bpe() -> Tokenizer:
    # The fourth merge is of the first two bytes of 中; the fifth joins its last to the first of 国.
    merges = [("t", "h"), ("th", "e"), ("Ġ", "the"), ("ä", "¸"), ("Ń", "å"), ("c", "a")]
    merges.append(("ca", "t"))
    tokens = sorted(pre_tokenizers.ByteLevel.alphabet()) + [left + right for left, right in merges]
    vocabulary = {token: index for index, token in enumerate(["<s>", "</s>", "<mask>", *tokens])}
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.add_special_tokens(["<s>", "</s>", "<mask>"])
    return tokenizer


def unigram() -> Tokenizer:
    single = [*string.ascii_letters, *string.digits, *".,!?'-。，！？", *IDEOGRAPHS]
    pieces = [("<unk>", 0.0), ("</s>", 0.0), ("▁", -3.0), ("▁the", -2.0), ("▁cat", -2.5)]
    pieces += [("我们", -3.0), ("们的", -2.9), ("大学", -3.1), ("▁我", -3.3)]
    pieces += [(letter, -5.0 - index / 100) for index, letter in enumerate(single)]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=0))
    steps = [normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    tokenizer.normalizer = normalizers.Sequence(steps)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.add_special_tokens(["<unk>", "</s>"])
    return tokenizer


def word_level() -> Tokenizer:
    words = ["the", "cat", "don", "'", "t", ".", "中国", "我们的", "TiDB", "３", "3"]
    vocabulary = {word: index for index, word in enumerate(["[UNK]", "[CLS]", *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens(["[UNK]", "[CLS]"])
    return tokenizer


def shard_of(*documents: str, words: bool = True) -> ShardText:
    """Normalises documents and puts them into a shard, with sentences and perhaps word marks."""
    texts = [text + b"\n" for text in normalize_texts([d.encode() for d in documents]) if text]
    starts = np.cumsum([0, *map(len, texts)])[:-1].astype(np.int64)
    data = np.frombuffer(b"".join(texts), np.uint8)
    shard = ShardText(data=data, document_starts=starts, sentence_starts=sentence_starts(data))
    return annotate_words(shard, Segmenter("rjieba")) if words else shard


def sentences_of(shard: ShardText) -> list[str]:
    """Returns the sentences as written, line ends included."""
    borders = [*shard.sentence_starts.tolist(), len(shard.data)]
    raw = shard.data.tobytes()
    return [raw[borders[i] : borders[i + 1]].decode() for i in range(len(borders) - 1)]


def encode_slowly(shard: ShardText, tokenizer: Tokenizer) -> list[tuple[list[int], list[bool]]]:
    """Encodes sentence by sentence, and finds word starts token by token.

    Returns:
      For every sentence with a token its ids, and which of them begin a word.
    """
    tokenizer = Tokenizer.from_str(tokenizer.to_str())
    tokenizer.encode_special_tokens = True
    encoded = []
    line: list[str] = []
    for sentence in sentences_of(shard):
        line.append(sentence)
        if sentence.endswith("\n"):
            words = _words_with_ideographs("".join(line))
            for index, each in enumerate(line):
                position = len("".join(line[:index]))
                encoded.append(_encode(each.rstrip("\n"), position, words, tokenizer))
            line = []
    return [each for each in encoded if not is_blank(each[0], tokenizer)]


def is_blank(ids: list[int], tokenizer: Tokenizer) -> bool:
    """Whether a sentence is white space alone, as of U+200B, which some make a space of."""
    return set(ids) <= {tokenizer.token_to_id(space_mark(tokenizer))}


def space_mark(tokenizer: Tokenizer) -> str:
    """The character that stands for a space in the tokens of a tokenizer."""
    return "\u0120" if "ByteLevel" in str(tokenizer.pre_tokenizer) else "\u2581"


def _words_with_ideographs(line: str) -> list[tuple[int, int]]:
    found, begin = [], 0
    for word in rjieba.cut(line):
        if any(map(_is_ideograph, word)):
            found.append((begin, begin + len(word)))
        begin += len(word)
    return found


def _is_ideograph(character: str) -> bool:
    if ord(character) < 0x2E80:
        return False
    probe = normalizers.BertNormalizer(
        clean_text=False, handle_chinese_chars=True, strip_accents=False, lowercase=False
    )
    return bool(probe.normalize_str(character) == f" {character} ")


def _encode(
    sentence: str, position: int, words: list[tuple[int, int]], tokenizer: Tokenizer
) -> tuple[list[int], list[bool]]:
    """Gives every character the number of its word, and every token that of its first character."""
    encoding = tokenizer.encode(sentence, add_special_tokens=False)
    first = [at + (sentence[at : at + 1] == " ") for at, _ in encoding.offsets]
    borders = {at for at, character in enumerate(sentence, 1) if character == " "}
    for at in (each - position for word in words for each in word):
        # The segmenter's border inside a run of letters moves to the end of the run.
        while 0 < at < len(sentence) and in_run(sentence, at):
            at += 1
        borders.add(at)
    before = None
    for at, word in zip(first, encoding.word_ids, strict=True):
        inside = any(begin < position + at < end for begin, end in words)
        inside |= 0 < at < len(sentence) and in_run(sentence, at)
        if (word is None or word != before) and not inside:
            borders.add(at)
        before = word
    starts: list[bool] = []
    of_last = -1
    prefixed = prefixed_tokens(encoding.tokens, tokenizer)
    for at, token, goes_on in zip(first, encoding.tokens, prefixed, strict=True):
        own = sum(1 for border in borders if border <= at)
        if goes_on:
            starts.append(False)
            continue
        mark = space_mark(tokenizer)
        leads = token[0] == mark and len(token) > 1 and not _is_word_piece(tokenizer)
        starts.append(
            not starts
            or own != of_last
            or (leads and not isinstance(tokenizer.model, models.WordLevel))
        )
        of_last = own
    return encoding.ids, starts


def prefixed_tokens(tokens: list[str], tokenizer: Tokenizer) -> list[bool]:
    """Says which tokens of a sentence carry the mark of a piece that goes on with a word."""
    return [
        index > 0 and token.startswith("##") and len(token) > 2 and not _is_ideograph(token[2])
        if _is_word_piece(tokenizer)
        else False
        for index, token in enumerate(tokens)
    ]


def _is_word_piece(tokenizer: Tokenizer) -> bool:
    return isinstance(tokenizer.model, models.WordPiece)


def in_run(text: str, at: int) -> bool:
    """Whether a run of letters, or of digits, or a character with its marks, goes on at `at`."""
    if _kind(text[at]) == "M":
        return text[at - 1] != " "
    base = at - 1
    while base > 0 and _kind(text[base]) == "M":
        base -= 1
    return _kind(text[at]) in ("L", "N") and _kind(text[base]) == _kind(text[at])


def _kind(character: str) -> str:
    """The first letter of the Unicode category; nothing for ideographs, kana and bopomofo."""
    name = unicodedata.name(character, "")
    asian = ("CJK", "HIRAGANA", "KATAKANA", "BOPOMOFO", "HALFWIDTH KATAKANA", "IDEOGRAPHIC")
    if name.startswith(asian) or "\u3005" <= character <= "\u30ff" or character > "\uffff":
        return ""
    return unicodedata.ucd_3_2_0.category(character)[0]
