"""Tokenizes the sentences of a shard, with exactly the ids of the tokenizer itself.

Whole words are defined on the normalised text, for all tokenizers alike:

1. White space separates words.
2. Where a segmenter found words with an ideograph (`transforms.text.words`), these are the words,
   and text between two of them belongs to neither.
3. Elsewhere the pre-tokens of the tokenizer are the words: BERT splits around every punctuation
   mark, GPT-2 between letters, digits and runs of other characters, SentencePiece at white space.
4. But no word begins inside a run of letters (other than ideographs and kana) or digits, with their
   combining marks, nor at a "##" piece that does not begin with an ideograph. A border of the
   segmenter in such a place moves to the end of the run, or of the group of pieces, all of which
   belongs to the word in which it began: jieba's DS|D版|本 becomes the words DSD, 版 and 本. A
   border of the pre-tokenizer is dropped: 2|0|1|6, of a tokenizer that splits digits, is one word.

A token belongs to the word of its first visible character, and begins a word if that is not the
word of the token before it: of the tokens "cat", "s▁th" and "e", the first two are the word "cats"
and the third is the rest of "the". A piece of a space and text ("▁the", "Ġthe") always begins a
word, and so does the first token of a sentence.
"""

import dataclasses
import itertools
import logging
from collections.abc import Collection

import numpy as np
from tokenizers import Tokenizer

from schemas.columns import CAPITALS
from schemas.records import Array, Int64, ShardText, Tokens
from schemas.token_kinds import token_kinds
from transforms.arrays.ragged import offsets_of, range_indices
from transforms.text.capitals import any_in_range, upper_case_mask
from transforms.tokens.encoded_block import EncodedBlock, project_onto_tokens, replace_sentences
from transforms.tokens.sentence_blocks import SentenceBlock, sentence_blocks
from transforms.tokens.splitting import find_splitting
from transforms.tokens.whole_words import word_starts
from transforms.tokens.word_encoder import pieces_of
from transforms.tokens.word_rows import FoundWords
from transforms.tokens.word_table import Places, WordTable

BLOCK_BYTES = 4 << 20
CHECKED_SENTENCES = 256
# If more than this share of the bytes is in new words, the table is slower than the library.
_MOSTLY_NEW = 0.5
_LF = 0x0A

_log = logging.getLogger(__name__)


def load_tokenizer(tokenizer_json: str) -> Tokenizer:
    """Loads a tokenizer so that it never finds special tokens in text.

    The name of a special token in a document is ordinary text, as in google-research/bert: only the
    layout places special tokens. Truncation and padding are disabled.
    """
    tokenizer = Tokenizer.from_str(tokenizer_json)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True
    return tokenizer


class TextEncoder:
    """Tokenizes sentences, through a table of words if the tokenizer allows that.

    The table has the tokens of the words seen so far, so the tokenizer encodes each distinct word
    once. `transforms.tokens.splitting` decides whether this gives the same ids.
    """

    def __init__(
        self,
        tokenizer_json: str,
        *,
        positions: bool = True,
        unknown: int | None = None,
        special: Collection[int] = (),
        capitals: bool = False,
    ) -> None:
        """Loads a tokenizer.

        Args:
          tokenizer_json: The content of its JSON file.
          positions: Keep the positions of tokens, which texts with word marks or spans need.
          unknown: Replaces special tokens that the model itself produces from text: a SentencePiece
            model may have "</s>" among its pieces. None keeps them.
          special: Further tokens that the layout uses as special tokens.
          capitals: Annotate the tokens that have an upper-case character in the text.
        """
        self.tokenizer = load_tokenizer(tokenizer_json)
        self._kinds = token_kinds(tokenizer_json)
        highest = max(self.tokenizer.get_vocab(with_added_tokens=True).values())
        self._dtype = np.dtype(np.uint16 if highest < 1 << 16 else np.uint32)
        self._text_ids = np.arange(highest + 1, dtype=self._dtype)
        if unknown is not None:
            added = self.tokenizer.get_added_tokens_decoder().items()
            named = [number for number, token in added if token.special]
            self._text_ids[[*named, *special]] = unknown
        self._capitals = capitals
        self._splitting = find_splitting(self.tokenizer)
        self._table = (
            WordTable(
                self.tokenizer, self._splitting, self._text_ids, positions=positions or capitals
            )
            if self._splitting
            else None
        )

    def encode(self, text: ShardText, rng: np.random.Generator) -> Tokens:
        """Encodes every sentence of a shard.

        A sample of the sentences is also encoded by the library. If any differs, all sentences are
        encoded by the library, with a warning.

        Args:
          text: A shard with its sentences, and with word marks if whole words are wanted. Spans are
            cut where sentences end.
          rng: Draws the sample.

        Returns:
          Tokens. `ids` are those of `Tokenizer.encode` on each sentence as written, including the
          space before it if it is not the first of its line. The one exception is `unknown`.
        """
        blocks = list(sentence_blocks(text, BLOCK_BYTES))
        encoded, path = self._through_table(blocks), "word_table"
        if encoded is None or not self._agrees(blocks, encoded, rng):
            encoded, path = [self._through_library(block) for block in blocks], "library"
        return self._assemble(text, [self._without_blanks(each) for each in encoded], path)

    def _through_table(self, blocks: list[SentenceBlock]) -> list[EncodedBlock] | None:
        if self._table is None or self._splitting is None:
            return None
        encoded: list[EncodedBlock] = []
        seen = new = 0
        for block in blocks:
            words = self._table.look_up(block.data, block.borders)
            seen, new = seen + len(block.data), new + words.new_bytes
            if seen > 2 * BLOCK_BYTES and new > _MOSTLY_NEW * seen:
                return None
            encoded.append(self._gather(self._table, block, words))
        return encoded

    def _gather(self, table: WordTable, block: SentenceBlock, words: FoundWords) -> EncodedBlock:
        """Gathers the tokens of a block from rows of the table."""
        counts, unsafe = table.count(words)
        total = int(counts.sum())
        encoded = EncodedBlock(table.ids(words, total), counts)
        if block.spans or self._capitals:
            encoded = self._annotated(encoded, block, table.places(words, total))
        elif block.marks is not None:
            starts = table.word_starts(words, total, block.marks)
            encoded = dataclasses.replace(encoded, word_starts=starts)
        # Sentences with a word that cannot be encoded alone are encoded as a whole.
        if unsafe.any():
            which = np.flatnonzero(unsafe)
            encoded = replace_sentences(encoded, which, self._library(block, which))
        return encoded

    def _through_library(self, block: SentenceBlock) -> EncodedBlock:
        return self._library(block, np.arange(len(block.borders) - 1))

    def _library(self, block: SentenceBlock, which: Int64) -> EncodedBlock:
        """Encodes some sentences of a block by calling the tokenizer on each."""
        texts = block.texts(which)
        if self._needs_ids_only(block):
            lists = [
                e.ids for e in self.tokenizer.encode_batch_fast(texts, add_special_tokens=False)
            ]
            counts = np.fromiter(map(len, lists), np.int64, len(lists))
            ids = np.fromiter(itertools.chain.from_iterable(lists), np.int32, int(counts.sum()))
            return EncodedBlock(self._text_ids[ids], counts)
        encodings = self.tokenizer.encode_batch(texts, add_special_tokens=False)
        pieces = pieces_of(texts, encodings, self._kinds)
        counts = np.diff(pieces.offsets)
        base = np.repeat(block.borders[which], counts)
        encoded = EncodedBlock(self._text_ids[pieces.ids], counts)
        places = Places(
            base + pieces.byte_starts,
            base + pieces.byte_ends,
            pieces.may_begin_word,
            pieces.continues_group,
        )
        return self._annotated(encoded, block, places)

    def _needs_ids_only(self, block: SentenceBlock) -> bool:
        """Whether the positions of tokens are not needed."""
        return block.marks is None and not block.spans and not self._capitals

    def _annotated(
        self, encoded: EncodedBlock, block: SentenceBlock, places: Places
    ) -> EncodedBlock:
        """Adds word starts and annotations, by the bytes of the block that tokens represent."""
        begins, ends, continues = places.begins, places.ends, places.continues_group
        starts = None
        if block.marks is not None:
            starts = word_starts(
                places.may_begin_word, continues, begins, encoded.counts, block.marks
            )
        rows = offsets_of(encoded.counts)
        annotations = project_onto_tokens(block.spans, begins, ends, continues, rows)
        if self._capitals:
            capitals = any_in_range(begins, np.maximum(begins, ends), upper_case_mask(block.data))
            annotations[CAPITALS] = capitals.astype(np.uint8)
        return dataclasses.replace(encoded, word_starts=starts, annotations=annotations)

    def _agrees(
        self, blocks: list[SentenceBlock], encoded: list[EncodedBlock], rng: np.random.Generator
    ) -> bool:
        """Whether the library encodes a sample of the sentences alike."""
        sentences = offsets_of(np.array([len(block.borders) - 1 for block in blocks]))
        sample = np.unique(rng.integers(0, max(sentences[-1], 1), CHECKED_SENTENCES))
        for block, tokens, first, last in zip(
            blocks, encoded, sentences[:-1], sentences[1:], strict=True
        ):
            which = sample[(sample >= first) & (sample < last)] - first
            offsets = offsets_of(tokens.counts)
            chosen = range_indices(offsets[which], tokens.counts[which])
            expected = self._library(dataclasses.replace(block, marks=None, spans={}), which)
            same_counts = np.array_equal(tokens.counts[which], expected.counts)
            if not (same_counts and np.array_equal(tokens.ids[chosen], expected.ids)):
                _log.warning(
                    "The word table does not reproduce this tokenizer's ids; "
                    "encoding the shard with the library instead."
                )
                return False
        return True

    def _without_blanks(self, encoded: EncodedBlock) -> EncodedBlock:
        """Removes the tokens of sentences with only white-space tokens, such as "▁" for U+200B."""
        blank, filled = self._kinds.blank, np.flatnonzero(encoded.counts)
        starts = offsets_of(encoded.counts)
        which = filled[blank[encoded.ids[starts[filled]]]]
        if not len(which):
            return encoded
        text = offsets_of(~blank[encoded.ids])
        which = which[text[starts[which]] == text[starts[which + 1]]]
        nothing = np.zeros(len(which), np.int64)
        names = {name: each[:0] for name, each in encoded.annotations.items()}
        words = None if encoded.word_starts is None else encoded.word_starts[:0]
        return replace_sentences(
            encoded, which, EncodedBlock(encoded.ids[:0], nothing, words, names)
        )

    def _assemble(self, text: ShardText, blocks: list[EncodedBlock], path: str) -> Tokens:
        """Joins the blocks and drops sentences and documents without a token."""
        counts = np.concatenate([np.empty(0, np.int64), *(block.counts for block in blocks)])
        kept = np.flatnonzero(counts)
        next_starts = np.append(text.sentence_starts, len(text.data))[1:]
        every_line = offsets_of(text.data[next_starts - 1] == _LF)[:-1]
        line = every_line[kept]
        document = np.searchsorted(text.document_starts, text.sentence_starts, "right")[kept]
        borders = np.flatnonzero(np.diff(document)) + 1
        marked = [block.word_starts for block in blocks if block.word_starts is not None]
        return Tokens(
            ids=np.concatenate([np.empty(0, self._dtype), *(block.ids for block in blocks)]),
            sentence_offsets=offsets_of(counts[kept]),
            document_offsets=np.concatenate(
                [[0], borders, [len(kept)] if len(kept) else []]
            ).astype(np.int64),
            ends_line=np.append(line[1:] != line[:-1], np.ones(min(len(line), 1), np.bool_)),
            word_starts=None
            if text.word_marks is None
            else np.concatenate([np.empty(0, np.bool_), *marked]),
            exact_path=path,
            annotations=self._annotations(text, blocks),
            labels=None if text.labels is None else text.labels.take(np.unique(document) - 1),
            sources=None if text.sources is None else text.sources.numbers[np.unique(document) - 1],
            lines=None if text.labels is None else _lines_in_documents(text, every_line)[kept],
        )

    def _annotations(self, text: ShardText, blocks: list[EncodedBlock]) -> dict[str, Array]:
        names = [*text.spans, *([CAPITALS] if self._capitals else [])]
        return {
            name: np.concatenate(
                [np.empty(0, np.uint8), *(block.annotations[name] for block in blocks)]
            )
            for name in names
        }


# Two documents of 2 and 1 lines, the first line of two sentences: 0 0 1 | 2 -> 0 0 1 | 0
def _lines_in_documents(text: ShardText, lines: Int64) -> Int64:
    """Returns int64[S]: the number of each sentence's line in its document.

    Args:
      text: With sentences.
      lines: int64[S]; the number of the line of each sentence in the whole text.
    """
    first = np.searchsorted(text.sentence_starts, text.document_starts)
    document = np.searchsorted(text.document_starts, text.sentence_starts, "right") - 1
    found: Int64 = lines - lines[first[document]]
    return found
