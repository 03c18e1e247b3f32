"""Asks the tokenizer for the tokens of single words, many at a time."""

import dataclasses
import itertools
import json

import numpy as np
from tokenizers import Encoding, Tokenizer

from schemas.records import Array, Bool, Int64
from schemas.token_kinds import TokenKinds, token_kinds
from transforms.arrays.ragged import offsets_of
from transforms.text.letters import letter_runs

_JOINED = 64


@dataclasses.dataclass(frozen=True, eq=False)
class Pieces:
    """Tokens of many texts, one after the other.

    Attributes:
      ids: int32[T].
      offsets: int64[R + 1]; the tokens of each text.
      byte_starts: int64[T]; where the token's first visible character begins, in bytes of its text.
      byte_ends: int64[T]; where its last visible character ends: at `byte_starts` if the token is a
        space, before it if the token stands for no character of the text.
      opens: bool[T]; what the tokenizer cut, or a space, lies between this token and the one
        before it, and neither is inside a run of letters: a word may begin here.
      joined: bool[T]; the token goes on with a run of letters, or with a number, that the token
        before it is of, or is a "##" piece: neither a word nor a span begins here.
    """

    ids: Array
    offsets: Int64
    byte_starts: Int64
    byte_ends: Int64
    opens: Bool
    joined: Bool


def pieces_of(texts: list[str], encodings: list[Encoding], kinds: TokenKinds) -> Pieces:
    """Collects what the library says of each text.

    Args:
      texts: What was encoded.
      encodings: Of each text.
      kinds: Of the tokenizer.
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
    # A line end behind each, so that no run of letters goes on into the next text.
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
    """Turns ranges of visible characters into bytes, counted from the first of each text."""
    widths = 1 + (characters >= 0x80).astype(np.int64)
    widths += (characters >= 0x800).astype(np.int64) + (characters >= 0x10000)
    bytes_before = offsets_of(widths)
    base = bytes_before[first]
    byte_starts, byte_ends = bytes_before[begins] - base, bytes_before[ends] - base
    return byte_starts, np.where(silent, byte_starts - 1, byte_ends)


def _borders(
    characters: Array, begins: Int64, ids: Array, cut: Bool, firsts: Int64, kinds: TokenKinds
) -> tuple[Bool, Bool]:
    """Returns which tokens may begin a word, and which go on with the token before them.

    Of "2016 cats" cut into "20|16| cat|s" the second and the last token go on. Of "s the|re" the
    last one does not: its run of letters began inside the token before it, which is of another
    word.

    Args:
      characters: uint32[N]; all texts, one after the other.
      begins: int64[T]; the first visible character of each token.
      ids: [T].
      cut: bool[T]; the tokenizer's own step cut before the token.
      firsts: int64[X]; the tokens that are the first of a text.
      kinds: Of the tokenizer.

    Returns:
      `Pieces.opens` and `Pieces.joined`, bool[T] each.
    """
    spaces = offsets_of(characters == ord(" "))[begins]
    spaced = kinds.after_space[ids]
    spaced[1:] |= (spaces[1:] > spaces[:-1]) | kinds.before_space[ids[:-1]]
    runs = letter_runs(characters)
    joined = kinds.continues[ids] & ~kinds.ideograph[ids]
    # Bytes of one character, and what normalising made of one, have the same first character.
    joined[1:] |= runs[begins[1:]] == runs[begins[:-1]]
    # A token may end inside of a run that it does not begin with: "a1", "2".
    joined[1:] |= runs[begins[1:]] == runs[np.maximum(begins[1:] - 1, 0)]
    joined &= ~spaced
    joined[firsts] = False
    opens = (cut | spaced) & ~joined
    opens[firsts] = True
    return opens, joined


class WordEncoder:
    """Encodes words apart from one another, at the price of fewer calls.

    A special token between two texts keeps them apart: the library cuts there before it does
    anything else. So many words make one text, in a tokenizer that does look for special tokens.
    """

    def __init__(self, tokenizer: Tokenizer, *, positions: bool) -> None:
        """Prepares to encode.

        Args:
          tokenizer: One that takes special tokens in a text for text.
          positions: Find where tokens stand and what they go on with, which costs as much again;
            else these fields are empty.
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
        """Returns the tokens of each word, as if it stood alone."""
        texts = [word.decode() for word in words]
        if self._separator is not None and not self._holds_special(texts):
            pieces = self._encode_joined(texts, words, self._separator)
            if pieces is not None:
                return pieces
        encodings = self._tokenizer.encode_batch(texts, add_special_tokens=False)
        return pieces_of(texts, encodings, self._kinds)

    def _encode_joined(self, texts: list[str], words: list[bytes], separator: str) -> Pieces | None:
        """Encodes words many in a text; None if the separators do not tell them apart."""
        groups = [texts[begin : begin + _JOINED] for begin in range(0, len(texts), _JOINED)]
        lines = [separator.join([*group, ""]) for group in groups]
        encode = self._joining.encode_batch if self._positions else self._joining.encode_batch_fast
        encodings = encode(lines, add_special_tokens=False)
        ids = ids_of(encodings)
        separates = ids == self._tokenizer.token_to_id(separator)
        tokens = offsets_of(np.fromiter(map(len, encodings), np.int64, len(encodings)))
        # The model may have made a separator of a word, once that was normalised.
        if np.diff(offsets_of(separates)[tokens]).tolist() != list(map(len, groups)):
            return None
        if self._positions:
            return self._apart(pieces_of(lines, encodings, self._kinds), separates, words)
        offsets = _offsets(np.flatnonzero(separates))
        nowhere, none = np.empty(0, np.int64), np.empty(0, np.bool_)
        return Pieces(ids[~separates], offsets, nowhere, nowhere, none, none)

    def _holds_special(self, texts: list[str]) -> bool:
        joined = "".join(texts)
        return any(special in joined for special in self._specials)

    def _apart(self, lines: Pieces, separates: Bool, words: list[bytes]) -> Pieces:
        """Turns the tokens of joined words into tokens of each word."""
        kept = ~separates
        offsets = _offsets(np.flatnonzero(separates))
        counts = np.diff(offsets)
        sizes = np.fromiter(map(len, words), np.int64, len(words)) + len(
            str(self._separator).encode()
        )
        begins = offsets_of(sizes)[:-1]
        begins -= np.repeat(begins[::_JOINED], _JOINED)[: len(words)]
        opens, joined = lines.opens[kept], lines.joined[kept]
        firsts = offsets[:-1][counts > 0]
        opens[firsts], joined[firsts] = True, False
        base = np.repeat(begins, counts)
        byte_starts, byte_ends = lines.byte_starts[kept] - base, lines.byte_ends[kept] - base
        return Pieces(lines.ids[kept], offsets, byte_starts, byte_ends, opens, joined)


def _offsets(ends: Int64) -> Int64:
    """Returns the offsets of words whose separators stand at `ends`, the separators left out."""
    return np.append(0, ends - np.arange(len(ends)))


def find_separator(tokenizer: Tokenizer) -> str | None:
    """Returns a special token that keeps what stands around it apart, or None if none surely does.

    It must not take white space with it nor stand for unknown words, and no special token may be
    looked for in normalised text, where it could not be told beforehand. Metaspace must treat every
    part like the first.
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
        # One that begins as it ends could be found too early, behind a word that ends so.
        plain &= not any(content.startswith(content[at:]) for at in range(1, len(content)))
        plain &= content not in unknown
        if plain and not any(character.isalnum() or character == "_" for character in edges):
            return str(content)
    return None
