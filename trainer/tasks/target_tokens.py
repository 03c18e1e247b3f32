"""Target tokens: what the decoder of an encoder-decoder writes."""

import dataclasses
from typing import Any

import torch
from torch import Tensor

from schemas.columns import IGNORED
from trainer.rows.layouts import Batch
from trainer.tasks.architecture import Architecture
from trainer.tasks.gather import gather_rows
from trainer.tasks.losses import LossTerm
from trainer.tasks.next_tokens import ChunkedHead
from trainer.tasks.task import Head, Task


@dataclasses.dataclass(frozen=True)
class TargetTask(Task):
    """The tokens that the decoder writes, each predicted from the source and those before it.

    Batches hold all it needs, see `trainer.rows.pair_layout`. Its head is given the hidden states
    of the decoder, float[N * B * T, d] for N streams.

    Where a target is predicted N times, stream s predicts it from s tokens less than stream 0 does,
    and all streams have the same labels. If batches have `target_places`, stream s predicts the
    tokens alone that stand s places or more behind the first of their span.

    Source: Raffel et al. 2020, 3.1.4; Qi et al. 2020, 3.2, and microsoft/ProphetNet
      ngram_criterions.py (streams, with equal weights).
    """

    @property
    def name(self) -> str:
        return "seq2seq"

    def head(self, architecture: Architecture, config: Any) -> Head:
        return _TargetHead(architecture, architecture.streams(config))


class _TargetHead(ChunkedHead):
    def __init__(self, architecture: Architecture, streams: int) -> None:
        super().__init__(architecture)
        self._streams = streams

    def counts(self, batch: Batch) -> Tensor:
        return (self._labels_of(batch) != IGNORED).sum()

    def forward(self, hf: Any, hidden: Tensor, batch: Batch) -> LossTerm:
        cells = batch["target_positions"].clamp(min=0)
        numbers = torch.arange(self._streams, device=cells.device)[:, None]
        at = (numbers * batch["labels"].numel() + cells).flatten()
        return self.term(hf, gather_rows(hidden, at), self._labels_of(batch))

    # Labels 5 6 7 at places 0 1 0 of their spans, two streams: 5 6 7 | -100 6 -100.
    def _labels_of(self, batch: Batch) -> Tensor:
        """Returns int64[N * M]: the labels of all streams, one stream after the other."""
        cells, places = batch["target_positions"], batch.get("target_places")
        labels = batch["labels"].flatten()[cells.clamp(min=0)].masked_fill(cells < 0, IGNORED)
        labels = labels.expand(self._streams, -1)
        if places is not None:
            numbers = torch.arange(self._streams, device=cells.device)[:, None]
            labels = labels.masked_fill(places < numbers, IGNORED)
        return labels.flatten()

    def places(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """The first stream alone is shown, at the cells of its labels."""
        labels = batch["labels"]
        return torch.arange(labels.numel(), device=labels.device), None
