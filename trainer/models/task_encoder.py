"""Encoders of `transformers` that are fine-tuned: the classes that predict labels, on packed rows.

Several tasks share one encoder, and each has a classifier of its own.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from schemas.records import Array
from trainer.models.attention import use_packed_attention
from trainer.models.encoder import layer_flops
from trainer.models.token_types import known_types
from trainer.rows.layouts import Batch
from trainer.tasks.guesses import Chosen, Guess
from trainer.tasks.labelled import LabelledHead
from trainer.tasks.losses import LossTerm
from trainer.tasks.members import member_key

Kept = Mapping[str, Mapping[str, Array]]


class TaskEncoder(torch.nn.Module):
    """A model of `transformers` for each task, unmodified, that are given packed sequences.

    All of them have the encoder of the first one. What is called with a batch is the encoder
    alone; the classifier follows at the tokens that it needs. The losses are those of the classes
    of `transformers`, but for the mean.

    Attributes:
      names: Of the tasks; a task alone has the name "".
      models: Of `transformers`, by the number of the task.
      heads: By the same numbers: how labels are predicted, without weights.
    """

    layout, stateful, notice = "packed", False, ""
    loaded_by = "from_pretrained"

    def __init__(
        self,
        models: Mapping[str, Any],
        heads: Sequence[LabelledHead],
        *,
        backbone: str,
        longest: int,
        first_position: int,
    ) -> None:
        """Wraps models, whose attention is set to that of `trainer.models.attention`.

        Args:
          models: By the names of their tasks, all made of one configuration but for the classifier.
          heads: One for each model.
          backbone: Name of the encoder in them.
          longest: Maximum tokens of a row.
          first_position: Position of the first token of a row.
        """
        super().__init__()
        self.names = tuple(models)
        self._keys = {name: list(hf.state_dict()) for name, hf in models.items()}
        self.models = torch.nn.ModuleDict(
            {str(number): hf for number, hf in enumerate(models.values())}
        )
        self.heads = torch.nn.ModuleList(heads)
        for hf in models.values():
            use_packed_attention(hf)
        # An encoder that pools is enough for models that do not, and not the other way round.
        shared = max(models.values(), key=lambda hf: len(getattr(hf, backbone).state_dict()))
        for hf in models.values():
            setattr(hf, backbone, getattr(shared, backbone))
        self._backbone, self._longest, self._first_position = backbone, longest, first_position

    @property
    def hf(self) -> Any:
        """The model of the first task."""
        return self.models["0"]

    @property
    def encoder(self) -> Any:
        """The encoder of all tasks, a base model of `transformers`."""
        return getattr(self.hf, self._backbone)

    def counts(self, batch: Batch) -> dict[str, Tensor]:
        head = self._head(self._task(batch))
        return {head.task.name: head.counts(batch)}

    def forward(self, batch: Batch) -> dict[str, LossTerm]:
        number = self._task(batch)
        head = self._head(number)
        return {head.task.name: head(self.models[str(number)], self.hidden(batch), batch)}

    def guesses(self, batch: Batch, chosen: Chosen) -> dict[str, list[Guess]]:
        number = self._task(batch)
        head, hf = self._head(number), self.models[str(number)]
        return {head.task.name: head.guesses(hf, self.hidden(batch), batch, chosen)}

    def logits(self, batch: Batch) -> Tensor:
        """Returns what the classifier says of a batch, float32; its shape is that of the task."""
        number = self._task(batch)
        return self._head(number).logits(self.models[str(number)], self.hidden(batch), batch)

    def hidden(self, batch: Batch, longest: int | None = None) -> Tensor:
        """Returns float[T, d]: the hidden states of the last layer.

        Args:
          batch: Packed.
          longest: No row of it has more tokens; None for those of the model.
        """
        given = self.inputs(batch)
        given["max_seqlen"] = longest or self._longest
        found: Tensor = self.encoder(**given).last_hidden_state[0]
        return found

    def inputs(self, batch: Batch) -> dict[str, Any]:
        """Returns what the encoder is called with."""
        return {
            "input_ids": batch["input_ids"],
            "token_type_ids": known_types(self.encoder.config, batch["token_type_ids"]),
            "position_ids": batch["position_ids"] + self._first_position,
            "cu_seqlens": batch["cu_seqlens"],
            "max_seqlen": self._longest,
        }

    def judge(self, task: str, kept: Kept) -> dict[str, float]:
        """Returns the figures of a split, given what the terms of all its batches kept.

        Args:
          task: Its name, one of `names`.
          kept: By term, what is kept of all rows of the split, in any order.
        """
        head = self._head(self.names.index(task))
        [found] = kept.values()
        order = np.argsort(found["rows"], kind="stable")
        return head.task.figures({name: values[order] for name, values in found.items()})

    @property
    def main_figures(self) -> dict[str, str]:
        """The figure of each task that the best model has most of, by the task's name."""
        return {name: self._head(number).task.main for number, name in enumerate(self.names)}

    def save_pretrained(self, folder: str | os.PathLike[str]) -> None:
        """Writes the model, or that of each task into a folder of its name."""
        for name, model in zip(self.names, self.models.values(), strict=True):
            hf: Any = model
            state = hf.state_dict()
            own = {key: state[key] for key in self._keys[name]}
            hf.save_pretrained(os.path.join(folder, name), state_dict=own)

    def flops_per_token(self, context: float, targets: float) -> float:
        """Returns the operations of a token: 2 for a multiply-add, backward twice forward."""
        config = self.hf.config
        return float(6 * config.num_hidden_layers * layer_flops(config, context))

    def _task(self, batch: Batch) -> int:
        """Returns the number of the task of a batch."""
        if len(self.names) == 1:
            return 0
        return next(number for number in range(len(self.names)) if member_key(number) in batch)

    def _head(self, number: int) -> LabelledHead:
        return self.heads[number]  # type: ignore[return-value]
