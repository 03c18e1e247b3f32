"""Packs sentences into windows of tokens.

A packing answers, for every sentence at once, where a window that began there would end. Which of
these windows come to be is decided afterwards, by the pairing (`transforms.pairs.pair_segments`):
BERT's pairs give sentences back, so the next window may begin inside the last.
"""

import dataclasses
from typing import ClassVar

import numpy as np

from schemas.columns import has_spans
from schemas.records import Int64, Tokens
from schemas.vocabulary import Vocabulary
from schemas.windows import Packing
from transforms.arrays.marks import BEGINS, INSIDE
from transforms.arrays.ragged import offsets_of, range_indices
from transforms.checks.layout import examine_filling
from transforms.checks.sentence_starts import examine_sentence_starts
from transforms.contract.oracle import Findings
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch
from transforms.windows.document_ends import with_tokens_at
from transforms.windows.packer import Packer, window_ends


@dataclasses.dataclass(frozen=True, kw_only=True)
class SentenceChunks(Packer):
    """Whole sentences of one document until a target length is reached.

    Attributes:
      short_rate: Probability that a document's target is not the capacity but uniform in
        {2..capacity}; sampled for each document and pass.

    Source: google-research/bert create_pretraining_data.py:223-255.
    """

    for_pairs: ClassVar[bool] = True
    dialogue: ClassVar[bool] = False

    short_rate: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.short_rate <= 1:
            raise ValueError(f"short_rate must be in [0, 1], got {self.short_rate}")

    def pack(
        self, tokens: Tokens, capacity: int, vocabulary: Vocabulary, rng: np.random.Generator
    ) -> Packing:
        documents = len(tokens.document_offsets) - 1
        short = rng.random(documents) < self.short_rate
        lengths = rng.integers(2, capacity, documents, endpoint=True)
        sentences = np.diff(tokens.document_offsets)
        targets = np.repeat(np.where(short, lengths, capacity), sentences)
        offsets = tokens.sentence_offsets
        ends = window_ends(offsets, targets)
        last = np.repeat(tokens.document_offsets[1:], sentences)
        return Packing(tokens, np.minimum(ends, last), targets)


@dataclasses.dataclass(frozen=True, kw_only=True)
class FullSentences(Packer):
    """As many whole sentences as fit, from one document or running on into the next.

    Sentences longer than the capacity are cut before packing, between words where words are known.

    Attributes:
      cross_documents: FULL-SENTENCES if true; else DOC-SENTENCES: a window ends with its document,
        and one of a single token is dropped.
      end_lines: Put the separator after every line.
      end_documents: Put the separator after every document, as an item of its own; only with
        cross_documents.

    Source: fairseq data/token_block_utils_fast.pyx:52-105 ("complete", "complete_doc");
      binarisation appends the separator to every line.
    Differs: a window may end inside a line, between two of its sentences (with sentences that are
      lines it is the same); a line longer than a window is cut, not emitted over-long.
    """

    for_pairs: ClassVar[bool] = False
    dialogue: ClassVar[bool] = False

    cross_documents: bool = True
    end_lines: bool = False
    end_documents: bool = True

    def pack(
        self, tokens: Tokens, capacity: int, vocabulary: Vocabulary, rng: np.random.Generator
    ) -> Packing:
        ended = insert_separators(
            tokens,
            vocabulary.sep,
            after_lines=self.end_lines,
            after_documents=self.end_documents and self.cross_documents,
        )
        items = split_long_items(ended, capacity)
        offsets = items.sentence_offsets
        targets = np.full(len(offsets) - 1, capacity, np.int64)
        ends = window_ends(offsets, targets + 1) - 1
        if not self.cross_documents:
            last = np.repeat(items.document_offsets[1:], np.diff(items.document_offsets))
            ends = np.minimum(ends, last)
        least = 1 if self.cross_documents else 2
        return Packing(items, ends, targets, least)

    @property
    def inner_roles(self) -> tuple[str, ...]:
        ended = self.end_lines or (self.end_documents and self.cross_documents)
        return ("sep",) if ended else ()

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        found = examine_sentence_starts(batch, rules)
        return found + examine_filling(batch, rules) if self.cross_documents else found


KEEP_CHOICES = ("head", "tail", "head_tail")


@dataclasses.dataclass(frozen=True, kw_only=True)
class WholeDocuments(Packer):
    """One window a document; of a document that does not fit, a part is kept.

    Attributes:
      keep: "head", "tail", or "head_tail": the first 128 and the last 382 of 510 tokens, and of a
        document of more than 800 tokens the first 256 and the last 254. Other capacities keep the
        same proportions.

    Source: Sun et al. 2019, "How to Fine-Tune BERT for Text Classification?", 5.3.1.
    """

    for_pairs: ClassVar[bool] = False
    dialogue: ClassVar[bool] = False

    keep: str = "head_tail"

    def __post_init__(self) -> None:
        if self.keep not in KEEP_CHOICES:
            raise ValueError(f"keep must be one of {', '.join(KEEP_CHOICES)}, got {self.keep!r}")

    def pack(
        self, tokens: Tokens, capacity: int, vocabulary: Vocabulary, rng: np.random.Generator
    ) -> Packing:
        starts = tokens.sentence_offsets[tokens.document_offsets]
        lengths = np.diff(starts)
        head = np.minimum(self._head(lengths, capacity), lengths)
        tail = np.minimum(capacity, lengths) - head
        # A tail behind a head begins with a word; a row may begin inside of one.
        tail = np.where(head > 0, _from_word_start(tokens, starts[1:], tail), tail)
        parts = np.stack([starts[:-1], starts[1:] - tail], axis=1).ravel()
        chosen = range_indices(parts, np.stack([head, tail], axis=1).ravel())
        resumed = (starts[1:] - tail)[(tail > 0) & (lengths > capacity)]
        words = tokens.word_starts
        if words is not None:
            words = words.copy()
            words[resumed] = True
        annotations = {name: each.copy() for name, each in tokens.annotations.items()}
        for name in filter(has_spans, annotations):
            marks = annotations[name]
            # What is inside a span here does not go on with what stands before it now.
            marks[resumed[marks[resumed] == INSIDE]] = BEGINS
        documents = np.arange(len(lengths) + 1, dtype=np.int64)
        marked = dataclasses.replace(tokens, word_starts=words, annotations=annotations)
        kept = dataclasses.replace(
            tokens,
            **marked.take(chosen).columns,
            sentence_offsets=offsets_of(head + tail),
            document_offsets=documents,
            ends_line=np.ones(len(lengths), np.bool_),
        )
        return Packing(kept, documents[1:], np.full(len(lengths), capacity, np.int64))

    def _head(self, lengths: Int64, capacity: int) -> Int64:
        if self.keep == "head":
            return np.full(len(lengths), capacity, np.int64)
        if self.keep == "tail":
            return np.where(lengths > capacity, 0, capacity)
        part = np.where(lengths * 510 > 800 * capacity, 256, 128) * capacity // 510
        return np.where(lengths > capacity, part, capacity)


def _from_word_start(tokens: Tokens, ends: Int64, tail: Int64) -> Int64:
    """Shortens the tails of documents such that they begin with a word, where words are known.

    Args:
      tokens: All documents.
      ends: int64[D]; the token behind each document.
      tail: int64[D]; how many of its last tokens are to be kept.
    """
    if tokens.word_starts is None:
        return tail
    begins = np.append(np.flatnonzero(tokens.word_starts), len(tokens.ids))
    return ends - np.minimum(begins[np.searchsorted(begins, ends - tail)], ends)


def insert_separators(
    tokens: Tokens, separator: int, *, after_lines: bool, after_documents: bool
) -> Tokens:
    """Puts a separator at the end of lines, and an item with one after documents.

    Example, a document of the lines "a b." and "c." (sentences [a b .] and [c .]), SEP as `/`:
      after_lines only       items [a b . /] [c . /]
      after_documents only   items [a b .] [c .] [/]
      both                   items [a b . /] [c . /] [/]

    Returns:
      Tokens whose items are the sentences and, with `after_documents`, a separator behind each
      document; `special` marks the separators.
    """
    counts = np.diff(tokens.sentence_offsets)
    behind = tokens.ends_line.astype(np.int64) if after_lines else np.zeros(len(counts), np.int64)
    documents = np.diff(tokens.document_offsets)
    item = np.arange(len(counts), dtype=np.int64)
    item_counts = counts + behind
    borders = tokens.document_offsets
    if after_documents:
        item = item + np.repeat(np.arange(len(documents)), documents)
        item_counts = np.insert(item_counts, borders[1:], 1)
        borders = borders + np.arange(len(borders))
    offsets = offsets_of(item_counts)
    ends_line = np.ones(len(item_counts), np.bool_)
    ends_line[item] = tokens.ends_line
    separated = np.ones(len(item_counts), np.bool_)
    separated[item] = behind > 0
    stream = with_tokens_at(tokens, offsets[1:][separated] - 1, separator)
    return dataclasses.replace(
        tokens,
        **stream.columns,
        sentence_offsets=offsets,
        document_offsets=borders,
        ends_line=ends_line,
    )


def split_long_items(tokens: Tokens, capacity: int) -> Tokens:
    """Cuts items longer than `capacity`, between two words where words are known."""
    offsets = tokens.sentence_offsets
    long = np.flatnonzero(np.diff(offsets) > capacity)
    if not len(long):
        return tokens
    bounds = zip(offsets[long].tolist(), offsets[long + 1].tolist(), strict=True)
    cuts = [_cuts(tokens, begin, end, capacity) for begin, end in bounds]
    item_starts = np.union1d(offsets[:-1], np.concatenate(cuts))
    source = np.searchsorted(offsets, item_starts, "right") - 1
    is_last = np.append(source[1:] != source[:-1], True)
    documents = np.searchsorted(item_starts, offsets[tokens.document_offsets[:-1]])
    return dataclasses.replace(
        tokens,
        sentence_offsets=np.append(item_starts, offsets[-1]),
        document_offsets=np.append(documents, len(item_starts)),
        ends_line=tokens.ends_line[source] & is_last,
    )


def _cuts(tokens: Tokens, begin: int, end: int, capacity: int) -> Int64:
    """Returns where to cut one long item: greedily, at the last word start that still fits."""
    if tokens.word_starts is None:
        return np.arange(begin + capacity, end, capacity, dtype=np.int64)
    starts = begin + np.flatnonzero(tokens.word_starts[begin:end])
    cuts = []
    position = begin
    while end - position > capacity:
        fitting = starts[np.searchsorted(starts, position + capacity, "right") - 1]
        position = int(fitting) if fitting > position else position + capacity
        cuts.append(position)
    return np.array(cuts, np.int64)
