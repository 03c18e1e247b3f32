"""XLNet and Transformer-XL: relative positions, and a memory of the rows before."""

import os
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from schemas.columns import IGNORED
from trainer.models.permutation import permutation_mask
from trainer.rows.layouts import Batch
from trainer.tasks.task import Head

State = Mapping[str, Tensor]
MEMORY = "mems"


class XLNet(torch.nn.Module):
    """An `XLNetLMHeadModel`, unmodified, that reads lanes and remembers the row before.

    With two streams (XLNet) the targets of a factorization order are predicted by the query stream.
    With causal attention (`attn_type` "uni") it is a Transformer-XL, see
    `trainer.models.xlnet_family`: the next token is predicted by the content stream.

    The memory of a lane is what every layer was given at the tokens before; its tokens are attended
    to by all tokens of the row. It has the same length at all times: what a lane does not have yet
    is zeros, which are attended to as well, as in the code of both papers for TPUs.

    Attributes:
      hf: The model of `transformers`.
      stateful: Whether there is a memory. `forward` then takes and returns it, as
        float[B, layers, memory, d] under "mems".
    """

    layout, notice = "lanes", ""

    def __init__(self, hf: Any, *, task: str, head: Head, memory: int, reuse_len: int) -> None:
        """Wraps a model.

        Args:
          hf: The model.
          task: What is learned, as the term of the loss is named.
          head: Of this task.
          memory: Tokens of memory.
          reuse_len: Tokens of a row that the memory takes, from its beginning; 0 for all.
        """
        super().__init__()
        self.hf, self.stateful = hf, memory > 0
        self._task, self._head = task, head
        self._memory, self._reuse_len = memory, reuse_len

    def counts(self, batch: Batch) -> dict[str, Tensor]:
        return {self._task: self._head.counts(batch)}

    def forward(self, batch: Batch, state: State | None = None) -> Any:
        """Returns the terms of the loss; with memory, also what is remembered after the rows."""
        ids = batch["input_ids"]
        mems = self._remembered(batch, state) if self.stateful else None
        found = self.hf.transformer(
            input_ids=ids,
            token_type_ids=batch.get("token_type_ids"),
            mems=mems,
            use_mems=self.stateful,
            **self._streams(batch),
        )
        terms = {self._task: self._head(self.hf, found.last_hidden_state.flatten(0, 1), batch)}
        if not self.stateful:
            return terms
        return terms, {
            MEMORY: torch.stack([each.detach() for each in found.mems]).permute(2, 0, 1, 3)
        }

    def _streams(self, batch: Batch) -> dict[str, Tensor]:
        """Returns the order that targets are predicted in, and where they are."""
        if "ranks" not in batch:
            return {}
        length = batch["input_ids"].shape[1]
        special, labels = batch["special_tokens_mask"], batch["labels"]
        places = one_hot(batch["target_positions"], length).to(self.hf.dtype)
        return {
            "perm_mask": permutation_mask(batch["ranks"], special, self._reuse_len),
            # A place that is not used takes no token, and gives none back.
            "target_mapping": places * (labels != IGNORED)[..., None],
        }

    def _remembered(self, batch: Batch, state: State | None) -> tuple[Tensor, ...]:
        """Returns the memory of each layer, float[memory, B, d], without that of other streams."""
        weight, reset = self.hf.get_input_embeddings().weight, batch["reset"]
        layers = self.hf.config.n_layer
        if state is None:
            shape = layers, self._memory, len(reset), weight.shape[1]
            return weight.new_zeros(shape).unbind()
        mems = state[MEMORY].masked_fill(reset[:, None, None, None], 0.0)
        return mems.permute(1, 2, 0, 3).unbind()

    def save_pretrained(self, folder: str | os.PathLike[str]) -> None:
        """Writes the model as `XLNetLMHeadModel` and `AutoModelForCausalLM` load it."""
        self.hf.save_pretrained(folder)

    def flops_per_token(self, context: float, targets: float) -> float:
        """Returns the operations of a token: 2 for a multiply-add, backward twice forward.

        What a token attends to, the memory included, it attends to by content, by distance and for
        the value. Queries are computed at the targets alone; keys and values of the memory are
        computed again with every row.
        """
        config = self.hf.config
        width, inner = config.d_model, config.d_inner
        causal = config.attn_type == "uni"
        # A token that sees none after it attends to half of its row on average.
        row = max((context - self._memory) * (2 if causal else 1), 1.0)
        again = 2 * width**2 * self._memory / row
        attended = 3 * width * context
        content = 4 * width**2 + again + 2 * width * inner + attended
        query = 0.0 if causal else targets * (2 * width**2 + 2 * width * inner + attended)
        head = targets * width * config.vocab_size
        return float(6 * (config.n_layer * (content + query) + head))
