"""Rows for one model that generates a target beside its source, in flows (ERNIE-GEN)."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from schemas.records import Array, Bool, Int64
from trainer.rows.flows import Flows
from trainer.rows.masked_rows import MaskedRows
from trainer.rows.pair_source import PairSource
from trainer.rows.stored_rows import Rows, flat_positions
from transforms.arrays.edits import Edits
from transforms.arrays.ragged import (
    Ragged,
    copy_ranges,
    offsets_of,
    positions_in_row,
    range_indices,
)
from transforms.arrays.sequences import CleanRows, Sequences, shifted
from transforms.contract.denoising import SPAN_FLOW
from transforms.contract.modes import FAR
from transforms.objectives.recipe import Recipe

QUERY = "mask"
"""Role of the token that a query is."""
_SAMPLED = 1 << 10
"""Rows whose spans are looked at for an average."""


# Row [CLS] a b c d [SEP]; a and c d are generated, c d is a word. Queries ?, a rank - is FAR.
#
#             source         | target       | word flow | span flow
#   seen      [CLS] b  [SEP] | [CLS] a c d  | ? ? ? ?   | ? ? ? ?
#   labels                   |              | a c d [SEP] | the same
#   positions  0    2   5    |  0    1 3 4  | 1 3 4 5   | 1 3 4 5
#   ranks      0    0   0    |  1    2 3 4  | - - - -   | - - - -
#   horizons   1    1   1    |  2    3 4 5  | 2 3 4 5   | 2 3 3 5
@dataclasses.dataclass(frozen=True)
class FlowRows:
    """Puts the source, what a decoder would be given, and a query a target token in one sequence.

    Source tokens see the source. A token of the target sees the source, those before it and itself.
    A query sees the same as the target token before its own, and itself; no token sees a query. In
    the span flow, queries of one span see what the first of them does. A span is a word, or what a
    fragment has of it; what is generated last, the end of the row, is one too.

    Queries are mask tokens: every model that was trained on masked tokens predicts from them, and a
    new token would begin untrained. Token types are 0 in the source, else 1.

    Attributes:
      pairs: Makes source and target.

    Source: Xiao et al. 2020, 3.1-3.3; PaddlePaddle/ERNIE, branch repro, ernie-gen/batching.py:26-61
      (masks of the source, of the target and of the word flow).
    Differs: the paper has a token [ATTN] for queries, and spans that are n-grams of a lexicon made
      by a t-test, which is not published. It does not say which token types there are.
    """

    pairs: PairSource

    @property
    def target_names(self) -> Sequence[str]:
        """The flows."""
        return tuple(self.pairs.denoise.target.flows)

    @property
    def lengths(self) -> Array:
        """int32[R]; tokens of each sequence, which are as many in every epoch."""
        sources, targets = self.pairs.pair_lengths(0)
        return sources + (1 + len(self.target_names)) * targets

    @property
    def sequences(self) -> None:
        """None: every row is one sequence."""

    def most_targets(self) -> list[Array]:
        """Returns int32[R] for each flow: tokens of the target of each row."""
        return [self.pairs.pair_lengths(0)[1]] * len(self.target_names)

    def context(self) -> float:
        """Returns how many tokens a token attends to, on average."""
        source, target = (each.astype(float) for each in self.pairs.pair_lengths(0))
        # The first target token attends to itself, the last to all; its query to one more.
        each = target * source + target * (target + 1) / 2
        flows = len(self.target_names)
        attended = float((source**2 + each + flows * (each + target)).sum())
        if SPAN_FLOW in self.target_names:
            attended -= self._unseen() * float(target.sum())
        return attended / max(float(self.lengths.sum()), 1.0)

    def _unseen(self) -> float:
        """Returns how many tokens of its span come before a target token, on average.

        Its query in the span flow does not see them. Some rows stand for all.
        """
        count = len(self.pairs.shards)
        rows = np.unique(np.linspace(0, count - 1, min(count, _SAMPLED)).astype(np.int64))
        if not count:
            return 0.0
        clean, _, made = self.pairs.sequences_of(rows, 0)
        places = positions_in_row(made.target.lengths)
        return float((places - self._span_places(rows, clean, made)).mean())

    def draw(self, rows: Int64, epoch: int, batch: int) -> MaskedRows:
        """Returns rows, ready for a batch: a pure function of the arguments and the seed."""
        pairs = self.pairs
        clean, edits, made = pairs.sequences_of(rows, epoch)
        assert made.positions is not None
        assert made.target_positions is not None
        source, target, roles = made.source, made.target, pairs.vocabulary.roles
        given = shifted(target, roles[pairs.denoise.target.start])
        places = positions_in_row(target.lengths)
        queries = np.full_like(target.values, roles[QUERY])
        positions = made.target_positions.astype(np.int64)
        hidden = np.full(len(places), FAR)
        none, one = np.zeros(len(source.values), np.int64), np.ones(len(source.values), np.int64)
        before = made.positions.astype(np.int64)
        streams = [
            (source, source.values, _source_positions(clean, edits), none, one),
            (Ragged(given, target.offsets), made.decoder_input, before, places + 1, places + 2),
        ]
        for name in self.target_names:
            first = places if name != SPAN_FLOW else self._span_places(rows, clean, made)
            streams.append((target, queries, positions, hidden, first + 2))
        (tokens, seen, *flows), begins = _joined(streams)
        targets = [range_indices(each, target.lengths) for each in begins[2:]]
        first_targets, more = targets[0], dict(zip(self.target_names[1:], targets[1:], strict=True))
        offsets = offsets_of(source.lengths + (len(streams) - 1) * target.lengths)
        return MaskedRows(
            rows=Rows(Ragged(tokens, offsets), source.lengths, None),
            seen=seen,
            targets=first_targets,
            labels=tokens[first_targets],
            more=more,
            key=(pairs.seed, pairs.recipe.name, epoch, batch),
            flows=Flows(*flows),
        )

    def _span_places(self, rows: Int64, clean: CleanRows, made: Sequences) -> Int64:
        """Returns int64[N]: for each target token the place of the first one of its span."""
        tokens = Ragged(clean.ids, clean.offsets)
        starts = self.pairs.shards.word_flags(rows, tokens)
        assert starts is not None
        assert made.target_positions is not None
        positions = Ragged(made.target_positions, made.target.offsets)
        return span_places(starts[flat_positions(tokens, positions)], positions)


# Positions 1 3 4 5, words begin at 1 2 3: spans of places 0, 1 2 and 3.
def span_places(word_starts: Bool, positions: Ragged) -> Int64:
    """Returns int64[N]: for each target token the place of the first one of its span.

    Args:
      word_starts: bool[N]; a word begins with it.
      positions: Its position, a list for each target.
    """
    starts, begins = word_starts.copy(), positions.offsets[:-1]
    starts[1:] |= np.diff(positions.values.astype(np.int64)) != 1
    starts[begins] = starts[positions.offsets[1:] - 1] = True
    first = np.maximum.accumulate(np.where(starts, np.arange(len(starts)), 0))
    return first - np.repeat(begins, positions.lengths)


def flow_tokens(recipe: Recipe, length: int) -> int:
    """Returns how many tokens a model is given of a row of so many, at most."""
    assert recipe.denoise is not None
    target = recipe.denoise.most_taken(length - recipe.layout.overhead(recipe.segments)) + 1
    return length + 1 + len(recipe.denoise.target.flows) * target


def _source_positions(clean: CleanRows, edits: Edits) -> Int64:
    """Returns int64[S]: the positions of the tokens that are left of rows."""
    left = np.ones(len(clean.ids), np.bool_)
    left[flat_positions(Ragged(clean.ids, clean.offsets), edits.taken)] = False
    return positions_in_row(clean.lengths)[left]


Stream = tuple[Ragged, Array, Int64, Int64, Int64]


# Streams [a b | c] and [x | y]: a b x | c y, where the streams begin at 0 3 and at 2 4.
def _joined(streams: Sequence[Stream]) -> tuple[list[Array], list[Int64]]:
    """Puts the lists of streams one after the other, row by row.

    Args:
      streams: Of each stream its lists, and further columns that are parallel to them.

    Returns:
      The columns, and of each stream int64[R], where its lists begin.
    """
    lengths = [lists.lengths for lists, *_ in streams]
    offsets = offsets_of(np.sum(lengths, axis=0))
    kinds = [column.dtype for column in (streams[0][0].values, *streams[0][1:])]
    found = [np.empty(offsets[-1], kind) for kind in kinds]
    begins, begin = [], offsets[:-1]
    for (lists, *columns), size in zip(streams, lengths, strict=True):
        pairs = zip((lists.values, *columns), found, strict=True)
        copy_ranges(pairs, lists.offsets[:-1], begin, size)
        begins.append(begin)
        begin = begin + size
    return found, begins
