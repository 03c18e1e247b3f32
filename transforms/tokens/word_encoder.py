"""Encodes single words with the tokenizer, many per call."""

import dataclasses
import itertools
import json

import numpy as np
from tokenizers import Encoding, Tokenizer

from schemas.records import Array, Bool, Int64
from schemas.token_kinds import TokenKinds, token_kinds
from transforms.arrays.ragged import offsets_of, range_indices
from transforms.text.letters import letter_runs

# Words that are joined to one text; each call of the library has a fixed cost per text.
_JOINED = 64


@dataclasses.dataclass(frozen=True, eq=False)
class Pieces:
    """The tokens of many texts.

    Attributes:
      ids: int32[T].
      offsets: int64[R + 1]; text r has the tokens offsets[r] to offsets[r + 1].
      byte_starts: int64[T]; first byte of the token's first visible character, in its text.
      byte_ends: int64[T]; the byte after its last visible character: equal to `byte_starts` if the
        token is a space, less than that if it represents no character of the text.
      may_begin_word: bool[T]; the tokenizer splits, or there is a space, between this token and the
        one before it, and that is not inside a run of letters or digits.
      continues_group: bool[T]; the token continues a run of letters or digits of the token before
        it, or is a "##" piece: neither a word nor a span begins here.
    """

    ids: Array
    offsets: Int64
    byte_starts: Int64
    byte_ends: Int64
    may_begin_word: Bool
    continues_group: Bool


NO_PIECES = Pieces(
    ids=np.empty(0, np.int32),
    offsets=np.zeros(1, np.int64),
    byte_starts=np.empty(0, np.int64),
    byte_ends=np.empty(0, np.int64),
    may_begin_word=np.empty(0, np.bool_),
    continues_group=np.empty(0, np.bool_),
)


def interleave(ours: Pieces, others: Pieces, is_ours: Bool, *, positions: bool) -> Pieces:
    """Brings the tokens of two lists of texts into the order of all texts.

    Of the texts "a", "é" and "b c" the first and last are ours: tokens a, b, c and é become
    a, é, b, c.

    Args:
      ours: The tokens of our texts.
      others: Those of the others.
      is_ours: bool[R]; whose each text is.
      positions: Whether the fields other than ids and offsets are wanted.
    """
    starts, counts = np.empty(len(is_ours), np.int64), np.empty(len(is_ours), np.int64)
    for pieces, which, base in ((ours, is_ours, 0), (others, ~is_ours, len(ours.ids))):
        starts[which], counts[which] = base + pieces.offsets[:-1], np.diff(pieces.offsets)
    index = range_indices(starts, counts)
    both = {
        field.name: np.concatenate([getattr(ours, field.name), getattr(others, field.name)])[index]
        for field in dataclasses.fields(Pieces)
        if field.name != "offsets" and (positions or field.name == "ids")
    }
    return dataclasses.replace(NO_PIECES, offsets=offsets_of(counts), **both)


def pieces_of(texts: list[str], encodings: list[Encoding], kinds: TokenKinds) -> Pieces:
    """Converts the encodings of texts to arrays.

    Args:
      texts: The texts that were encoded.
      encodings: The encoding of each text.
      kinds: The kinds of the tokenizer's tokens.
    """
    counts = np.fromiter(map(len, encodings), np.int64, len(encodings))
    total = int(counts.sum())
    edges = itertools.chain.from_iterable(e.offsets for e in encodings)
    ranges = np.fromiter(itertools.chain.from_iterable(edges), np.int64, 2 * total).reshape(-1, 2)
    words = np.fromiter(
        (-1 if w is None else w for e in encodings for w in e.word_ids), np.int64, total
    )
    offsets = offsets_of(counts)
    cut = np.ones(total, np.bool_)
    cut[1:] = (words[1:] != words[:-1]) | (words[1:] < 0)
    owner, ids = np.repeat(np.arange(len(texts)), counts), ids_of(encodings)
    # A line end after each text, so that no run of letters continues in the next one.
    characters = np.frombuffer("\n".join([*texts, ""]).encode("utf-32-le"), np.uint32)
    first = offsets_of(1 + np.fromiter(map(len, texts), np.int64, len(texts)))[owner]
    begins, ends = first + ranges[:, 0], first + ranges[:, 1]
    begins += characters[begins] == ord(" ")
    ends -= (ends > begins) & (characters[ends - 1] == ord(" "))
    silent = ranges[:, 0] >= ranges[:, 1]
    firsts = offsets[:-1][counts > 0]
    return Pieces(
        ids,
        offsets,
        *_bytes(characters, first, begins, ends, silent),
        *_borders(characters, begins, ids, cut, firsts, kinds),
    )


def ids_of(encodings: list[Encoding]) -> Array:
    """Returns the ids of all texts, int32[T]."""
    return np.fromiter(itertools.chain.from_iterable(e.ids for e in encodings), np.int32)


def _bytes(
    characters: Array, first: Int64, begins: Int64, ends: Int64, silent: Bool
) -> tuple[Int64, Int64]:
    r"""Converts ranges of characters to bytes, relative to the first byte of each text.

    In "é中b" the characters begin at bytes 0, 2 and 5. A token without text ends before it begins:

    >>> characters = np.frombuffer("é中b\n".encode("utf-32-le"), np.uint32)
    >>> first, begins, ends = np.zeros(3, np.int64), np.array([0, 1, 3]), np.array([1, 3, 3])
    >>> starts, ends = _bytes(characters, first, begins, ends, np.array([False, False, True]))
    >>> starts.tolist(), ends.tolist()
    ([0, 2, 6], [2, 6, 5])
    """
    widths = 1 + (characters >= 0x80).astype(np.int64)
    widths += (characters >= 0x800).astype(np.int64) + (characters >= 0x10000)
    bytes_before = offsets_of(widths)
    base = bytes_before[first]
    byte_starts, byte_ends = bytes_before[begins] - base, bytes_before[ends] - base
    return byte_starts, np.where(silent, byte_starts - 1, byte_ends)


def _borders(
    characters: Array, begins: Int64, ids: Array, cut: Bool, firsts: Int64, kinds: TokenKinds
) -> tuple[Bool, Bool]:
    """Returns which tokens may begin a word, and which continue the group of the token before them.

    Of "2016 cats" split into "20|16| cat|s", the second and the last token continue a group. Of
    "s the|re" the last one does not: its run of letters begins inside the token before it, which
    belongs to another word.

    Args:
      characters: uint32[N]; all texts, concatenated.
      begins: int64[T]; the first visible character of each token.
      ids: [T].
      cut: bool[T]; whether the pre-tokenizer splits before the token.
      firsts: int64[X]; the first tokens of texts.
      kinds: The kinds of the tokenizer's tokens.

    Returns:
      `Pieces.may_begin_word` and `Pieces.continues_group`, bool[T] each.
    """
    spaces = offsets_of(characters == ord(" "))[begins]
    spaced = kinds.after_space[ids]
    spaced[1:] |= (spaces[1:] > spaces[:-1]) | kinds.before_space[ids[:-1]]
    runs = letter_runs(characters)
    continues = kinds.continues[ids] & ~kinds.ideograph[ids]
    # Tokens of single bytes of a character, and those of what normalisation expands one character
    # to, have the same first character.
    continues[1:] |= runs[begins[1:]] == runs[begins[:-1]]
    # A token may end inside a run that it does not begin with: "a1", "2".
    continues[1:] |= runs[begins[1:]] == runs[np.maximum(begins[1:] - 1, 0)]
    continues &= ~spaced
    continues[firsts] = False
    may_begin = (cut | spaced) & ~continues
    may_begin[firsts] = True
    return may_begin, continues


class WordEncoder:
    """Encodes words independently of one another, with few calls of the library.

    Many words are joined to one text, with a special token after each, and encoded by a copy of the
    tokenizer that finds special tokens in text. The library splits there before all else, so the
    words do not affect one another.
    """

    def __init__(self, tokenizer: Tokenizer, *, positions: bool) -> None:
        """Prepares the encoder.

        Args:
          tokenizer: A tokenizer that never finds special tokens in text.
          positions: Whether to fill the fields of `Pieces` other than ids and offsets, which takes
            as long again; else these are empty.
        """
        self._tokenizer = tokenizer
        self._kinds = token_kinds(tokenizer.to_str())
        self._positions = positions
        self._specials = [
            token.content
            for token in tokenizer.get_added_tokens_decoder().values()
            if token.special
        ]
        self._separator = find_separator(tokenizer)
        self._joining = Tokenizer.from_str(tokenizer.to_str())
        self._joining.encode_special_tokens = False

    def encode(self, words: list[bytes]) -> Pieces:
        """Returns the tokens of each word encoded alone."""
        texts = [word.decode() for word in words]
        if self._separator is not None and not self._holds_special(texts):
            pieces = self._encode_joined(texts, words, self._separator)
            if pieces is not None:
                return pieces
        encodings = self._tokenizer.encode_batch(texts, add_special_tokens=False)
        return pieces_of(texts, encodings, self._kinds)

    def _encode_joined(self, texts: list[str], words: list[bytes], separator: str) -> Pieces | None:
        """Encodes many words per text; None if separators and words do not correspond."""
        groups = [texts[begin : begin + _JOINED] for begin in range(0, len(texts), _JOINED)]
        lines = [separator.join([*group, ""]) for group in groups]
        encode = self._joining.encode_batch if self._positions else self._joining.encode_batch_fast
        encodings = encode(lines, add_special_tokens=False)
        ids = ids_of(encodings)
        separates = ids == self._tokenizer.token_to_id(separator)
        tokens = offsets_of(np.fromiter(map(len, encodings), np.int64, len(encodings)))
        # The model may have produced the separator from a normalised word.
        if np.diff(offsets_of(separates)[tokens]).tolist() != list(map(len, groups)):
            return None
        if self._positions:
            return self._split_by_word(pieces_of(lines, encodings, self._kinds), separates, words)
        offsets = _offsets(np.flatnonzero(separates))
        nowhere, none = np.empty(0, np.int64), np.empty(0, np.bool_)
        return Pieces(ids[~separates], offsets, nowhere, nowhere, none, none)

    def _holds_special(self, texts: list[str]) -> bool:
        joined = "".join(texts)
        return any(special in joined for special in self._specials)

    def _split_by_word(self, lines: Pieces, separates: Bool, words: list[bytes]) -> Pieces:
        """Splits the tokens of joined words into tokens of each word, without the separators."""
        kept = ~separates
        offsets = _offsets(np.flatnonzero(separates))
        counts = np.diff(offsets)
        sizes = np.fromiter(map(len, words), np.int64, len(words)) + len(
            str(self._separator).encode()
        )
        # First byte of each word in its text, which has `_JOINED` words.
        begins = offsets_of(sizes)[:-1]
        begins -= np.repeat(begins[::_JOINED], _JOINED)[: len(words)]
        may_begin, continues = lines.may_begin_word[kept], lines.continues_group[kept]
        firsts = offsets[:-1][counts > 0]
        may_begin[firsts], continues[firsts] = True, False
        base = np.repeat(begins, counts)
        byte_starts, byte_ends = lines.byte_starts[kept] - base, lines.byte_ends[kept] - base
        return Pieces(lines.ids[kept], offsets, byte_starts, byte_ends, may_begin, continues)


def _offsets(ends: Int64) -> Int64:
    """Returns the offsets of words after removing the separators, which are the tokens `ends`.

    Of tokens a b | c | | the separators are 2, 4 and 5, and the words "a b", "c" and "":

    >>> _offsets(np.array([2, 4, 5])).tolist()
    [0, 2, 3, 3]
    """
    return np.append(0, ends - np.arange(len(ends)))


def find_separator(tokenizer: Tokenizer) -> str | None:
    """Returns a special token that separates texts reliably, None if there is none.

    It must not strip white space or be the unknown token. No special token may be searched for in
    normalised text, because the words cannot be checked for it beforehand. Metaspace must treat
    every part of a text like the first.
    """
    description = json.loads(tokenizer.to_str())
    model = description["model"]
    unknown = {model.get("unk_token"), tokenizer.id_to_token(model.get("unk_id") or 0)}
    specials = [token for token in description["added_tokens"] if token["special"]]
    if any(token["normalized"] for token in specials):
        return None
    if '"prepend_scheme": "first"' in json.dumps(description["pre_tokenizer"]):
        return None
    for token in specials:
        content = token["content"]
        edges = content[:1] + content[-1:]
        plain = not (token["lstrip"] or token["rstrip"] or token["single_word"])
        # If its end is also its beginning, it could be found too early, after a word with that end.
        plain &= not any(content.startswith(content[at:]) for at in range(1, len(content)))
        plain &= content not in unknown
        if plain and not any(character.isalnum() or character == "_" for character in edges):
            return str(content)
    return None
