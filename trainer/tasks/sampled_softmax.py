"""The loss of a large vocabulary against some of its words, drawn for each batch."""

import math

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, embedding, linear

from schemas.columns import IGNORED
from trainer.tasks.losses import LossTerm
from trainer.tasks.vocabulary_loss import LinearHead

_SPREAD = 8.0
"""Standard deviations of the number of different words for which there are draws to spare."""


class LogUniformWords:
    """Draws different words, a frequent one more likely than a rare one.

    Word k of V has the probability log((k + 2) / (k + 1)) / log(V + 1), which suits words that are
    sorted by their counts. Draws go on until there are as many different words as wanted.

    Source: tensorflow, tf.nn.sampled_softmax_loss and log_uniform_candidate_sampler, unique.

    Attributes:
      count: Words that are drawn.
    """

    def __init__(self, vocabulary: int, count: int) -> None:
        """Finds out how many draws are enough.

        Args:
          vocabulary: V.
          count: Different words that are wanted, at most half of V.
        """
        if not 0 < 2 * count <= vocabulary:
            raise ValueError(f"count must be in [1, {vocabulary // 2}], got {count}")
        self.count, self._vocabulary = count, vocabulary
        # On the CPU, wherever the model is made.
        chances = self.chances(torch.arange(vocabulary, device="cpu"))
        self._draws = count
        while _different(chances, self._draws) < count + _SPREAD * math.sqrt(count):
            self._draws += -(-self._draws // 8)

    def chances(self, words: Tensor) -> Tensor:
        """Returns float64: the probability of each of some words in one draw."""
        return torch.log1p(1 / (words.double() + 1)) / math.log(self._vocabulary + 1)

    # Wanted 3, draws 0 4 0 1 7 1: first draws 1 1 0 1 1 0, counted 1 2 2 3 4 4: 0 4 1, 4 tries.
    def draw(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Returns int64[N] different words, and float64[]: how many draws it took.

        It takes its random numbers from torch's generator, and waits for no device.
        """
        uniform = torch.rand(self._draws, dtype=torch.float64, device=device)
        drawn = torch.exp(uniform * math.log(self._vocabulary + 1)).long() - 1
        drawn = drawn.clamp(0, self._vocabulary - 1)
        ordered, order = torch.sort(drawn, stable=True)
        first = torch.ones_like(ordered, dtype=torch.bool)
        first[1:] = ordered[1:] != ordered[:-1]
        counted = torch.empty_like(first).scatter_(0, order, first).cumsum(0)
        wanted = torch.arange(1, self.count + 1, device=device)
        at = torch.searchsorted(counted, wanted).clamp(max=self._draws - 1)
        return drawn[at], (at[-1] + 1).double()

    def expected(self, words: Tensor, tries: Tensor) -> Tensor:
        """Returns float64: the chance of each word to be among the drawn ones after `tries`."""
        return -torch.expm1(tries * torch.log1p(-self.chances(words)))


def _different(chances: Tensor, draws: int) -> float:
    """Returns how many different words so many draws give on the average."""
    return float(-torch.expm1(draws * torch.log1p(-chances)).sum())


def sampled_term(
    hidden: Tensor, head: LinearHead, labels: Tensor, words: LogUniformWords
) -> LossTerm:
    """Returns the loss of labels against drawn words that are no label of the same place.

    A logit is lowered by the logarithm of how often its word is expected among the candidates, so
    the sum over them stands for that over the vocabulary. `correct` counts the labels with the
    largest of these logits.

    Args:
      hidden: float[M, d].
      head: With a weight of [V, d], rows sorted by the counts of words.
      labels: int64[M]; -100 is ignored.
      words: Draws the candidates, once for all places.
    """
    candidates, tries = words.draw(hidden.device)
    given = labels.clamp(min=0)
    true = (hidden.float() * embedding(given, head.weight).float()).sum(1) + head.bias[given]
    true = true - words.expected(given, tries).log().float()
    others = linear(hidden, embedding(candidates, head.weight), head.bias[candidates]).float()
    others = others - words.expected(candidates, tries).log().float()
    others = others.masked_fill(candidates == given[:, None], -math.inf)
    logits = torch.cat([true[:, None], others], dim=1)
    first = torch.zeros_like(labels).masked_fill(labels == IGNORED, IGNORED)
    loss = cross_entropy(logits, first, ignore_index=IGNORED, reduction="sum")
    correct = (logits.detach().argmax(1) == 0) & (labels != IGNORED)
    return LossTerm(loss, correct.sum())
