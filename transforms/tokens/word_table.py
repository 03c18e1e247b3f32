"""A table of words and their tokens, so that the tokenizer encodes every word once."""

import itertools

import numpy as np
import pyarrow as pa
from tokenizers import Tokenizer

from schemas.records import Bool, Bytes, Int64
from transforms.arrays.ragged import offsets_of, range_indices
from transforms.tokens.splitting import Splitting
from transforms.tokens.word_encoder import Pieces, WordEncoder

MAX_WORDS = 1 << 20
MAX_WORD_BYTES = 64 << 20


class WordTable:
    """Maps words, including the space before them, to their tokens.

    The size is bounded: a full table is cleared, which takes time but does not change results.

    Attributes:
      pieces: The tokens of all words; row r has the tokens of one word.
      needs_sentence: bool[R]; the word cannot be encoded alone, only within its sentence.
    """

    def __init__(
        self, tokenizer: Tokenizer, splitting: Splitting, *, positions: bool = True
    ) -> None:
        """Makes an empty table.

        Args:
          tokenizer: Encodes the words.
          splitting: How text is split into words; see `find_splitting`.
          positions: Keep the positions of tokens in their words; see `WordEncoder`.
        """
        self._encoder = WordEncoder(tokenizer, positions=positions)
        self._normalizer = tokenizer.normalizer if splitting.space_counts else None
        added = tokenizer.get_added_tokens_decoder()
        self._added = np.array([i for i, token in added.items() if not token.special], np.int64)
        self.clear()

    def clear(self) -> None:
        self._rows: dict[bytes, int] = {b"\n": 0}
        self._bytes = 0
        self.pieces = Pieces(
            np.empty(0, np.int32),
            np.zeros(2, np.int64),
            np.empty(0, np.int64),
            np.empty(0, np.int64),
            np.empty(0, np.bool_),
            np.empty(0, np.bool_),
        )
        self.needs_sentence = np.zeros(1, np.bool_)

    def look_up(self, data: Bytes, borders: Int64) -> tuple[Int64, int]:
        """Returns the table row of each word, and adds new words.

        Words are deduplicated by Arrow, so the Python loop runs over distinct words only. Of the
        words "the", " cat", " the", " cat", row 0 being the line end, the rows are 1, 2, 3, 2.

        Args:
          data: uint8[N].
          borders: int64[W + 1]; word w is data[borders[w]:borders[w + 1]].

        Returns:
          int64[W] rows, and the number of bytes of the new words.
        """
        if len(self._rows) > MAX_WORDS or self._bytes > MAX_WORD_BYTES:
            self.clear()
        words = pa.Array.from_buffers(
            pa.binary(),
            len(borders) - 1,
            [None, pa.py_buffer(borders.astype(np.int32)), pa.py_buffer(data)],
        )
        coded = words.dictionary_encode()
        distinct = coded.dictionary.to_pylist()
        found = map(self._rows.get, distinct, itertools.repeat(-1))
        rows = np.fromiter(found, np.int64, len(distinct))
        new = np.flatnonzero(rows < 0)
        fresh = [distinct[index] for index in new.tolist()]
        rows[new] = np.arange(len(self._rows), len(self._rows) + len(fresh))
        self._add(fresh)
        return rows[coded.indices.to_numpy()], sum(map(len, fresh))

    def _add(self, fresh: list[bytes]) -> None:
        if not fresh:
            return
        new = self._encoder.encode(fresh)
        first = len(self._rows)
        self._rows.update(zip(fresh, range(first, first + len(fresh)), strict=True))
        self._bytes += sum(map(len, fresh))
        old = self.pieces
        self.pieces = Pieces(
            np.concatenate([old.ids, new.ids]),
            np.concatenate([old.offsets, new.offsets[1:] + old.offsets[-1]]),
            np.concatenate([old.byte_starts, new.byte_starts]),
            np.concatenate([old.byte_ends, new.byte_ends]),
            np.concatenate([old.may_begin_word, new.may_begin_word]),
            np.concatenate([old.continues_group, new.continues_group]),
        )
        unsafe = self._holds_added_token(new) | self._makes_spaces(fresh)
        self.needs_sentence = np.concatenate([self.needs_sentence, unsafe])

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

    def gather(self, rows: Int64) -> tuple[Int64, Int64]:
        """Returns indices into `pieces` of the tokens of words, and the offsets of the words.

        If row 4 has the tokens 10 and 11, and row 7 the token 20, then rows 4, 7, 4 have the
        indices 10, 11, 20, 10, 11 and the offsets 0, 2, 3, 5.
        """
        first = self.pieces.offsets[rows]
        counts = self.pieces.offsets[rows + 1] - first
        return range_indices(first, counts), offsets_of(counts)
