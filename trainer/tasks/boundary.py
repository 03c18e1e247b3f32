"""The span boundary objective: tokens of masked spans, predicted from the spans' boundaries."""

import dataclasses
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import gelu, linear

from schemas.columns import IGNORED
from schemas.records import Array, Int64
from trainer.rows.filled_arrays import filled
from trainer.rows.layouts import Batch, Packed, Padded
from trainer.rows.masked_rows import MaskedRows
from trainer.tasks.architecture import Architecture
from trainer.tasks.gather import gather_rows
from trainer.tasks.guesses import Chosen, Guess, token_guesses
from trainer.tasks.task import Head, LabelHead, Task, initialise
from transforms.windows.lay_out import Layout

MAX_OFFSETS = 20
"""Tokens of a span that are predicted from its boundaries; later ones are not.

Source: facebookresearch/SpanBERT --max-pair-targets (20 in its code, 15 in its README).
"""
POSITION_WIDTH = 200
"""Width of the embedding of a token's place in its span. Source: Joshi et al. 2020, 3.2."""


@dataclasses.dataclass(frozen=True)
class BoundaryTask(Task):
    """The span boundary objective (SBO): span tokens are also predicted from the span's boundaries.

    A span is a run of targets without a gap; its boundaries are the tokens before and after it.

    A packed batch holds for M targets, in their order:
      sbo_left, sbo_right: int64[M]; places of the boundaries in the sequence.
      sbo_offsets: int64[M]; place of the target in its span, from 0.
      sbo_labels: int64[M]; the original ids. -100 for targets that are not predicted: in spans that
        touch an end of their segment, and behind the first `MAX_OFFSETS` tokens of a span.
    A padded batch holds the same as int64[B, L], at the cells of the targets; places are those in
    the row.

    Attributes:
      corruption: Name of the corruption whose targets are predicted.
      first: Whether it is the recipe's first corruption; else `sbo` in these names is `NAME_sbo`.
      special_tokens: Those around the segments, which are no boundaries.

    Source: Joshi et al. 2020, 3.2; facebookresearch/SpanBERT no_nsp_span_bert_dataset.py.
    Differs: the loss is divided by the number of its predictions, not by that of spans plus one.
    """

    corruption: str
    first: bool
    special_tokens: Layout

    @property
    def name(self) -> str:
        return "sbo" if self.first else f"{self.corruption}_sbo"

    @property
    def vocabulary_targets(self) -> str:
        return self.corruption

    @property
    def keys(self) -> tuple[str, str, str, str]:
        """The keys of left, right, offsets and labels in a batch."""
        name = self.name
        return f"{name}_left", f"{name}_right", f"{name}_offsets", f"{name}_labels"

    def packed(self, masked: MaskedRows, layout: Packed) -> dict[str, Array]:
        size = layout.targets if self.first else layout.capacities[self.corruption]
        columns = zip(self.keys, self._predictions(masked), _FILLERS, strict=True)
        return {key: filled(column, size, filler) for key, column, filler in columns}

    def padded(self, masked: MaskedRows, layout: Padded) -> dict[str, Array]:
        predictions, cells = self._predictions(masked), layout.cells(masked)
        used = predictions[3] != IGNORED
        predictions[:2, used] = cells[predictions[:2, used]] % layout.longest
        at = cells[self._targets(masked)]
        columns = zip(self.keys, predictions, _FILLERS, strict=True)
        return {key: layout.grid(at, column, filler) for key, column, filler in columns}

    def _targets(self, masked: MaskedRows) -> Int64:
        return masked.targets if self.first else masked.more[self.corruption]

    # [CLS] 1 2 3 4 5 6 7 8 [SEP] with targets  3 4 5  7
    #                                    left   2 2 2  6
    #                                   right   6 6 6  8
    #                                  offset   0 1 2  0
    def _predictions(self, masked: MaskedRows) -> Int64:
        """Returns int64[4, P]: left, right, offset and label of each target."""
        at, tokens = self._targets(masked), masked.rows.tokens
        row = np.searchsorted(tokens.offsets, at, "right") - 1
        begins = np.ones(len(at), np.bool_)
        begins[1:] = (at[1:] != at[:-1] + 1) | (row[1:] != row[:-1])
        starts = np.flatnonzero(begins)
        span = np.cumsum(begins) - 1
        left = at[starts] - 1
        right = at[np.append(starts, len(at))[1:] - 1] + 1
        low, high = self._segments(masked, left + 1, row[starts])
        inside = (left >= low) & (right < high)
        offsets = at - at[starts][span]
        used = inside[span] & (offsets < MAX_OFFSETS)
        found = np.stack([left[span], right[span], offsets, tokens.values[at]]).astype(np.int64)
        found[:, ~used] = np.array(_FILLERS)[:, None]
        return found

    def _segments(self, masked: MaskedRows, at: Int64, row: Int64) -> tuple[Int64, Int64]:
        """Returns where the segments of tokens begin and end, special tokens left out."""
        rows, special = masked.rows, self.special_tokens
        begins, ends = rows.tokens.offsets[row], rows.tokens.offsets[row + 1]
        second = begins + rows.second_segment_start[row]
        last = ends - len(special.suffix)
        in_second = at >= second
        low = np.where(in_second, second, begins + len(special.prefix))
        first_end = np.where(second < ends, second - len(special.between), last)
        return low, np.where(in_second, last, first_end)

    def head(self, architecture: Architecture, config: Any) -> Head:
        positions = "target_positions" if self.first else f"{self.corruption}_positions"
        return _BoundaryHead(self.keys, positions, config)


_FILLERS = (0, 0, 0, IGNORED)
"""Of left, right, offsets and labels, where nothing is predicted."""


class _BoundaryHead(LabelHead):
    """Two layers on both boundaries and the offset; the input embedding is the decoder."""

    def __init__(self, keys: tuple[str, str, str, str], positions: str, config: Any) -> None:
        super().__init__(keys[3])
        self._keys, self._positions = keys, positions
        width, eps = config.hidden_size, config.layer_norm_eps
        embedded = getattr(config, "embedding_size", width)
        self.places = torch.nn.Embedding(MAX_OFFSETS, POSITION_WIDTH)
        self.first = torch.nn.Linear(2 * width + POSITION_WIDTH, width)
        self.first_norm = torch.nn.LayerNorm(width, eps=eps)
        self.second = torch.nn.Linear(width, embedded)
        self.second_norm = torch.nn.LayerNorm(embedded, eps=eps)
        self.bias = torch.nn.Parameter(torch.zeros(config.vocab_size))
        initialise(config, self.places, self.first, self.second)

    def logits(self, hf: Any, hidden: Tensor, batch: Batch) -> Tensor:
        return self._said(hf, hidden, *(batch[key] for key in self._keys[:3]))

    def guesses(self, hf: Any, hidden: Tensor, batch: Batch, chosen: Chosen) -> list[Guess]:
        boundaries, labels = [batch[key] for key in self._keys[:3]], batch[self._keys[3]]

        def logits(at: Tensor) -> Tensor:
            return self._said(hf, hidden, *(each[at] for each in boundaries))

        return token_guesses(batch[self._positions], labels, logits, chosen)

    def _said(
        self, hf: Any, hidden: Tensor, left: Tensor, right: Tensor, offsets: Tensor
    ) -> Tensor:
        """Returns float[m, V], given the boundaries of m targets and their places in spans."""
        place = self.places(offsets).to(hidden.dtype)
        around = torch.cat([gather_rows(hidden, left), gather_rows(hidden, right), place], dim=-1)
        inner = self.first_norm(gelu(self.first(around)))
        inner = self.second_norm(gelu(self.second(inner)))
        decoder = hf.get_input_embeddings().weight
        return linear(inner, decoder, self.bias)
