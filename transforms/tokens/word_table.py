"""A table of words and their tokens, so that the tokenizer encodes every word once."""

import dataclasses

import numpy as np
from tokenizers import Tokenizer

from schemas.records import Array, Bool, Bytes, Int64
from transforms.arrays.growing import GrowingArray
from transforms.arrays.ragged import offsets_of
from transforms.text.ideographs import ideograph_ranges
from transforms.tokens.ascii_words import AsciiWords
from transforms.tokens.splitting import WIDE_MARKS, Splitting
from transforms.tokens.word_encoder import NO_PIECES, Pieces, WordEncoder, interleave
from transforms.tokens.word_rows import FoundWords, WordRows

MAX_WORDS = 1 << 20
MAX_WORD_BYTES = 64 << 20
_ASCII = 0x80


@dataclasses.dataclass(frozen=True, eq=False)
class Places:
    """Where tokens are in a block; see `transforms.tokens.word_encoder.Pieces`.

    Attributes:
      begins: int64[T]; as `Pieces.byte_starts`.
      ends: int64[T]; as `Pieces.byte_ends`.
      may_begin_word: bool[T].
      continues_group: bool[T].
    """

    begins: Int64
    ends: Int64
    may_begin_word: Bool
    continues_group: Bool


class WordTable:
    """Maps words to their tokens. The loops are those of `transforms.kernels.words`.

    The size is bounded: a full table is cleared, which takes time but does not change results. It
    is made of arrays alone, so that a process that is forked shares the memory of its parent.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        splitting: Splitting,
        text_ids: Array | None = None,
        *,
        positions: bool = True,
    ) -> None:
        """Makes an empty table.

        Args:
          tokenizer: Encodes the words.
          splitting: How text is split into words; see `find_splitting`.
          text_ids: uint16[V] or uint32[V]; what to write for each id of the tokenizer; None writes
            the id.
          positions: Keep the positions of tokens in their words; see `WordEncoder`.
        """
        from transforms.kernels.words import byte_kinds

        self._encoder = WordEncoder(tokenizer, positions=positions)
        self._ascii = AsciiWords.of(tokenizer) if splitting.isolate_punctuation else None
        self._positions = positions
        self._normalizer = tokenizer.normalizer if splitting.space_counts else None
        if text_ids is None:
            text_ids = np.arange(tokenizer.get_vocab_size(with_added_tokens=True), dtype=np.uint32)
        self._text_ids = text_ids
        added = tokenizer.get_added_tokens_decoder()
        self._added = np.array([i for i, token in added.items() if not token.special], np.int64)
        kinds = byte_kinds(
            spaces=splitting.space_counts,
            ideographs=splitting.isolate_ideographs,
            punctuation=splitting.isolate_punctuation,
            edges=splitting.cut_at_punctuation,
        )
        none = np.empty(0, np.int64)
        self._splitting = (
            kinds,
            ideograph_ranges() if splitting.isolate_ideographs else none,
            np.array(WIDE_MARKS).ravel() if splitting.isolate_punctuation else none,
        )
        self.clear()

    def clear(self) -> None:
        """Forgets all words."""
        self._words = WordRows()
        self._firsts, self._needs_sentence = GrowingArray(np.int64), GrowingArray(np.bool_)
        self._firsts.append(np.zeros(1, np.int64))
        self._ids = GrowingArray(self._text_ids.dtype)
        self._edges = (GrowingArray(np.int32), GrowingArray(np.int32))
        self._flags = (GrowingArray(np.bool_), GrowingArray(np.bool_))

    def __len__(self) -> int:
        return len(self._words)

    def look_up(self, data: Bytes, borders: Int64) -> FoundWords:
        """Finds the words of sentences, and adds those that are new.

        Args:
          data: uint8[N].
          borders: int64[S + 1]; sentence s is data[borders[s]:borders[s + 1]].
        """
        if len(self) > MAX_WORDS or self._words.size > MAX_WORD_BYTES:
            self.clear()
        known = len(self)
        try:
            found = self._words.look_up(data, borders, self._splitting)
            if len(self) > known:
                self._add(*self._words.words(known))
        except BaseException:
            # Some words may have a row and no tokens.
            self.clear()
            raise
        return found

    def _add(self, data: Bytes, borders: Int64) -> None:
        """Adds the tokens of words that have a row already."""
        plain = np.zeros(len(borders) - 1, np.bool_)
        if self._ascii is not None:
            plain = np.diff(offsets_of(data >= _ASCII)[borders]) == 0
        needs_sentence = np.zeros(len(plain), np.bool_)
        asked, others = NO_PIECES, np.flatnonzero(~plain)
        if len(others):
            raw = data.tobytes()
            edges = zip(borders[others].tolist(), borders[others + 1].tolist(), strict=True)
            words = [raw[begin:end] for begin, end in edges]
            asked = self._encoder.encode(words)
            needs_sentence[others] = self._holds_added_token(asked) | self._makes_spaces(words)
        new = asked
        if self._ascii is not None:
            own = self._ascii.encode(data, borders, np.flatnonzero(plain))
            new = interleave(own, asked, plain, positions=self._positions)
        self._needs_sentence.append(needs_sentence)
        self._firsts.append(new.offsets[1:] + len(self._ids))
        self._ids.append(self._text_ids[new.ids])
        if self._positions:
            self._edges[0].append(new.byte_starts)
            self._edges[1].append(new.byte_ends)
            self._flags[0].append(new.may_begin_word)
            self._flags[1].append(new.continues_group)

    def _holds_added_token(self, pieces: Pieces) -> Bool:
        """Returns bool[R]: whether a word has an added token: it may strip spaces around it."""
        return np.diff(offsets_of(np.isin(pieces.ids, self._added))[pieces.offsets]) > 0

    def _makes_spaces(self, words: list[bytes]) -> Bool:
        """Returns bool[R]: whether a normalised word has white space that affects its tokens."""
        if self._normalizer is None:
            return np.zeros(len(words), np.bool_)
        normalized = map(self._normalizer.normalize_str, map(bytes.decode, words))
        unsafe = (
            not text.removeprefix(" ") or any(map(str.isspace, text.removeprefix(" ")))
            for text in normalized
        )
        return np.fromiter(unsafe, np.bool_, len(words))

    def count(self, found: FoundWords) -> tuple[Int64, Bool]:
        """Returns int64[S]: tokens of each sentence, and bool[S]: which have to be encoded whole.

        That is so where a word has other tokens alone than within its sentence.
        """
        from transforms.kernels.gathered_tokens import count_tokens

        counts = np.empty(len(found.offsets) - 1, np.int64)
        unsafe = np.empty(len(counts), np.bool_)
        count_tokens(
            found.rows,
            found.offsets,
            self._firsts.values,
            self._needs_sentence.values,
            counts,
            unsafe,
        )
        return counts, unsafe

    def ids(self, found: FoundWords, total: int) -> Array:
        """Returns the ids of the tokens of these words, which are so many."""
        from transforms.kernels.gathered_tokens import gather_ids

        ids = np.empty(total, self._text_ids.dtype)
        gather_ids(found.rows, self._firsts.values, self._ids.values, ids)
        return ids

    def word_starts(self, found: FoundWords, total: int, marks: Bytes) -> Bool:
        """Returns bool[T]: which tokens of these words, which are so many, begin a whole word.

        Args:
          found: The words.
          total: Tokens of all of them.
          marks: uint8[N]; see `ShardText.word_marks`.
        """
        from transforms.kernels.word_marks import gather_word_starts

        starts = np.empty(total, np.bool_)
        may_begin, continues = self._flags
        table = self._firsts.values, self._edges[0].values, may_begin.values, continues.values
        marks = np.require(marks if marks.any() else marks[:0], np.uint8, "W")
        gather_word_starts((found.rows, found.begins, found.offsets), table, marks, starts)
        return starts

    def places(self, found: FoundWords, total: int) -> Places:
        """Returns where the tokens of these words are in the block."""
        from transforms.kernels.gathered_tokens import gather_places

        places = Places(
            begins=np.empty(total, np.int64),
            ends=np.empty(total, np.int64),
            may_begin_word=np.empty(total, np.bool_),
            continues_group=np.empty(total, np.bool_),
        )
        starts, ends = self._edges
        may_begin, continues = self._flags
        gather_places(
            found.rows,
            found.begins,
            self._firsts.values,
            (starts.values, ends.values, may_begin.values, continues.values),
            (places.begins, places.ends, places.may_begin_word, places.continues_group),
        )
        return places
