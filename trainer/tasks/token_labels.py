"""Labels of single tokens, told from what the encoder makes of each."""

import dataclasses
from typing import Any

import numpy as np
import torch
from torch import Tensor

from schemas.records import Array
from trainer.loader.layouts import Batch, Packed, Padded
from trainer.loader.masks import MaskedRows
from trainer.models.family import Family
from trainer.models.model import Part, cross_entropy_part
from trainer.tasks.task import Head
from transforms.build.standard_columns import IGNORED, token_label_column


@dataclasses.dataclass(frozen=True)
class TokenLabelTask:
    """0 or 1 for every token of the text; batches have them as `NAME_labels`, int64[T] or [B, L].

    Special tokens and padding are ignored.

    Attributes:
      name: Of the labels.
    """

    name: str

    def arrays(self, masked: MaskedRows, layout: Packed) -> dict[str, Array]:
        labels = np.full(layout.tokens, IGNORED, np.int64)
        found = masked.rows.token_labels[self.name]
        labels[: len(found)] = found
        return {token_label_column(self.name): labels}

    def padded_arrays(self, masked: MaskedRows, layout: Padded) -> dict[str, Array]:
        labels = np.full(layout.rows * layout.longest, IGNORED, np.int64)
        labels[layout.cells(masked)] = masked.rows.token_labels[self.name]
        return {token_label_column(self.name): labels.reshape(layout.rows, layout.longest)}

    def head(self, family: Family, config: Any) -> Head:
        return _TokenHead(token_label_column(self.name), config)


class _TokenHead(Head):
    def __init__(self, labels: str, config: Any) -> None:
        super().__init__()
        self._labels = labels
        self.answer = torch.nn.Linear(config.hidden_size, 2)
        torch.nn.init.normal_(self.answer.weight, std=config.initializer_range)
        torch.nn.init.zeros_(self.answer.bias)

    def counts(self, batch: Batch) -> Tensor:
        return (batch[self._labels] != IGNORED).sum()

    def forward(self, hf: Any, hidden: Tensor, batch: Batch) -> Part:
        return cross_entropy_part(self.answer(hidden), batch[self._labels])
