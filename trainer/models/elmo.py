"""ELMo: words from their characters, and a language model in each direction."""

import os
from collections.abc import Callable, Mapping
from typing import Any

import torch
import transformers
from torch import Tensor
from torch.nn.functional import dropout

from schemas.columns import IGNORED
from trainer.models.elmo_config import ElmoConfig
from trainer.models.elmo_lstm import DIRECTIONS, LstmState, TwoWayLstm
from trainer.models.elmo_words import WordEncoder
from trainer.rows.layouts import Batch
from trainer.tasks.guesses import Chosen, Guess, token_guesses
from trainer.tasks.losses import LossTerm
from trainer.tasks.sampled_softmax import LogUniformWords, sampled_term
from trainer.tasks.vocabulary_loss import vocabulary_term

State = Mapping[str, Tensor]
TERMS = ("forward", "reversed")
"""Of the loss, one for each direction."""
_WEIGHT = 0.5


class ElmoNetwork(transformers.PreTrainedModel):
    """The parameters of ELMo, saved and loaded as models of `transformers` are.

    Attributes:
      words: Makes vectors of words.
      layers: LSTMs of both directions.
      softmax: The vocabulary head, which both directions share.
    """

    config_class = ElmoConfig
    base_model_prefix = ""
    main_input_name = "characters"

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.words = WordEncoder(config)
        self.layers = TwoWayLstm(config)
        self.softmax = torch.nn.Linear(config.hidden_size, config.vocab_size)
        torch.nn.init.normal_(self.softmax.weight, std=config.hidden_size**-0.5)
        torch.nn.init.zeros_(self.softmax.bias)
        self.post_init()  # type: ignore[no-untyped-call]

    def _init_weights(self, module: Any) -> None:
        """Leaves the weights as the parts have drawn them."""


class Elmo(torch.nn.Module):
    """ELMo in lanes: the first half of the lanes is read forward, the other half reversed.

    The loss is the mean of both directions, each the mean of its predictions. In training a
    prediction is made against drawn words (`trainer.tasks.sampled_softmax`), unless the vocabulary
    has no more than twice as many words as are drawn; in evaluations always against all words.
    Gradients are those of the loss times the words of a row, as in the reference, and so is the
    norm that they are clipped at.

    A lane goes on with the outputs and cells of its row before, without their gradient.

    Attributes:
      hf: The network.
      stateful: `forward` takes and returns a state: "outputs" float[B, L, d], "cells"
        float[B, L, c].

    Source: allenai/bilm-tf bilm/training.py (LanguageModel, train).
    Differs: the gradient of the vocabulary head has a value for each of its weights, and is that of
      a batch; the reference has slices, and averages those of GPUs.
    """

    layout, notice, stateful = "lanes", "", True
    loaded_by = "trainer.models.elmo_vectors.ElmoVectors.load"

    characters: Tensor

    def __init__(self, hf: ElmoNetwork, characters: Tensor) -> None:
        """Wraps a network.

        Args:
          hf: The network.
          characters: int16[V, 50]; of the words of the data, see `trainer.models.character_ids`.
        """
        super().__init__()
        self.hf = hf
        # It follows from the data, and is in no checkpoint.
        self.register_buffer("characters", characters, persistent=False)
        size, drawn = hf.config.vocab_size, hf.config.negatives
        self._drawn = LogUniformWords(size, drawn) if 2 * drawn < size else None

    def counts(self, batch: Batch) -> dict[str, Tensor]:
        halves = batch["labels"].chunk(DIRECTIONS)
        return {name: (each != IGNORED).sum() for name, each in zip(TERMS, halves, strict=True)}

    def forward(self, batch: Batch, state: State | None = None) -> Any:
        """Returns the terms of the loss, and what lanes go on with."""
        rows, steps = batch["input_ids"].shape
        before = self._before(batch["reset"], state)
        words = self._read(batch["input_ids"]).unflatten(0, (DIRECTIONS, -1))
        found, after = self.hf.layers(words, before)
        hidden = dropout(found[-1], self.hf.config.dropout, self.training)
        labels = batch["labels"].unflatten(0, (DIRECTIONS, -1))
        terms = {
            name: self._term(hidden[number].flatten(0, 1), labels[number].flatten(), steps)
            for number, name in enumerate(TERMS)
        }
        return terms, {name: _by_lane(each, rows) for name, each in after._asdict().items()}

    def guesses(self, batch: Batch, chosen: Chosen) -> dict[str, list[Guess]]:
        """Nothing is remembered of the rows before."""
        words = self._read(batch["input_ids"]).unflatten(0, (DIRECTIONS, -1))
        found, _ = self.hf.layers(words, self._before(batch["reset"], None))
        hidden, labels = found[-1].flatten(0, 2), batch["labels"].flatten()
        slots = torch.arange(len(labels), device=labels.device).chunk(DIRECTIONS)
        return {
            name: [
                # A word stands behind the one that it is predicted from.
                guess._replace(at=guess.at + 1)
                for guess in token_guesses(own, labels[own], self._logits(hidden[own]), chosen)
            ]
            for name, own in zip(TERMS, slots, strict=True)
        }

    def _logits(self, hidden: Tensor) -> Callable[[Tensor], Tensor]:
        """Returns what predicts words of hidden states float[M, d] by their numbers."""
        return lambda at: self.hf.softmax(hidden[at])

    # A batch has most of its words several times; each is read once.
    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def _read(self, ids: Tensor) -> Tensor:
        """Returns float[..., d]: the vectors of words by id."""
        different, places = torch.unique(ids, return_inverse=True)
        vectors = self.hf.words(self.characters[different].long())
        return torch.nn.functional.embedding(places, vectors)

    def _term(self, hidden: Tensor, labels: Tensor, steps: int) -> LossTerm:
        if self.training and self._drawn is not None:
            found = sampled_term(hidden, self.hf.softmax, labels, self._drawn)
        else:
            found = vocabulary_term(hidden, self.hf.softmax, labels)
        # The value is that of the loss, the gradient `steps` times that.
        loss = found.loss * steps - found.loss.detach() * (steps - 1)
        return found._replace(loss=loss, weight=_WEIGHT)

    def _before(self, reset: Tensor, state: State | None) -> LstmState:
        """Returns the state that a batch goes on from: nothing where a lane begins anew."""
        begun: LstmState = self.hf.layers.begin(len(reset) // DIRECTIONS)
        if state is None:
            return begun
        kept = (
            _by_layer(state[name].masked_fill(reset[:, None, None], 0.0))
            for name in LstmState._fields
        )
        return LstmState(*kept)

    def save_pretrained(self, folder: str | os.PathLike[str]) -> None:
        """Writes the network as `trainer.models.elmo_vectors.ElmoVectors` loads it."""
        self.hf.save_pretrained(folder)

    def flops_per_token(self, context: float, targets: float) -> float:
        """Returns the operations of a token: 2 for a multiply-add, backward twice forward.

        Those of reading characters are left out: they depend on how often words come in a batch.
        """
        config = self.hf.config
        width, cells = config.hidden_size, config.cell_size
        layer = 8 * width * cells + cells * width
        drawn = config.vocab_size if self._drawn is None else config.negatives + 1
        return float(6 * (config.num_hidden_layers * layer + targets * width * drawn))


# Layers of directions of lanes, [L, 2, B / 2, d], to lanes of layers, [B, L, d], and back.
def _by_lane(values: Tensor, rows: int) -> Tensor:
    return values.permute(1, 2, 0, 3).reshape(rows, len(values), -1).float()


def _by_layer(values: Tensor) -> Tensor:
    return values.unflatten(0, (DIRECTIONS, -1)).permute(2, 0, 1, 3)
