"""The layers of a fine-tuned encoder of `transformers`, computed one by one on packed rows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from torch import Tensor

from trainer.models.attention import use_packed_attention
from trainer.models.task_families import TASK_FAMILIES
from trainer.models.token_types import known_types
from trainer.tasks.gather import gather_rows


def _embedded(backbone: Any, **given: Tensor) -> Tensor:
    found: Tensor = backbone.embeddings(**given)
    # ELECTRA's, if they are narrower than its layers.
    project = getattr(backbone, "embeddings_project", None)
    return found if project is None else project(found)


def _embedded_albert(backbone: Any, **given: Tensor) -> Tensor:
    found: Tensor = backbone.encoder.embedding_hidden_mapping_in(backbone.embeddings(**given))
    return found


def _layers(backbone: Any) -> Sequence[Any]:
    return list(backbone.encoder.layer)


def _layers_albert(backbone: Any) -> Sequence[Any]:
    """Returns the layers of ALBERT: groups of shared weights, each as often as it is used."""
    groups, count = backbone.encoder.albert_layer_groups, backbone.config.num_hidden_layers
    return [groups[int(number / (count / len(groups)))] for number in range(count)]


_EMBED: Mapping[str, Callable[..., Tensor]] = {"albert": _embedded_albert}
"""By the `model_type` of the configuration, where it is not `_embedded`: given the encoder, and
`input_ids`, `token_type_ids` and `position_ids`, returns what its first layer is given."""
_LAYERS: Mapping[str, Callable[[Any], Sequence[Any]]] = {"albert": _layers_albert}
"""The same of `_layers`: returns the layers of an encoder in the order in which they are
computed."""


class Stack:
    """A classifier of `transformers` as embeddings, layers and a head.

    Attributes:
      hf: The model; its attention is that of `trainer.models.attention` from here on.
      layers: Of its encoder.
    """

    def __init__(self, hf: Any) -> None:
        """Takes a model apart, of a type in `trainer.models.task_families.TASK_FAMILIES`."""
        use_packed_attention(hf)
        kind = hf.config.model_type
        self.hf, self._family = hf, TASK_FAMILIES[kind]
        self._embed: Callable[..., Tensor] = _EMBED.get(kind, _embedded)
        self.layers = _LAYERS.get(kind, _layers)(hf.base_model)
        self._first = self._family.first_position(hf.config)

    @property
    def positions(self) -> int:
        """Tokens of the longest row that it can be given."""
        return int(self.hf.config.max_position_embeddings) - self._first

    def embed(self, ids: Tensor, types: Tensor, positions: Tensor) -> Tensor:
        """Returns float[1, T, d]: what the first layer is given.

        Args:
          ids: int64[1, T].
          types: int64[1, T]; token types, taken as 0 by a model with one type.
          positions: int64[1, T]; from 0 in each row.
        """
        return self._embed(
            self.hf.base_model,
            input_ids=ids,
            token_type_ids=known_types(self.hf.config, types),
            position_ids=positions + self._first,
        )

    def layer(self, number: int, hidden: Tensor, cu_seqlens: Tensor, longest: int) -> Tensor:
        """Returns float[1, T, d]: what a layer makes of the hidden states of packed rows.

        Args:
          number: Of the layer, from 0.
          hidden: float[1, T, d].
          cu_seqlens: int32[S + 1]; where rows begin, and the last one ends.
          longest: No row is longer.
        """
        found: Tensor = self.layers[number](hidden, cu_seqlens=cu_seqlens, max_seqlen=longest)
        return found

    def states(self, hidden: Tensor, cu_seqlens: Tensor, longest: int) -> Iterator[Tensor]:
        """Yields float[1, T, d] after each layer, given what `embed` returned."""
        for number in range(len(self.layers)):
            hidden = self.layer(number, hidden, cu_seqlens, longest)
            yield hidden

    def choose(self, hidden: Tensor, cu_seqlens: Tensor) -> Tensor:
        """Returns float[S, 1]: the scores of rows, of a model for multiple choice."""
        return self._family.classifiers.choices(self.hf, first_tokens(hidden[0], cu_seqlens))

    def tag(self, hidden: Tensor) -> Tensor:
        """Returns float[T, N]: the logits of tokens, of a model for token classification."""
        found: Tensor = self.hf.classifier(self.hf.dropout(hidden[0]))
        return found

    def classify(self, hidden: Tensor, cu_seqlens: Tensor) -> Tensor:
        """Returns float[S, N]: the logits of rows, from float[1, T, d] of the last layer."""
        return self._family.classifiers.rows(self.hf, first_tokens(hidden[0], cu_seqlens))


def first_tokens(hidden: Tensor, cu_seqlens: Tensor) -> Tensor:
    """Returns float[S, d]: the hidden state of the first token of each packed row."""
    return gather_rows(hidden, cu_seqlens[:-1].clamp(max=len(hidden) - 1))
