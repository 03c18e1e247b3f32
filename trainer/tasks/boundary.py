"""The tokens of masked spans, predicted from the two tokens around each span."""

import dataclasses
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import gelu, linear

from schemas.records import Array, Int64
from trainer.loader.layouts import Batch, Packed, Padded
from trainer.loader.masks import MaskedRows
from trainer.models.family import Family
from trainer.models.model import Part, cross_entropy_part
from trainer.tasks.task import Head
from transforms.build.standard_columns import IGNORED
from transforms.windows.lay_out import Layout

MOST_OFFSETS = 20
"""Tokens of a span that are predicted so; those behind are not.

Source: facebookresearch/SpanBERT --max-pair-targets (20 in its code, 15 in its README).
"""
POSITION_WIDTH = 200
"""Width of the embedding of a token's place in its span. Source: Joshi et al. 2020, 3.2."""


@dataclasses.dataclass(frozen=True)
class BoundaryTask:
    """Each token of a run of targets, told by its place and by the tokens before and after the run.

    Packed batches have for it, for M targets in their order:
      sbo_left, sbo_right: int64[M]; places in the sequence of the tokens around the target's run.
      sbo_offsets: int64[M]; how many tokens of the run stand before it.
      sbo_labels: int64[M]; the original ids, -100 where nothing is to be told: in runs that touch
        an end of their segment, behind the first `MOST_OFFSETS` tokens, and where there is none.
    Padded batches have the same as int64[B, L] at the place of the target; places are of its line.

    Attributes:
      corruption: Name of the corruption whose targets are told.
      first: It is the recipe's first corruption; else `sbo` in these names is `NAME_sbo`.
      layout: Special tokens around the segments, which are no boundaries.

    Source: Joshi et al. 2020, 3.2; facebookresearch/SpanBERT no_nsp_span_bert_dataset.py.
    Differs: the loss is divided by the number of its predictions, not of runs and one more.
    """

    corruption: str
    first: bool
    layout: Layout

    @property
    def name(self) -> str:
        return "sbo" if self.first else f"{self.corruption}_sbo"

    @property
    def keys(self) -> tuple[str, str, str, str]:
        """What batches call left, right, offsets and labels."""
        left, right, offsets, labels = (
            f"{self.name}_{each}" for each in ("left", "right", "offsets", "labels")
        )
        return left, right, offsets, labels

    def arrays(self, masked: MaskedRows, layout: Packed) -> dict[str, Array]:
        size = layout.targets if self.first else layout.capacities[self.corruption]
        found = np.zeros((4, size), np.int64)
        found[3] = IGNORED
        told = self._told(masked)
        found[:, : told.shape[1]] = told
        return dict(zip(self.keys, found, strict=True))

    def padded_arrays(self, masked: MaskedRows, layout: Padded) -> dict[str, Array]:
        found = np.zeros((4, layout.rows * layout.longest), np.int64)
        found[3] = IGNORED
        told, cells = self._told(masked), layout.cells(masked)
        borders = told[3] != IGNORED
        told[:2, borders] = cells[told[:2, borders]] % layout.longest
        found[:, cells[self._targets(masked)]] = told
        shape = layout.rows, layout.longest
        return {key: each.reshape(shape) for key, each in zip(self.keys, found, strict=True)}

    def _targets(self, masked: MaskedRows) -> Int64:
        return masked.targets if self.first else masked.more[self.corruption]

    def _told(self, masked: MaskedRows) -> Int64:
        """Returns int64[4, P]: left, right, offset and label of each target."""
        at, tokens = self._targets(masked), masked.rows.tokens
        row = np.searchsorted(tokens.offsets, at, "right") - 1
        begins = np.ones(len(at), np.bool_)
        begins[1:] = (at[1:] != at[:-1] + 1) | (row[1:] != row[:-1])
        starts = np.flatnonzero(begins)
        run = np.cumsum(begins) - 1
        left = at[starts] - 1
        right = at[np.append(starts, len(at))[1:] - 1] + 1
        low, high = self._text(masked, left + 1, row[starts])
        inside = (left >= low) & (right < high)
        offsets = at - at[starts][run]
        told = inside[run] & (offsets < MOST_OFFSETS)
        found = np.stack([left[run], right[run], offsets, tokens.values[at]]).astype(np.int64)
        found[:, ~told] = [[0], [0], [0], [IGNORED]]
        return found

    def _text(self, masked: MaskedRows, at: Int64, row: Int64) -> tuple[Int64, Int64]:
        """Returns where the segments begin and end that tokens lie in, special tokens left out."""
        rows, layout = masked.rows, self.layout
        begins, ends = rows.tokens.offsets[row], rows.tokens.offsets[row + 1]
        second = begins + rows.second_segment_start[row]
        last = ends - len(layout.suffix)
        in_second = at >= second
        low = np.where(in_second, second, begins + len(layout.prefix))
        first_end = np.where(second < ends, second - len(layout.between), last)
        return low, np.where(in_second, last, first_end)

    def head(self, family: Family, config: Any) -> Head:
        return _BoundaryHead(self, config)


class _BoundaryHead(Head):
    """Two layers on both borders and the place between them, and the input embedding as decoder."""

    def __init__(self, task: BoundaryTask, config: Any) -> None:
        super().__init__()
        self._keys = task.keys
        width, eps = config.hidden_size, config.layer_norm_eps
        embedded = getattr(config, "embedding_size", width)
        self.places = torch.nn.Embedding(MOST_OFFSETS, POSITION_WIDTH)
        self.first = torch.nn.Linear(2 * width + POSITION_WIDTH, width)
        self.first_norm = torch.nn.LayerNorm(width, eps=eps)
        self.second = torch.nn.Linear(width, embedded)
        self.second_norm = torch.nn.LayerNorm(embedded, eps=eps)
        self.bias = torch.nn.Parameter(torch.zeros(config.vocab_size))
        for layer in (self.places, self.first, self.second):
            torch.nn.init.normal_(layer.weight, std=config.initializer_range)
        for linear_layer in (self.first, self.second):
            torch.nn.init.zeros_(linear_layer.bias)

    def counts(self, batch: Batch) -> Tensor:
        return (batch[self._keys[3]] != IGNORED).sum()

    def forward(self, hf: Any, hidden: Tensor, batch: Batch) -> Part:
        left, right, offsets, labels = (batch[key] for key in self._keys)
        place = self.places(offsets).to(hidden.dtype)
        around = torch.cat([hidden[left], hidden[right], place], dim=-1)
        inner = self.first_norm(gelu(self.first(around)))
        inner = self.second_norm(gelu(self.second(inner)))
        decoder = hf.get_input_embeddings().weight
        return cross_entropy_part(linear(inner, decoder, self.bias), labels)
