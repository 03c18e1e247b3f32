"""Entities inside the layers of an encoder: the fusion of tokens and entities."""

import dataclasses
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from trainer.rows.layouts import Batch
from trainer.tasks.gather import gather_rows
from trainer.tasks.task import initialise

HEAD_COUNT = 4
"""Of the attention between the entities of a row. Source: thunlp/ERNIE."""


def fused_layers(layers: int) -> int:
    """Returns how many of the last layers fuse entities: 7 of 12, at least one."""
    return max(round(layers * 7 / 12), 1)


@dataclasses.dataclass(frozen=True)
class Stream:
    """The entities of a batch in front of a layer.

    Attributes:
      states: float[K, d].
      present: bool[K, 1]; there is an entity.
      batch: Of `trainer.tasks.entities.EntityTask`: their tokens, and their places in rows.
    """

    states: Tensor
    present: Tensor
    batch: Batch


class Fusion(torch.nn.Module):
    """The fusion in one layer: its own feed-forward network, with entities as a second input.

    Entities of a row attend to each other first. Then, with the layer's weights W_t, b, W_t', the
    attention output w of a token, and its entity e:

        h = gelu(W_t w + W_e e + b)    (without W_e e where the token has no entity)
        w' = W_t' h + b_t'             (in the layer, which adds w and normalises, as ever)
        e' = norm(e + W_e' h + b_e')   (what the next layer's fusion begins with)

    The layer itself is unmodified, and computes as usual where there is no entity.

    Attributes:
      stream: The batch's entities in front of this layer; None if there are none.

    Source: Zhang et al. 2019, 3.3, equations 1, 3 and 4; thunlp/ERNIE code/knowledge_bert
      modeling.py (BertLayerMix, BertLayer).
    Differs: entities that are neither seen nor aligned do not exist, where the reference computes
      an entity for each token and masks it.
    """

    def __init__(self, config: Any, *, attends: bool, returns: bool) -> None:
        """Makes the weights.

        Args:
          config: Of the model.
          attends: Entities attend to each other; those of the first such layer do not.
          returns: A later layer needs the entities.
        """
        super().__init__()
        width, inner = config.entity_emb_size, config.intermediate_size
        self.stream: Stream | None = None
        self._following: Fusion | None = None
        self.attention = EntityAttention(config) if attends else None
        self.enter = torch.nn.Linear(width, inner, bias=False)
        self.leave = torch.nn.Linear(inner, width) if returns else None
        self.norm = torch.nn.LayerNorm(width, eps=config.layer_norm_eps) if returns else None
        self.dropout = torch.nn.Dropout(config.hidden_dropout_prob)
        initialise(config, *filter(None, (self.enter, self.leave)))

    def attach(self, layer: Any, following: "Fusion | None") -> None:
        """Registers the hooks in a layer of the model.

        Args:
          layer: With `intermediate`, and in it `dense`.
          following: The fusion of the next layer.
        """
        # Not as a child of this module: its weights would be saved twice.
        self.__dict__["_following"] = following
        layer.intermediate.dense.register_forward_hook(self._enter)
        layer.intermediate.register_forward_hook(self._leave)

    def begin(self, batch: Batch, candidates: Tensor) -> None:
        """Takes the entities of a batch, given the embeddings of its candidates [K, d]."""
        inputs = batch["entity_inputs"]
        present = (inputs >= 0)[:, None]
        self.stream = Stream(gather_rows(candidates, inputs.clamp(min=0)) * present, present, batch)

    def _enter(self, _module: torch.nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        """Adds W_e e to the layer's own product for tokens, [1, T, I]."""
        if self.stream is None:
            return output
        if self.attention is not None:
            states = self.attention(self.stream)
            self.stream = dataclasses.replace(self.stream, states=states)
        added = self.enter(self.stream.states) * self.stream.present
        positions = self.stream.batch["entity_input_positions"]
        return output.index_add(1, positions, added.to(output.dtype)[None])

    def _leave(self, _module: torch.nn.Module, _inputs: Any, output: Tensor) -> None:
        """Hands the entities on to the next layer, given h, [1, T, I]."""
        if self.stream is None or self._following is None:
            return
        assert self.leave is not None
        assert self.norm is not None
        positions = self.stream.batch["entity_input_positions"]
        gained = self.dropout(self.leave(gather_rows(output[0], positions)))
        states = self.norm(self.stream.states + gained) * self.stream.present
        self._following.stream = dataclasses.replace(self.stream, states=states)


class EntityAttention(torch.nn.Module):
    """Self-attention between the entities of each row, added and normalised."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        width = config.entity_emb_size
        self._heads = HEAD_COUNT if width % HEAD_COUNT == 0 else 1
        self.qkv = torch.nn.Linear(width, 3 * width)
        self.out = torch.nn.Linear(width, width)
        self.norm = torch.nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.dropout = torch.nn.Dropout(config.hidden_dropout_prob)
        initialise(config, self.qkv, self.out)

    def forward(self, stream: Stream) -> Tensor:
        """Returns float[K, d]."""
        grid = stream.batch["entity_grid"]
        rows, most = grid.shape
        inside = grid >= 0
        # The first cell of a row without entities is attended to, so that no softmax is empty.
        inside = inside | (torch.arange(most, device=inside.device) == 0)
        laid = gather_rows(self.qkv(stream.states), grid.clamp(min=0))
        # [R, E, 3, H, d / H] -> 3 x [R, H, E, d / H]
        query, key, value = laid.view(rows, most, 3, self._heads, -1).permute(2, 0, 3, 1, 4)
        found = scaled_dot_product_attention(query, key, value, attn_mask=inside[:, None, None])
        found = found.transpose(1, 2).reshape(rows * most, -1)
        found = gather_rows(found, stream.batch["entity_cells"])
        states: Tensor = self.norm(stream.states + self.dropout(self.out(found)))
        return states * stream.present
