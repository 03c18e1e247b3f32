"""Labels of single tokens, predicted from the hidden state of each."""

import dataclasses
from typing import Any

import torch
from torch import Tensor

from schemas.columns import IGNORED
from schemas.records import Array
from trainer.rows.filled_arrays import filled
from trainer.rows.layouts import Batch, Packed, Padded
from trainer.rows.masked_rows import MaskedRows
from trainer.tasks.architecture import Architecture
from trainer.tasks.guesses import Chosen, Guess, name_in, token_guesses
from trainer.tasks.task import Head, LabelHead, Task, linear
from transforms.build.standard_columns import token_label_column


@dataclasses.dataclass(frozen=True)
class TokenLabelTask(Task):
    """0 or 1 for every token of the text; batches hold `NAME_labels`, int64[T] or [B, L].

    Special tokens and padding are ignored.

    Attributes:
      labels: Their name, and that of the task.
    """

    labels: str

    @property
    def name(self) -> str:
        return self.labels

    def packed(self, masked: MaskedRows, layout: Packed) -> dict[str, Array]:
        labels = filled(masked.rows.token_labels[self.name], layout.tokens, IGNORED)
        return {token_label_column(self.name): labels}

    def padded(self, masked: MaskedRows, layout: Padded) -> dict[str, Array]:
        labels = masked.rows.token_labels[self.name]
        return {token_label_column(self.name): layout.grid(layout.cells(masked), labels, IGNORED)}

    def head(self, architecture: Architecture, config: Any) -> Head:
        return _TokenHead(token_label_column(self.name), config)


_ANSWERS = ("no", "yes")


class _TokenHead(LabelHead):
    def __init__(self, labels: str, config: Any) -> None:
        super().__init__(labels)
        self.answer = linear(config.hidden_size, 2, config)

    def logits(self, hf: Any, hidden: Tensor, batch: Batch) -> Tensor:
        return self.answer(hidden)

    def guesses(self, hf: Any, hidden: Tensor, batch: Batch, chosen: Chosen) -> list[Guess]:
        labels = batch[self._labels].flatten()
        slots = torch.arange(len(labels), device=labels.device)
        return token_guesses(
            slots, labels, lambda at: self.answer(hidden[at]), chosen, name_in(_ANSWERS)
        )
