"""Turns the sentences of a shard into tokens, exactly as the tokenizer itself would.

Words are those of the text, whatever the tokenizer. In the text as it was normalised,

1. white space separates words;
2. where a segmenter found words with an ideograph (`transforms.text.words`), they are words, and
   what stands between two of them is none of theirs;
3. elsewhere the tokenizer's own pre-tokens are words: BERT cuts around every punctuation mark,
   GPT-2 between letters, digits and runs of other characters, SentencePiece at white space; but
4. no word begins inside a run of letters (ideographs and kana aside) or of digits, with their
   combining marks, nor at a "##" piece, unless that begins with an ideograph. A border of the
   segmenter in such a place moves to the end of the run or of the group of pieces, which is of
   the word that it began in: jieba's DS|D版|本 are the words DSD, 版 and 本. A border of the
   pre-tokenizer is dropped: 2|0|1|6, of a tokenizer that cuts numbers into digits, is one word.

A token is of the word that its first visible character is of, and a token begins a word if its word
is not that of the token before it: of the tokens "cat", "s▁th" and "e", the first two are the word
"cats" and the third is what is left of "the". A piece that is a space and text ("▁the", "Ġthe")
always begins a word. The first token of a sentence does, too.
"""

import dataclasses
import itertools
import logging
from collections.abc import Collection, Iterator, Mapping

import numpy as np
from tokenizers import Tokenizer

from schemas.columns import CAPITALS
from schemas.records import (
    Array,
    Bool,
    Bytes,
    ByteSpans,
    CodedSpans,
    EntitySpans,
    Int64,
    ShardText,
    Tokens,
)
from schemas.token_kinds import token_kinds
from transforms.annotate.annotations import project_codes, project_entities, project_spans
from transforms.arrays.ragged import offsets_of, range_indices
from transforms.text.capitals import any_in_range, upper_case_mask
from transforms.text.ideographs import ideographs
from transforms.tokens.splitting import Splitting, find_splitting
from transforms.tokens.whole_words import head_of_group, word_starts
from transforms.tokens.word_encoder import pieces_of
from transforms.tokens.word_table import WordTable

BLOCK_BYTES = 4 << 20
CHECKED_SENTENCES = 256
# Above this share of bytes in words never seen before, the table is slower than the library.
_MOSTLY_NEW = 0.5
_LF, _SPACE = 0x0A, 0x20

_log = logging.getLogger(__name__)


def load_tokenizer(tokenizer_json: str) -> Tokenizer:
    """Loads a tokenizer such that it encodes text as text.

    Special tokens that stand in a document are ordinary characters, as in google-research/bert:
    only the layout places special tokens. Truncation and padding are off.
    """
    tokenizer = Tokenizer.from_str(tokenizer_json)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True
    return tokenizer


@dataclasses.dataclass(frozen=True, eq=False)
class _Sentences:
    """Consecutive sentences: their bytes, local starts (int64[S + 1]), word marks and spans."""

    data: Bytes
    borders: Int64
    marks: Bytes | None
    spans: Mapping[str, ByteSpans]

    def texts(self, which: Int64) -> list[str]:
        raw = self.data.tobytes()
        begins, ends = self.borders[which].tolist(), self.borders[which + 1].tolist()
        return [
            raw[begin:end].rstrip(b"\n").decode() for begin, end in zip(begins, ends, strict=True)
        ]


@dataclasses.dataclass(frozen=True, eq=False)
class _Encoded:
    """Tokens of consecutive sentences: ids, tokens a sentence, and what is known of tokens."""

    ids: Array
    counts: Int64
    word_starts: Bool | None = None
    annotations: Mapping[str, Array] = dataclasses.field(default_factory=dict)


class TextEncoder:
    """Encodes sentences, through a table of words where the tokenizer allows it."""

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
          positions: Encode texts with word marks or spans, too.
          unknown: Takes the place of special tokens that the model itself finds in text: one of
            SentencePiece may have "</s>" among its pieces. None leaves them.
          special: Tokens that are special to the rows, though the tokenizer may not say so.
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
            WordTable(self.tokenizer, self._splitting, positions=positions or capitals)
            if self._splitting
            else None
        )

    def encode(self, text: ShardText, rng: np.random.Generator) -> Tokens:
        """Encodes every sentence of a shard.

        A sample of the sentences is encoded by the library as well. Should one differ, all of
        them are encoded by the library, and a warning says so.

        Args:
          text: A shard with its sentences, and with word marks if whole words are wanted. Spans are
            cut where sentences end.
          rng: Chooses the sample.

        Returns:
          Tokens; `ids` are those of `Tokenizer.encode` on each sentence as written, the space
          before it included where it is not the first of its line; see `unknown` for the one
          exception.
        """
        blocks = list(_blocks(text))
        encoded, path = self._through_table(blocks), "word_table"
        if encoded is None or not self._agrees(blocks, encoded, rng):
            encoded, path = [self._through_library(block) for block in blocks], "library"
        return self._assemble(text, [self._without_blanks(each) for each in encoded], path)

    def _through_table(self, blocks: list[_Sentences]) -> list[_Encoded] | None:
        if self._table is None or self._splitting is None:
            return None
        encoded: list[_Encoded] = []
        seen = new = 0
        for block in blocks:
            words = _cut_words(block, self._splitting)
            rows, fresh = self._table.look_up(block.data, words)
            seen, new = seen + len(block.data), new + fresh
            if seen > 2 * BLOCK_BYTES and new > _MOSTLY_NEW * seen:
                return None
            encoded.append(self._gather(self._table, block, words, rows))
        return encoded

    def _gather(self, table: WordTable, block: _Sentences, words: Int64, rows: Int64) -> _Encoded:
        """Puts a block's tokens together from the table's rows."""
        index, offsets = table.gather(rows)
        word_of_sentence = np.searchsorted(words, block.borders)
        counts = np.diff(offsets[word_of_sentence])
        ids = self._text_ids[table.pieces.ids][index]
        encoded = _Encoded(ids, counts)
        if not self._ids_alone(block):
            pieces, base = table.pieces, np.repeat(words[:-1], np.diff(offsets))
            begins, ends = base + pieces.byte_starts[index], base + pieces.byte_ends[index]
            encoded = self._located(
                encoded, block, pieces.opens[index], pieces.joined[index], begins, ends
            )
        whole = offsets_of(table.whole_sentence[rows])[word_of_sentence]
        apart = np.flatnonzero(np.diff(whole))
        if len(apart):
            encoded = _replace(encoded, apart, self._library(block, apart))
        return encoded

    def _through_library(self, block: _Sentences) -> _Encoded:
        return self._library(block, np.arange(len(block.borders) - 1))

    def _library(self, block: _Sentences, which: Int64) -> _Encoded:
        """Encodes some sentences of a block by calling the tokenizer on each."""
        texts = block.texts(which)
        if self._ids_alone(block):
            lists = [
                e.ids for e in self.tokenizer.encode_batch_fast(texts, add_special_tokens=False)
            ]
            counts = np.fromiter(map(len, lists), np.int64, len(lists))
            ids = np.fromiter(itertools.chain.from_iterable(lists), np.int32, int(counts.sum()))
            return _Encoded(self._text_ids[ids], counts)
        encodings = self.tokenizer.encode_batch(texts, add_special_tokens=False)
        pieces = pieces_of(texts, encodings, self._kinds)
        counts = np.diff(pieces.offsets)
        base = np.repeat(block.borders[which], counts)
        encoded = _Encoded(self._text_ids[pieces.ids], counts)
        begins, ends = base + pieces.byte_starts, base + pieces.byte_ends
        return self._located(encoded, block, pieces.opens, pieces.joined, begins, ends)

    def _ids_alone(self, block: _Sentences) -> bool:
        """Whether nobody asks where in the text a token stands."""
        return block.marks is None and not block.spans and not self._capitals

    def _located(
        self,
        encoded: _Encoded,
        block: _Sentences,
        opens: Bool,
        joined: Bool,
        begins: Int64,
        ends: Int64,
    ) -> _Encoded:
        """Adds what is known of tokens, by the bytes of the block that they stand for.

        Args:
          encoded: Ids and counts.
          block: The sentences that they are of.
          opens: bool[T]; see `Pieces`.
          joined: bool[T]; see `Pieces`.
          begins: int64[T]; bytes of the block, see `Pieces.byte_starts`.
          ends: int64[T]; see `Pieces.byte_ends`.
        """
        starts = None
        if block.marks is not None:
            starts = word_starts(opens, joined, begins, encoded.counts, block.marks)
        rows = offsets_of(encoded.counts)
        groups = _whole_groups(joined, begins, ends) if block.spans else (begins, ends)
        annotations = {
            name: _project(spans, (begins, ends), groups, rows)
            for name, spans in block.spans.items()
        }
        if self._capitals:
            capitals = any_in_range(begins, np.maximum(begins, ends), upper_case_mask(block.data))
            annotations[CAPITALS] = capitals.astype(np.uint8)
        return dataclasses.replace(encoded, word_starts=starts, annotations=annotations)

    def _agrees(
        self, blocks: list[_Sentences], encoded: list[_Encoded], rng: np.random.Generator
    ) -> bool:
        """Encodes a sample of the sentences both ways."""
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

    def _without_blanks(self, encoded: _Encoded) -> _Encoded:
        """Takes all tokens from sentences that have white space alone, such as "▁" for U+200B."""
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
        return _replace(encoded, which, _Encoded(encoded.ids[:0], nothing, words, names))

    def _assemble(self, text: ShardText, blocks: list[_Encoded], path: str) -> Tokens:
        """Joins the blocks and drops sentences and documents without a token."""
        counts = np.concatenate([np.empty(0, np.int64), *(block.counts for block in blocks)])
        kept = np.flatnonzero(counts)
        next_starts = np.append(text.sentence_starts, len(text.data))[1:]
        line = offsets_of(text.data[next_starts - 1] == _LF)[:-1][kept]
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
        )

    def _annotations(self, text: ShardText, blocks: list[_Encoded]) -> dict[str, Array]:
        names = [*text.spans, *([CAPITALS] if self._capitals else [])]
        return {
            name: np.concatenate(
                [np.empty(0, np.uint8), *(block.annotations[name] for block in blocks)]
            )
            for name in names
        }


def _blocks(text: ShardText) -> Iterator[_Sentences]:
    """Cuts a shard into runs of whole sentences of about `BLOCK_BYTES`."""
    starts = np.append(text.sentence_starts, len(text.data))
    marks = np.arange(BLOCK_BYTES, len(text.data), BLOCK_BYTES)
    cuts = np.unique(np.concatenate([[0], np.searchsorted(starts, marks), [len(starts) - 1]]))
    for first, last in itertools.pairwise(cuts):
        low, high = starts[first], starts[last]
        yield _Sentences(
            data=text.data[low:high],
            borders=starts[first : last + 1] - low,
            marks=None if text.word_marks is None else text.word_marks[low:high],
            spans={name: _within(spans, low, high) for name, spans in text.spans.items()},
        )


def _within(spans: ByteSpans, low: int, high: int) -> ByteSpans:
    """Returns the spans that reach into [low, high), counted from `low`."""
    first, last = np.searchsorted(spans.ends, low, "right"), np.searchsorted(spans.starts, high)
    starts, ends = spans.starts[first:last] - low, spans.ends[first:last] - low
    if isinstance(spans, CodedSpans):
        return CodedSpans(starts, ends, spans.codes[first:last])
    if isinstance(spans, EntitySpans):
        return EntitySpans(starts, ends, spans.entities[first:last])
    return ByteSpans(starts, ends)


def _whole_groups(joined: Bool, begins: Int64, ends: Int64) -> tuple[Int64, Int64]:
    """Returns for every token the bytes of the whole group of tokens that go on with one another.

    Of "ware", "##house" each has the bytes of "warehouse": a span has both or neither.
    """
    if not joined.any():
        return begins, ends
    head = head_of_group(joined)
    group = np.cumsum(~joined) - 1
    last = np.append(np.flatnonzero(~joined)[1:], len(joined)) - 1
    return begins[head], np.maximum(ends[last[group]], ends[head])


_Ranges = tuple[Int64, Int64]


def _project(spans: ByteSpans, tokens: _Ranges, groups: _Ranges, offsets: Int64) -> Array:
    """Brings spans to tokens. Openings end at a token, all else with a group of tokens."""
    if isinstance(spans, CodedSpans):
        return project_codes(spans, *tokens, offsets)
    if isinstance(spans, EntitySpans):
        return project_entities(spans, *groups)
    return project_spans(spans, *groups, offsets)


def _cut_words(block: _Sentences, splitting: Splitting) -> Int64:
    """Returns int64[W + 1]: borders of the words that are looked up in the table."""
    cut = np.zeros(len(block.data) + 1, np.bool_)
    cut[:-1] = (block.data == _SPACE) | (block.data == _LF)
    cut[block.borders] = True
    line_ends = np.flatnonzero(block.data == _LF)
    cut[line_ends + 1] = True
    if splitting.isolate_ideographs:
        starts, lengths = ideographs(block.data)
        cut[starts] = True
        cut[starts + lengths] = True
    return np.flatnonzero(cut)


def _replace(encoded: _Encoded, which: Int64, other: _Encoded) -> _Encoded:
    """Puts other tokens in the place of some sentences."""
    starts, counts = offsets_of(encoded.counts)[:-1], encoded.counts.copy()
    starts[which] = len(encoded.ids) + offsets_of(other.counts)[:-1]
    counts[which] = other.counts
    index = range_indices(starts, counts)
    words = None
    if encoded.word_starts is not None and other.word_starts is not None:
        words = np.concatenate([encoded.word_starts, other.word_starts])[index]
    annotations = {
        name: np.concatenate([each, other.annotations[name]])[index]
        for name, each in encoded.annotations.items()
    }
    return _Encoded(np.concatenate([encoded.ids, other.ids])[index], counts, words, annotations)
