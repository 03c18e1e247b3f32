"""Masked-LMs of `transformers` that are given packed sequences, with the heads of tasks."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from trainer.models.attention import use_packed_attention
from trainer.models.sight import sight_of
from trainer.rows.layouts import Batch
from trainer.tasks.guesses import Chosen, Guess
from trainer.tasks.losses import LossTerm
from trainer.tasks.members import task_key, task_types
from trainer.tasks.task import Head

HEADS = "heads.safetensors"
"""The weights of heads that the classes of `transformers` have no place for."""


class Encoder(torch.nn.Module):
    """A masked-LM of `transformers`, unmodified, that is given packed sequences, and its heads.

    The vocabulary head is computed at the tokens to predict and nowhere else, and pairs are
    classified from the first token of every row. The losses are those of the `ForMaskedLM` and
    `ForPreTraining` classes, but for the mean. There is a term of the loss for every task; a batch
    of a mixture has those of its member.

    Attributes:
      hf: The model of `transformers`.
      heads: By the name of their task. Their own weights are those that `transformers` has no place
        for.
    """

    layout, stateful, notice = "packed", False, ""
    loaded_by = "from_pretrained"

    def __init__(
        self,
        hf: Any,
        *,
        backbone: str,
        heads: Mapping[str, Head],
        longest: int,
        first_position: int,
        files: Mapping[str, str] | None = None,
    ) -> None:
        """Wraps a model, whose attention is set to that of `trainer.models.attention`.

        Args:
          hf: The model.
          backbone: Name of the encoder in it.
          heads: One for each task.
          longest: Maximum tokens of a row.
          first_position: Position of the first token of a row.
          files: Texts by name that say what the heads' weights belong to; they are saved with them.
        """
        super().__init__()
        use_packed_attention(hf)
        self.hf = hf
        self.heads = torch.nn.ModuleDict(heads)
        for head in heads.values():
            head.attach(hf)
        self._backbone, self._files = backbone, files or {}
        self._longest, self._first_position = longest, first_position

    def counts(self, batch: Batch) -> dict[str, Tensor]:
        return {name: self._head(name).counts(batch) for name in self._trained(batch)}

    def forward(self, batch: Batch) -> dict[str, LossTerm]:
        hidden = self._begun(batch)
        return {name: self._head(name)(self.hf, hidden, batch) for name in self._trained(batch)}

    def guesses(self, batch: Batch, chosen: Chosen) -> dict[str, list[Guess]]:
        hidden = self._begun(batch)
        return {
            name: self._head(name).guesses(self.hf, hidden, batch, chosen)
            for name in self._trained(batch)
        }

    def _begun(self, batch: Batch) -> Tensor:
        """Returns float[T, d]: the last hidden states, after the heads have seen the batch."""
        trained = self._trained(batch)
        for name in self.heads:
            self._head(name).begin(batch if name in trained else None)
        return self._last_layer(batch, self._longest)

    def hidden(self, batch: Batch, longest: int) -> Tensor:
        for name in self.heads:
            self._head(name).begin(None)
        return self._last_layer(batch, longest)

    def _last_layer(self, batch: Batch, longest: int) -> Tensor:
        """Returns float[T, d]: the hidden states of the last layer."""
        return getattr(self.hf, self._backbone)(
            input_ids=batch["input_ids"],
            token_type_ids=batch["token_type_ids"],
            position_ids=batch["position_ids"] + self._first_position,
            cu_seqlens=batch["cu_seqlens"],
            max_seqlen=longest,
            **sight_of(batch, longest),
            **task_types(self.hf, batch, batch["input_ids"]),
        ).last_hidden_state[0]

    def _trained(self, batch: Batch) -> list[str]:
        """Returns the tasks of a batch: those that it names, or all if it names none."""
        named = [name for name in self.heads if task_key(name) in batch]
        return named or list(self.heads)

    def _head(self, name: str) -> Head:
        return self.heads[name]  # type: ignore[return-value]

    def save_pretrained(self, folder: str | os.PathLike[str]) -> None:
        """Writes the model, and the heads' own weights beside it."""
        self.hf.save_pretrained(folder)
        own = self.heads.state_dict()
        if own:
            save_file(own, os.path.join(folder, HEADS))
        for name, text in self._files.items():
            Path(folder, name).write_text(text, "utf-8")

    def load_heads(self, folder: str | os.PathLike[str]) -> None:
        """Loads what `save_pretrained` wrote beside the model; heads that do not fit stay new."""
        path, own = os.path.join(folder, HEADS), self.heads.state_dict()
        found = load_file(path) if os.path.exists(path) else {}
        files = [Path(folder, name) for name in self._files]
        texts = [file.read_text("utf-8") if file.exists() else "" for file in files]
        if texts != list(self._files.values()):
            # The weights, if there are any, are those of other entities.
            found = {}
        shapes = [{name: each.shape for name, each in state.items()} for state in (found, own)]
        if shapes[0] == shapes[1]:
            self.heads.load_state_dict(found)
        else:
            new = sorted({name.partition(".")[0] for name in own})
            self.notice = f"new heads: {', '.join(new)}"

    def flops_per_token(self, context: float, targets: float) -> float:
        """Returns the operations of a token: 2 for a multiply-add, backward twice forward."""
        config = self.hf.config
        width = config.hidden_size
        embedding = getattr(config, "embedding_size", width)
        head = targets * (width * embedding + embedding * config.vocab_size)
        return float(6 * (config.num_hidden_layers * layer_flops(config, context) + head))


def layer_flops(config: Any, context: float) -> float:
    """Returns the multiplications of a token in a layer, where it attends to `context` tokens."""
    width, inner = config.hidden_size, config.intermediate_size
    return float(4 * width**2 + 2 * width * inner + 2 * width * context)
