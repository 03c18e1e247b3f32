"""Where the parts of a row begin and end: segments, words, spans, sentences, documents."""

import itertools

import numpy as np
import pyarrow as pa

from schemas.columns import DOCUMENTS, SENTENCES
from schemas.records import Int64
from transforms.arrays.marks import marked_spans
from transforms.contract.stored import StoredBatch


def segments_of(stored: StoredBatch, reuse_len: int) -> list[tuple[int, int]]:
    """Returns the ranges of segments, or of the turns of a dialogue."""
    borders = {0, int(stored.second_segment_start[0]), len(stored.ids)}
    if stored.turn_end is not None:
        borders.update((np.flatnonzero(stored.ids == stored.turn_end) + 1).tolist())
    if 0 < reuse_len < len(stored.ids):
        borders.add(reuse_len)
    return list(itertools.pairwise(sorted(borders)))


def document_starts(stored: StoredBatch) -> list[int] | None:
    """Returns the positions where documents begin; None where rows are no documents."""
    marks = stored.annotations.get(DOCUMENTS)
    return None if marks is None else np.flatnonzero(marks).tolist()


def continues(batch: pa.RecordBatch, before: pa.RecordBatch | None) -> bool | None:
    """Says whether a row goes on where the one before ended; None if it is of no stream."""
    if "stream" not in batch.schema.names:
        return None
    return before is not None and bool(batch.column("stream")[0] == before.column("stream")[0])


def is_backward(stored: StoredBatch) -> bool:
    """Says whether the tokens of a row are in reversed order."""
    return stored.backward is not None and bool(stored.backward[0])


def relation_of(stored: StoredBatch) -> str | None:
    """Returns how B relates to A; None if there is no relation."""
    if stored.relation is None:
        return None
    names, codes = stored.relation
    return names[int(codes[0])]


def span_ranges(stored: StoredBatch, name: str) -> list[tuple[int, int]]:
    """Returns the token ranges of what is annotated."""
    spans = marked_spans(stored.annotations[name], stored.offsets)
    return list(zip(spans.starts.tolist(), spans.ends.tolist(), strict=True))


def sentence_starts(stored: StoredBatch) -> list[int] | None:
    """Returns the positions where sentences begin; None if they are not stored."""
    marks = stored.annotations.get(SENTENCES)
    return None if marks is None else np.flatnonzero(marks).tolist()


def word_ranges(stored: StoredBatch) -> list[tuple[int, int]] | None:
    """Returns the ranges of whole words: to the next word or special token.

    In a reversed row a word begins with its last token.
    """
    if stored.word_starts is None:
        return None
    size, special = len(stored.ids), np.flatnonzero(stored.special)
    starts = np.sort(stored.word_starts.values.astype(np.int64))
    if not is_backward(stored):
        return _ranges_of_words(starts, special, size)
    mirrored = _ranges_of_words(size - 1 - starts[::-1], size - 1 - special[::-1], size)
    return [(size - end, size - begin) for begin, end in reversed(mirrored)]


def _ranges_of_words(starts: Int64, special: Int64, size: int) -> list[tuple[int, int]]:
    borders = np.union1d(np.append(starts, size), special)
    ends = borders[np.searchsorted(borders, starts, "right")]
    return list(zip(starts.tolist(), ends.tolist(), strict=True))
