"""Models of `transformers` that predict the next token from those before it, such as GPT-2."""

import os
from typing import Any

import torch
from torch import Tensor

from trainer.models.attention import use_packed_attention
from trainer.models.continued import continued
from trainer.rows.layouts import Batch
from trainer.tasks.guesses import Chosen, Guess
from trainer.tasks.losses import LossTerm
from trainer.tasks.next_tokens import ChunkedHead


class CausalModel(torch.nn.Module):
    """A causal language model of `transformers`, unmodified.

    It is given packed sequences, or rows side by side if its class computes attention by itself.

    Attributes:
      hf: The model of `transformers`.
      layout: Of its batches.
    """

    stateful, notice = False, ""
    loaded_by = "from_pretrained"

    def __init__(self, hf: Any, *, task: str, head: ChunkedHead, layout: str, longest: int) -> None:
        """Wraps a model.

        Args:
          hf: The model; its attention is set to that of `trainer.models.attention` for packed rows.
          task: What is learned, as the term of the loss is named.
          head: Of this task.
          layout: "packed" or "padded".
          longest: Maximum tokens of a sequence.
        """
        super().__init__()
        if layout == "packed":
            use_packed_attention(hf)
        self.hf, self.layout = hf, layout
        self._task, self._head, self._longest = task, head, longest

    def counts(self, batch: Batch) -> dict[str, Tensor]:
        return {self._task: self._head.counts(batch)}

    def forward(self, batch: Batch) -> dict[str, LossTerm]:
        hidden = self._hidden(batch).flatten(0, 1)
        return {self._task: self._head(self.hf, hidden, batch)}

    def guesses(self, batch: Batch, chosen: Chosen) -> dict[str, list[Guess]]:
        hidden = self._hidden(batch).flatten(0, 1)
        found = {self._task: self._head.guesses(self.hf, hidden, batch, chosen)}
        return {**found, **continued(batch, chosen, self._following)}

    def _following(self, ids: Tensor) -> Tensor:
        """Returns float[V]: the logits of the token behind ids int64[n]."""
        length = len(ids)
        alone = {
            "input_ids": ids[None],
            "attention_mask": torch.ones_like(ids)[None],
            "position_ids": torch.arange(length, device=ids.device)[None],
            "cu_seqlens": torch.tensor([0, length], dtype=torch.int32, device=ids.device),
        }
        return self._head.said(self.hf, self._hidden(alone)[0, -1])

    def hidden(self, batch: Batch, longest: int) -> Tensor:
        return self._hidden(batch, longest)[0]

    def _hidden(self, batch: Batch, longest: int | None = None) -> Tensor:
        """Returns float[1, T, d] or float[B, L, d]: the hidden states of the last layer.

        Packed sequences have so many tokens at most, by default those of the model.
        """
        backbone = self.hf.base_model
        if self.layout == "padded":
            ids, attended = batch["input_ids"], batch["attention_mask"]
            return backbone(input_ids=ids, attention_mask=attended).last_hidden_state
        return backbone(
            # Given ids, the class looks for padding in them and warns that there is no mask.
            inputs_embeds=backbone.get_input_embeddings()(batch["input_ids"]),
            position_ids=batch["position_ids"],
            use_cache=False,
            cu_seqlens=batch["cu_seqlens"],
            max_seqlen=self._longest if longest is None else longest,
        ).last_hidden_state

    def save_pretrained(self, folder: str | os.PathLike[str]) -> None:
        """Writes the model as `AutoModelForCausalLM` loads it."""
        self.hf.save_pretrained(folder)

    def flops_per_token(self, context: float, targets: float) -> float:
        """Returns the operations of a token: 2 for a multiply-add, backward twice forward."""
        config = self.hf.config
        width = config.hidden_size
        inner = getattr(config, "n_inner", None) or 4 * width
        layer = 4 * width**2 + 2 * width * inner + 2 * width * context
        head = targets * width * config.vocab_size
        return float(6 * (config.num_hidden_layers * layer + head))
