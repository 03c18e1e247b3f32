"""Lays windows out with special tokens: [CLS] A [SEP], [CLS] A [SEP] B [SEP] and the like."""

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from schemas.manifest import add_up
from schemas.records import Array, Bool, Examples, Int64, Windows
from schemas.vocabulary import Vocabulary, check_roles
from transforms.arrays.ragged import copy_ranges, offsets_of, range_indices
from transforms.checks.layout import examine_layout
from transforms.contract.oracle import Findings
from transforms.contract.part import Part
from transforms.contract.stored import StoredBatch

if TYPE_CHECKING:
    from transforms.objectives.recipe import Recipe


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layout(Part):
    """Which special tokens stand around the segments, by role.

    Attributes:
      prefix: Before segment A.
      between: Between A and B, where there is a B.
      suffix: After the last segment.
      join_split_word: Let a B that lost the beginning of its first word continue A's last word,
        across the separator, as the reference's whole-word masking does.

    Source: google-research/bert create_pretraining_data.py:300-320, 355-370 (quirk).
    Differs: the first token of a segment begins a word, unless join_split_word.
    """

    prefix: tuple[str, ...] = ("cls",)
    between: tuple[str, ...] = ("sep",)
    suffix: tuple[str, ...] = ("sep",)
    join_split_word: bool = False

    def __post_init__(self) -> None:
        check_roles(self.prefix + self.between + self.suffix)

    def overhead(self, segments: int) -> int:
        """Special tokens in an example of one or two segments."""
        between = len(self.between) if segments == 2 else 0
        return len(self.prefix) + between + len(self.suffix)

    @property
    def roles(self) -> frozenset[str]:
        return frozenset(self.prefix + self.between + self.suffix)

    def examine(self, batch: StoredBatch, recipe: "Recipe", vocabulary: Vocabulary) -> Findings:
        return examine_layout(batch, recipe, vocabulary)


def cut_lone(windows: Windows, layout: Layout, max_seq_length: int) -> Windows:
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


def lay_out(windows: Windows, layout: Layout, vocabulary: Vocabulary) -> Examples:
    """Writes the token sequence of every window.

    A window whose second segment is empty is laid out as one of a single segment.

    Returns:
      Examples in the order of the windows.
    """
    segments = [windows.first] + ([] if windows.second is None else [windows.second])
    lengths = [ranges[:, 1] - ranges[:, 0] for ranges in segments]
    paired = lengths[-1] > 0 if len(segments) == 2 else np.zeros(len(lengths[0]), np.bool_)
    overhead = np.where(paired, layout.overhead(2), layout.overhead(1))
    offsets = offsets_of(np.sum(lengths, axis=0) + overhead)
    ids = np.empty(offsets[-1], windows.tokens.ids.dtype)
    special = np.ones(offsets[-1], np.bool_)
    words = None if windows.tokens.word_starts is None else np.zeros(offsets[-1], np.bool_)
    in_stream = windows.tokens.special
    if in_stream is None:
        in_stream = np.zeros(len(windows.tokens.ids), np.bool_)
    known = windows.tokens.annotations
    annotations = {name: np.zeros(offsets[-1], each.dtype) for name, each in known.items()}
    position = _place(ids, offsets[:-1], layout.prefix, vocabulary)
    second_starts = np.diff(offsets)
    columns: list[tuple[Array, Array]]
    for number, (ranges, counts) in enumerate(zip(segments, lengths, strict=True)):
        if number == 1:
            position = position.copy()
            position[paired] = _place(ids, position[paired], layout.between, vocabulary)
            second_starts[paired] = (position - offsets[:-1])[paired]
        columns = [(windows.tokens.ids, ids), (in_stream, special)]
        columns.extend((known[name], annotations[name]) for name in known)
        if words is not None and windows.tokens.word_starts is not None:
            columns.append((windows.tokens.word_starts, words))
        copy_ranges(columns, ranges[:, 0], position, counts)
        if words is not None and (number == 0 or not layout.join_split_word):
            words[position[counts > 0]] = True
        position = position + counts
    _place(ids, position, layout.suffix, vocabulary)
    if words is not None:
        words &= ~special
    return Examples(
        ids=ids,
        offsets=offsets,
        second_segment_start=second_starts,
        special=special,
        word_starts=words,
        relation=windows.relation,
        annotations=annotations,
        drawn=windows.drawn,
    )


def _place(ids: Array, position: Int64, roles: tuple[str, ...], vocabulary: Vocabulary) -> Int64:
    """Writes one special token a role at each position; returns where the row goes on."""
    for role in roles:
        ids[position] = vocabulary.roles[role]
        position = position + 1
    return position


def take_rows(examples: Examples, rows: Int64) -> Examples:
    """Returns some rows, and counts the others as left out."""
    if len(rows) == len(examples):
        return examples
    lengths = np.diff(examples.offsets)[rows]
    tokens = range_indices(examples.offsets[rows], lengths)
    words, relation = examples.word_starts, examples.relation
    return Examples(
        ids=examples.ids[tokens],
        offsets=offsets_of(lengths),
        second_segment_start=examples.second_segment_start[rows],
        special=examples.special[tokens],
        word_starts=None if words is None else words[tokens],
        relation=None if relation is None else relation[rows],
        annotations={name: each[tokens] for name, each in examples.annotations.items()},
        left_out=examples.left_out + len(examples) - len(rows),
        drawn=examples.drawn,
    )


def join_examples(parts: list[Examples]) -> Examples:
    """Puts the examples of several passes one after the other."""
    if len(parts) == 1:
        return parts[0]
    relations = [part.relation for part in parts if part.relation is not None]
    words: list[Bool] = [part.word_starts for part in parts if part.word_starts is not None]
    return Examples(
        ids=np.concatenate([part.ids for part in parts]),
        offsets=offsets_of(np.concatenate([np.diff(part.offsets) for part in parts])),
        second_segment_start=np.concatenate([part.second_segment_start for part in parts]),
        special=np.concatenate([part.special for part in parts]),
        word_starts=np.concatenate(words) if words else None,
        relation=np.concatenate(relations) if relations else None,
        annotations={
            name: np.concatenate([part.annotations[name] for part in parts])
            for name in parts[0].annotations
        },
        left_out=sum(part.left_out for part in parts),
        drawn=add_up(part.drawn for part in parts),
    )
