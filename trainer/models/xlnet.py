"""XLNet and Transformer-XL: relative positions, and a memory of the rows before."""

import functools
import os
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from trainer.models.continued import continued
from trainer.models.permutation import permutation_mask
from trainer.models.two_streams import Streams, hidden_states
from trainer.rows.layouts import Batch
from trainer.tasks.guesses import Chosen, Guess
from trainer.tasks.next_tokens import ChunkedHead

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
      notice: What its user should know.
      stateful: Whether there is a memory. `forward` then takes and returns it, as
        float[B, layers, memory, d] under "mems".
    """

    layout, notice = "lanes", ""
    loaded_by = "from_pretrained"

    def __init__(
        self, hf: Any, *, task: str, head: ChunkedHead, memory: int, reuse_len: int
    ) -> None:
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
        memory = self._remembered(batch, state)
        hidden, inputs = self._hidden(batch, memory)
        terms = {self._task: self._head(self.hf, hidden.flatten(0, 1), batch)}
        if not self.stateful:
            return terms
        kept = inputs[:, :, : self._reuse_len or None][:, :, -self._memory :]
        return terms, {MEMORY: torch.cat([memory[:, :, kept.shape[2] :], kept], dim=2)}

    def guesses(self, batch: Batch, chosen: Chosen) -> dict[str, list[Guess]]:
        """Nothing is remembered of the rows before."""
        hidden, _ = self._hidden(batch, self._remembered(batch, None))
        found = {self._task: self._head.guesses(self.hf, hidden.flatten(0, 1), batch, chosen)}
        # The second half of the lanes goes backwards, if any does.
        backward = len(chosen.begins) > 0 and chosen.begins[0] * 2 >= batch["input_ids"].numel()
        following = functools.partial(self._following, backward=backward)
        return {**found, **continued(batch, chosen, following)}

    # Ids 7 8 9 with two streams: 7 8 9 . with the target 3, which sees all of them.
    def _following(self, ids: Tensor, *, backward: bool = False) -> Tensor:
        """Returns float[V]: the logits of the token behind ids int64[n]; nothing is remembered.

        Args:
          ids: Of a row.
          backward: It is of a lane that goes backwards. A model of both kinds takes the first half
            of any rows for the others, so it is given the row twice.
        """
        alone = {"input_ids": ids[None]}
        if self.hf.config.attn_type != "uni":
            length = len(ids)
            ranks = torch.full((1, length + 1), -1, device=ids.device)
            ranks[0, length] = 0
            alone |= {
                "input_ids": torch.cat([ids, ids[-1:]])[None],
                "ranks": ranks,
                "special_tokens_mask": torch.zeros_like(ranks),
                "target_positions": torch.full((1, 1), length, device=ids.device),
            }
        count = 2 if self.hf.transformer.bi_data else 1
        given = {name: value.repeat_interleave(count, dim=0) for name, value in alone.items()}
        given["reset"] = ids.new_ones(count, dtype=torch.bool)
        hidden, _ = self._hidden(given, self._remembered(given, None))
        return self._head.said(self.hf, hidden[-1 if backward else 0, -1])

    def _hidden(self, batch: Batch, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Returns what `trainer.models.two_streams.hidden_states` does, of a batch."""
        ranks = batch.get("ranks")
        return hidden_states(
            self.hf.transformer,
            Streams(
                ids=batch["input_ids"],
                memory=memory,
                token_types=batch.get("token_type_ids"),
                blocked=None if ranks is None else self._blocked(ranks, batch),
                targets=None if ranks is None else batch["target_positions"],
            ),
        )

    def _blocked(self, ranks: Tensor, batch: Batch) -> Tensor:
        return permutation_mask(ranks, batch["special_tokens_mask"], self._reuse_len)

    def _remembered(self, batch: Batch, state: State | None) -> Tensor:
        """Returns float[B, layers, memory, d]: the state, without what is of other streams."""
        weight, reset = self.hf.get_input_embeddings().weight, batch["reset"]
        if state is None:
            shape = len(reset), self.hf.config.n_layer, self._memory, weight.shape[1]
            return weight.new_zeros(shape)
        return state[MEMORY].masked_fill(reset[:, None, None, None], 0.0)

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
