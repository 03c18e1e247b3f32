"""Lays windows out with special tokens: [CLS] A [SEP], [CLS] A [SEP] B [SEP] and the like."""

import dataclasses

import numpy as np

from schemas.records import Array, Bool, Int64
from schemas.vocabulary import Vocabulary
from schemas.windows import Examples, Windows
from transforms.arrays.ragged import copy_ranges, offsets_of
from transforms.checks.layout import examine_layout
from transforms.contract.oracle import Findings
from transforms.contract.part import Part
from transforms.contract.rules import RowLayout, RowRules
from transforms.contract.stored import StoredBatch


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layout(RowLayout, Part):
    """Which special tokens stand around the segments, by role.

    Attributes:
      prefix: Before segment A.
      between: Between A and B, where there is a B.
      suffix: After the last segment.
      join_split_word: Let a B that lost the beginning of its first word continue A's last word,
        across the separator, as the reference's whole-word masking does.
      own_types: Roles in the suffix whose tokens have a token type of their own: 2, 3, ...

    Source: google-research/bert create_pretraining_data.py:300-320, 355-370 (quirk).
    Differs: the first token of a segment begins a word, unless join_split_word.
    """

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        return examine_layout(batch, rules, vocabulary)


def cut_lone(windows: Windows, layout: RowLayout, max_seq_length: int) -> Windows:
    """Cuts windows that lack their second segment to what fits, at their end.

    What is left for the text of such a window is only known here: it has fewer special tokens.
    """
    if windows.second is None:
        return windows
    first = windows.first.copy()
    lone = windows.second[:, 0] == windows.second[:, 1]
    most = max_seq_length - layout.overhead(1)
    first[lone, 1] = np.minimum(first[lone, 1], first[lone, 0] + most)
    return dataclasses.replace(windows, first=first)


def lay_out(windows: Windows, layout: RowLayout, vocabulary: Vocabulary) -> Examples:
    """Writes the token sequence of every window.

    A window whose second segment is empty is laid out as one of a single segment.

    Example, tokens [a b c d e] and two windows, of which the second has no segment B:
      first [[0, 2], [3, 5]], second [[2, 3], [5, 5]]
      ids [CLS a b SEP c SEP | CLS d e SEP], offsets [0, 6, 10]
      second_segment_start [4, 4]: the length of the row where there is no segment B

    Returns:
      Examples in the order of the windows.
    """
    segments = [windows.first] + ([] if windows.second is None else [windows.second])
    lengths = [ranges[:, 1] - ranges[:, 0] for ranges in segments]
    paired = lengths[-1] > 0 if len(segments) == 2 else np.zeros(len(lengths[0]), np.bool_)
    overhead = np.where(paired, layout.overhead(2), layout.overhead(1))
    offsets = offsets_of(np.sum(lengths, axis=0) + overhead)
    rows = windows.tokens.specials(int(offsets[-1]))
    columns = windows.tokens.pairs_with(rows)
    words = rows.word_starts
    position = _place(rows.ids, offsets[:-1], layout.prefix, vocabulary)
    second_starts = np.diff(offsets)
    for number, (ranges, counts) in enumerate(zip(segments, lengths, strict=True)):
        if number == 1:
            position = position.copy()
            position[paired] = _place(rows.ids, position[paired], layout.between, vocabulary)
            second_starts[paired] = (position - offsets[:-1])[paired]
        copy_ranges(columns, ranges[:, 0], position, counts)
        if words is not None and (number == 0 or not layout.join_split_word):
            words[_text_begins(position, counts, windows.backward)] = True
        position = position + counts
    _place(rows.ids, position, layout.suffix, vocabulary)
    if words is not None and rows.special is not None:
        words &= ~rows.special
    return Examples(
        **rows.columns,
        offsets=offsets,
        second_segment_start=second_starts,
        relation=windows.relation,
        stream=windows.stream,
        backward=windows.backward,
        reuse_len=windows.reuse_len,
        drawn=windows.drawn,
        values=windows.values,
    )


def _text_begins(position: Int64, counts: Int64, backward: Bool | None) -> Int64:
    """Returns where the text of segments begins: with their last token where it is reversed."""
    firsts = position if backward is None else np.where(backward, position + counts - 1, position)
    return firsts[counts > 0]


def _place(ids: Array, position: Int64, roles: tuple[str, ...], vocabulary: Vocabulary) -> Int64:
    """Writes one special token a role at each position; returns where the row goes on."""
    for role in roles:
        ids[position] = vocabulary.roles[role]
        position = position + 1
    return position
