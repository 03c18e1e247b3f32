"""What the loop asks of a model, and the models of Hugging Face that answer."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.functional import cross_entropy

from trainer.loader.layouts import Batch
from trainer.models.attention import NAME
from transforms.build.standard_columns import IGNORED

if TYPE_CHECKING:
    from trainer.tasks.task import Head

HEADS = "heads.safetensors"
"""The weights of heads that Hugging Face's classes have no place for."""


def mark(task: str) -> str:
    """Returns the key that batches of a mixture have for each task that they are for."""
    return f"has_{task}"


MEMBER = "member"
"""The key that batches of a mixture have for the number of their member."""


def task_embedding(hf: Any) -> torch.nn.Embedding | None:
    """Returns a model's embedding of tasks, if it has one."""
    return getattr(hf.base_model.embeddings, "task_type_embeddings", None)


def task_types(hf: Any, batch: Batch, input_ids: Tensor) -> dict[str, Tensor]:
    """Returns the numbers of tasks that a model with an embedding of them is given.

    All tokens of a batch have the number of its member. A model of a single recipe is given none,
    and takes 0.
    """
    if MEMBER not in batch or task_embedding(hf) is None:
        return {}
    return {"task_type_ids": batch[MEMBER].expand(input_ids.shape)}


class Rate(NamedTuple):
    """A share that is told in logs beside the losses.

    Attributes:
      name: In logs.
      hits: int64[].
      trials: int64[].
    """

    name: str
    hits: Tensor
    trials: Tensor


class Part(NamedTuple):
    """One part of a loss, summed over a batch.

    Attributes:
      loss: float[]; sum of the losses of all predictions.
      correct: int64[]; predictions that are right.
      weight: By which the mean is multiplied in the whole loss.
      rates: What else is to be told of it.
    """

    loss: Tensor
    correct: Tensor
    weight: float = 1.0
    rates: tuple[Rate, ...] = ()


class TrainableModel(Protocol):
    """What an `nn.Module` must have to be trained; `--model module:callable` may give any.

    It may have two things more. `layout` ("packed" if there is none, or "padded") says which
    batches it takes, see `trainer.loader.layouts`. `flops_per_token(context, targets)` returns the
    floating point operations of a step for each token, forward and backward, where a token attends
    to `context` tokens on average and `targets` is the share of tokens to predict; without it no
    use of the hardware is shown.
    """

    def counts(self, batch: Batch) -> dict[str, Tensor]:
        """Returns how many predictions each part of the loss will have, before `forward`."""
        ...

    def forward(self, batch: Batch) -> dict[str, Part]:
        """Returns the parts of the loss by name, summed and not averaged.

        The loop divides each by its `counts` over all batches and ranks of a step, multiplies it by
        its weight, and adds them.
        """
        ...

    def save_pretrained(self, folder: str | os.PathLike[str]) -> None:
        """Writes the model into a folder as its users will load it."""
        ...


class Encoder(torch.nn.Module):
    """A masked-LM of Hugging Face, unmodified, that is given packed sequences, and its heads.

    The vocabulary's head is computed at the tokens to predict and nowhere else, and pairs are
    judged by the first token of every row. The losses are those of the `ForMaskedLM` and
    `ForPreTraining` classes, but for the mean. There is a part of the loss for every task, or for
    those that a batch of a mixture is marked with.

    Attributes:
      hf: The model of `transformers`.
      heads: By the name of their task. Their own weights are what Hugging Face has no place for.
      notice: What the user should know of it; empty if there is nothing.
    """

    layout = "packed"

    def __init__(
        self,
        hf: Any,
        *,
        backbone: str,
        heads: Mapping[str, "Head"],
        longest: int,
        first_position: int,
        notice: str = "",
        files: Mapping[str, str] | None = None,
    ) -> None:
        """Wraps a model.

        Args:
          hf: The model; its attention is set to that of `trainer.models.attention`.
          backbone: Name of the encoder in it.
          heads: One for each task, by its name.
          longest: Most tokens of a row.
          first_position: What its positions begin with.
          notice: What the user should know of it.
          files: Texts by name that say what the heads' weights belong to; they are saved with them.
        """
        super().__init__()
        hf.set_attn_implementation(NAME)
        self.hf, self.notice = hf, notice
        self.heads = torch.nn.ModuleDict(heads)
        for head in heads.values():
            head.attach(hf)
        self._backbone, self._files = backbone, files or {}
        self._longest, self._first_position = longest, first_position

    def counts(self, batch: Batch) -> dict[str, Tensor]:
        return {name: self._head(name).counts(batch) for name in self._taught(batch)}

    def forward(self, batch: Batch) -> dict[str, Part]:
        backbone, taught = getattr(self.hf, self._backbone), self._taught(batch)
        for name in self.heads:
            self._head(name).begin(batch if name in taught else None)
        hidden = backbone(
            input_ids=batch["input_ids"],
            token_type_ids=batch["token_type_ids"],
            position_ids=batch["position_ids"] + self._first_position,
            cu_seqlens=batch["cu_seqlens"],
            max_seqlen=self._longest,
            **task_types(self.hf, batch, batch["input_ids"]),
        ).last_hidden_state[0]
        return {name: self._head(name)(self.hf, hidden, batch) for name in taught}

    def _taught(self, batch: Batch) -> list[str]:
        """Returns the tasks that a batch is for: the marked ones, or all if none is marked."""
        marked = [name for name in self.heads if mark(name) in batch]
        return marked or list(self.heads)

    def _head(self, name: str) -> "Head":
        head: Head = self.heads[name]  # type: ignore[assignment]
        return head

    def save_pretrained(self, folder: str | os.PathLike[str]) -> None:
        """Writes the model, and the weights that the heads have themselves beside it."""
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
            # Weights of other things, if there are any.
            found = {}
        shapes = [{name: each.shape for name, each in state.items()} for state in (found, own)]
        if shapes[0] == shapes[1]:
            self.heads.load_state_dict(found)
        else:
            new = sorted({name.partition(".")[0] for name in own})
            self.notice = "; ".join(filter(None, [self.notice, f"new heads: {', '.join(new)}"]))

    def flops_per_token(self, context: float, targets: float) -> float:
        """Returns the operations of a token, 2 for a multiply and add, backward twice forward."""
        config = self.hf.config
        width = config.hidden_size
        embedding = getattr(config, "embedding_size", width)
        head = targets * (width * embedding + embedding * config.vocab_size)
        return float(6 * (config.num_hidden_layers * layer_flops(config, context) + head))


def layer_flops(config: Any, context: float) -> float:
    """Returns the multiplications of a token in a layer, where it attends to `context` tokens."""
    width, inner = config.hidden_size, config.intermediate_size
    return float(4 * width**2 + 2 * width * inner + 2 * width * context)


def cross_entropy_part(logits: Tensor, labels: Tensor) -> Part:
    """Returns the summed cross entropy, in float32, and how often the best guess is right."""
    loss = cross_entropy(logits.float(), labels, ignore_index=IGNORED, reduction="sum")
    return Part(loss, (logits.detach().argmax(-1) == labels).sum())


def mean_losses(parts: Mapping[str, Part], counts: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Divides each part's loss by its number of predictions; a part without any is 0."""
    return {name: part.loss / counts[name].clamp(min=1) for name, part in parts.items()}


def total_loss(parts: Mapping[str, Part], counts: Mapping[str, Tensor]) -> Tensor:
    """Adds the means of all parts, each with its weight."""
    means = mean_losses(parts, counts)
    return torch.stack([part.weight * means[name] for name, part in parts.items()]).sum()
