"""ELECTRA: a small generator fills in masked tokens, a discriminator detects the replaced ones.

Both read packed sequences and share their embeddings.
"""

import os
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from schemas.columns import IGNORED
from trainer.models.attention import use_packed_attention
from trainer.models.encoder import layer_flops
from trainer.rows.layouts import Batch
from trainer.tasks.detection import detected, drawn_by, targets_of_rows
from trainer.tasks.gather import gather_rows
from trainer.tasks.guesses import Chosen, Guess, token_guesses
from trainer.tasks.losses import LossTerm, Rate, cross_entropy_term

GENERATOR, DISCRIMINATOR = "generator", "discriminator"
"""Folders in a checkpoint, each for `from_pretrained`."""
GENERATOR_WEIGHT, DISCRIMINATOR_WEIGHT = 1.0, 50.0


class Electra(torch.nn.Module):
    """Both models of `transformers`, unmodified, trained together.

    The generator predicts the tokens at the targets. A token is sampled from each prediction, and
    replaces the original in the text. The discriminator classifies every token of the rows, special
    ones included, as original or replaced; a sampled token that is the original counts as original.
    No gradient goes through the sampling, which uses torch's generator.

    The terms of the loss are "mlm", of the generator, and "rtd", of the discriminator, with a
    weight of 50. Since nearly all tokens are originals, the accuracy of "rtd" says little; the
    recall of replaced tokens and that of originals are logged as well.

    Source: Clark et al. 2020, 2; google-research/electra run_pretraining.py:96-254,
      pretrain_helpers.py:222-229.

    Attributes:
      generator: An `ElectraForMaskedLM`.
      discriminator: An `ElectraForPreTraining`; its embeddings are the generator's.
    """

    layout, stateful, notice = "packed", False, ""
    loaded_by = "from_pretrained"

    def __init__(self, generator: Any, discriminator: Any, *, longest: int) -> None:
        """Joins two models.

        Args:
          generator: Loses its embeddings, and gets those of the discriminator.
          discriminator: With as many ids and as wide embeddings.
          longest: Maximum tokens of a row.
        """
        super().__init__()
        use_packed_attention(generator)
        use_packed_attention(discriminator)
        generator.electra.embeddings = discriminator.electra.embeddings
        words = discriminator.electra.embeddings.word_embeddings
        generator.generator_lm_head.weight = words.weight
        self.generator, self.discriminator = generator, discriminator
        self._longest = longest

    def counts(self, batch: Batch) -> dict[str, Tensor]:
        return {"mlm": (batch["labels"] != IGNORED).sum(), "rtd": batch["num_tokens"]}

    def forward(self, batch: Batch) -> dict[str, LossTerm]:
        hidden = self._hidden(self.generator, batch, batch["input_ids"], self._longest)
        generator = self.generator
        predicted = generator.generator_lm_head(
            generator.generator_predictions(gather_rows(hidden, batch["target_positions"]))
        )
        seen = batch["input_ids"][0]
        original = with_targets(seen, batch, batch["labels"])
        corrupted = with_targets(original, batch, drawn(predicted))
        logits = self.discriminator.discriminator_predictions(
            self._hidden(self.discriminator, batch, corrupted[None], self._longest)
        )
        return {
            "mlm": cross_entropy_term(predicted, batch["labels"])._replace(weight=GENERATOR_WEIGHT),
            "rtd": detection_term(logits, corrupted != original, batch["num_tokens"]),
        }

    def guesses(self, batch: Batch, chosen: Chosen) -> dict[str, list[Guess]]:
        """Returns those of the generator, and what the discriminator says of tokens it draws."""
        generator, slots = self.generator, batch["target_positions"]
        hidden = self._hidden(generator, batch, batch["input_ids"], self._longest)

        def logits(at: Tensor) -> Tensor:
            found = generator.generator_predictions(hidden[slots[at]])
            predicted: Tensor = generator.generator_lm_head(found)
            return predicted

        original = with_targets(batch["input_ids"][0], batch, batch["labels"])
        corrupted = original.clone()
        at = targets_of_rows(batch, chosen)
        if len(at):
            corrupted[slots[at]] = drawn_by(logits(at), chosen.rng)
        odds = self.discriminator.discriminator_predictions(
            self._hidden(self.discriminator, batch, corrupted[None], self._longest)
        )
        return {
            "mlm": token_guesses(slots, batch["labels"], logits, chosen),
            "rtd": detected(odds, original, corrupted, batch, chosen),
        }

    def hidden(self, batch: Batch, longest: int) -> Tensor:
        """Returns those of the discriminator, see `trainer.models.trainable.TrainableModel`."""
        return self._hidden(self.discriminator, batch, batch["input_ids"], longest)

    def _hidden(self, model: Any, batch: Batch, ids: Tensor, longest: int) -> Tensor:
        """Returns float[T, d]: the hidden states of one of the encoders for tokens [1, T]."""
        return model.electra(
            input_ids=ids,
            token_type_ids=batch["token_type_ids"],
            position_ids=batch["position_ids"],
            cu_seqlens=batch["cu_seqlens"],
            max_seqlen=longest,
        ).last_hidden_state[0]

    def save_pretrained(self, folder: str | os.PathLike[str]) -> None:
        """Writes both models, each into a folder of its own."""
        self.generator.save_pretrained(os.path.join(folder, GENERATOR))
        self.discriminator.save_pretrained(os.path.join(folder, DISCRIMINATOR))

    def flops_per_token(self, context: float, targets: float) -> float:
        """Returns the operations of a token: 2 for a multiply-add, backward twice forward."""
        small, large = self.generator.config, self.discriminator.config
        embedding = large.embedding_size
        layers = sum(each.num_hidden_layers * layer_flops(each, context) for each in (small, large))
        projections = sum(
            each.hidden_size * embedding for each in (small, large) if each.hidden_size != embedding
        )
        generated = targets * embedding * (small.hidden_size + small.vocab_size)
        detected = large.hidden_size * (large.hidden_size + 1)
        return float(6 * (layers + projections + generated + detected))


def with_targets(ids: Tensor, batch: Batch, values: Tensor) -> Tensor:
    """Returns ids [T] with values [M] at the places of the batch's targets."""
    # Slots without a target all write to one extra place, which is cut off.
    at = torch.where(batch["labels"] != IGNORED, batch["target_positions"], len(ids))
    return torch.nn.functional.pad(ids, (0, 1)).scatter(0, at, values)[:-1]


@torch.no_grad()
def drawn(logits: Tensor) -> Tensor:
    """Samples an id from the softmax of each row of logits [M, V]."""
    # The greatest of p / e, with e exponential, is distributed as p is (Gumbel-max).
    noise = torch.empty_like(logits, dtype=torch.float32).exponential_().log()
    return (logits.float() - noise).argmax(-1)


def detection_term(logits: Tensor, replaced: Tensor, count: Tensor) -> LossTerm:
    """Returns the summed loss of the detection of replaced tokens.

    Args:
      logits: float[T]; log-odds that a token is replaced.
      replaced: bool[T].
      count: int64[]; number of real tokens; those after them are padding.
    """
    real = torch.arange(len(logits), device=logits.device) < count
    losses = binary_cross_entropy_with_logits(logits.float(), replaced.float(), reduction="none")
    right = ((logits.detach() > 0) == replaced) & real
    return LossTerm(
        torch.where(real, losses, 0.0).sum(),
        right.sum(),
        weight=DISCRIMINATOR_WEIGHT,
        rates=(
            Rate("replaced_found", (right & replaced).sum(), (real & replaced).sum()),
            Rate("originals_kept", (right & ~replaced).sum(), (real & ~replaced).sum()),
        ),
    )
