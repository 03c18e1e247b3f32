"""The tokens of a block of sentences."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from schemas.records import Array, Bool, ByteSpans, CodedSpans, EntitySpans, Int64, TokenSpans
from transforms.annotate.annotations import project_codes, project_entities, project_spans
from transforms.arrays.ragged import offsets_of, range_indices


@dataclasses.dataclass(frozen=True, eq=False)
class EncodedBlock:
    """The tokens of consecutive sentences.

    Attributes:
      ids: [T].
      counts: int64[S]; number of tokens of each sentence.
      word_starts: bool[T]; whether each token begins a whole word; None if that is not wanted.
      annotations: [T] each, by name; see `transforms.arrays.marks`.
    """

    ids: Array
    counts: Int64
    word_starts: Bool | None = None
    annotations: Mapping[str, Array] = dataclasses.field(default_factory=dict)


def replace_sentences(encoded: EncodedBlock, which: Int64, other: EncodedBlock) -> EncodedBlock:
    """Replaces the tokens of some sentences.

    Sentences of the tokens 1 2, 3 and 4 5, of which the second is replaced by 7 8 9:

    >>> encoded = EncodedBlock(np.array([1, 2, 3, 4, 5]), np.array([2, 1, 2]))
    >>> other = EncodedBlock(np.array([7, 8, 9]), np.array([3]))
    >>> replace_sentences(encoded, np.array([1]), other).ids.tolist()
    [1, 2, 7, 8, 9, 4, 5]

    Args:
      encoded: The tokens of all sentences.
      which: int64[C]; indices of the sentences to replace.
      other: The new tokens of these C sentences.
    """
    # The new tokens are appended to the old ones, and all are gathered in the order of sentences.
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
    ids = np.concatenate([encoded.ids, other.ids])[index]
    return EncodedBlock(ids, counts, words, annotations)


def project_onto_tokens(
    spans: Mapping[str, ByteSpans], begins: Int64, ends: Int64, continues: Bool, offsets: Int64
) -> dict[str, Array]:
    """Projects spans of bytes onto tokens.

    Openings of sentences end at a token, and `TokenSpans` are of single tokens; other spans contain
    whole groups of tokens.

    Args:
      spans: Spans by name, in the text that was tokenized.
      begins: int64[T]; see `transforms.annotate.annotations.project_spans`.
      ends: int64[T]; see there.
      continues: bool[T]; see `transforms.tokens.word_encoder.Pieces.continues_group`.
      offsets: int64[R + 1] of the sentences.

    Returns:
      For each name an annotation, [T].
    """
    if not spans:
        return {}
    groups = _group_ranges(continues, begins, ends)
    found: dict[str, Array] = {}
    for name, each in spans.items():
        if isinstance(each, CodedSpans):
            found[name] = project_codes(each, begins, ends, offsets)
        elif isinstance(each, EntitySpans):
            found[name] = project_entities(each, *groups)
        elif isinstance(each, TokenSpans):
            found[name] = project_spans(each, begins, ends, offsets)
        else:
            found[name] = project_spans(each, *groups, offsets)
    return found


def _group_ranges(continues: Bool, begins: Int64, ends: Int64) -> tuple[Int64, Int64]:
    """Returns the bytes [begin, end) of the whole group of each token.

    Of "a warehouse", both tokens of "ware", "##house" get the bytes of "warehouse", so that a span
    contains both or neither:

    >>> begins, ends = np.array([0, 2, 6]), np.array([1, 6, 11])
    >>> groups = _group_ranges(np.array([False, False, True]), begins, ends)
    >>> groups[0].tolist(), groups[1].tolist()
    ([0, 2, 2], [1, 11, 11])
    """
    from transforms.kernels.gathered_tokens import find_groups

    found = np.empty_like(begins), np.empty_like(ends)
    find_groups(continues, begins, ends, *found)
    return found
