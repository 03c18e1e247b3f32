"""Encodes ASCII words as BERT's tokenizers do, without calling the library."""

import json
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from schemas.records import Array, Bytes, Int64
from transforms.arrays.ragged import offsets_of, range_indices
from transforms.tokens.word_encoder import Pieces
from transforms.tokens.word_rows import WordRows, whole_words


class AsciiWords:
    """WordPiece of words that are one punctuation mark, or letters and digits alone.

    To such a word BERT's normaliser does nothing but to make letters lower case, its pre-tokenizer
    does nothing, and the model takes the longest piece that fits, again and again. So the tokens
    of new words need not be asked of the library, which takes thirty times as long. Every shard
    is compared with it nevertheless (`transforms.tokens.tokenize_text.CHECKED_SENTENCES`).

    Source: google-research/bert tokenization.py:300-359 (WordpieceTokenizer).
    """

    def __init__(self, model: dict[str, Any], *, lower_case: bool) -> None:
        """Reads the vocabulary.

        Args:
          model: The WordPiece model in the JSON description of a tokenizer.
          lower_case: Whether letters are made lower case.
        """
        prefix, vocabulary = model["continuing_subword_prefix"], model["vocab"]
        self._heads = _rows_of(vocabulary)
        self._tails = _rows_of(
            {
                token.removeprefix(prefix): number
                for token, number in vocabulary.items()
                if token.startswith(prefix)
            }
        )
        self._unknown = int(vocabulary[model["unk_token"]])
        self._longest_word = int(model["max_input_chars_per_word"])
        self._lower_case = lower_case

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> "AsciiWords | None":
        """Returns the words of a tokenizer that isolates punctuation; None if it has other models.

        Args:
          tokenizer: See `transforms.tokens.splitting.Splitting.isolate_punctuation`.
        """
        description = json.loads(tokenizer.to_str())
        model, normalizer = description["model"], description["normalizer"]
        if model["type"] != "WordPiece" or not model["continuing_subword_prefix"]:
            return None
        if model["unk_token"] not in model["vocab"]:
            return None
        return cls(model, lower_case=bool(normalizer and normalizer["lowercase"]))

    def encode(self, data: Bytes, borders: Int64, which: Int64) -> Pieces:
        """Returns the tokens of some words.

        Args:
          data: uint8[N]; all words.
          borders: int64[W + 1]; word w is data[borders[w]:borders[w + 1]].
          which: int64[R]; the words to encode, which are ASCII.
        """
        from transforms.kernels.pieces import split_into_pieces

        sizes = borders[which + 1] - borders[which]
        text, offsets = data[range_indices(borders[which], sizes)], offsets_of(sizes)
        if self._lower_case:
            text = text + ((text >= ord("A")) & (text <= ord("Z"))) * np.uint8(0x20)
        ids = np.empty(len(text), np.int32)
        starts, ends = np.empty(len(text), np.int64), np.empty(len(text), np.int64)
        counts = np.empty(len(which), np.int64)
        total = split_into_pieces(
            text,
            offsets,
            self._longest_word,
            self._unknown,
            self._heads,
            self._tails,
            (ids, starts, ends, counts),
        )
        tokens = offsets_of(counts)
        first = np.zeros(total, np.bool_)
        first[tokens[:-1]] = True
        return Pieces(ids[:total], tokens, starts[:total], ends[:total], first, ~first)


def _rows_of(vocabulary: dict[str, int]) -> tuple[tuple[Array, Array, Bytes, Int64], Array]:
    """Returns a table of the ASCII tokens, see `WordRows.arrays`, and int32[R], the id of each."""
    tokens = [token for token in vocabulary if token and token.isascii()]
    data = np.frombuffer("".join(tokens).encode(), np.uint8)
    borders = offsets_of(np.fromiter(map(len, tokens), np.int64, len(tokens)))
    rows = WordRows()
    rows.look_up(data, borders, whole_words())
    return rows.arrays, np.array([vocabulary[token] for token in tokens], np.int32)
