"""What the model sees in place of selected tokens."""

import dataclasses
from typing import Protocol

import numpy as np

from schemas.records import Array, Examples, Int64
from schemas.vocabulary import Vocabulary
from transforms.spans import Spans

_SCALE = 1 << 32


class Rewrite(Protocol):
    """Returns the ids seen at the positions of spans. `roles` are the special tokens needed."""

    @property
    def roles(self) -> frozenset[str]: ...

    def rewrite(
        self, examples: Examples, spans: Spans, vocabulary: Vocabulary, rng: np.random.Generator
    ) -> Array: ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class MaskRandomKeep:
    """For each token on its own: the mask token, a random token, or the token itself.

    Attributes:
      mask: Probability of the mask token.
      random: Probability of a random token; what remains is kept.
      exclude: Roles of special tokens that are never drawn at random.

    Randomness: 32 bits a token, and one uniform id for each token that becomes random, which may
      be the token itself.
    Source: google-research/bert create_pretraining_data.py:393-407 (whole vocabulary);
      fairseq data/mask_tokens_dataset.py:170-226 (all but <s> <pad> </s> <unk>).
    """

    mask: float = 0.8
    random: float = 0.1
    exclude: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if min(self.mask, self.random) < 0 or self.mask + self.random > 1:
            raise ValueError(
                "mask and random must be at least 0 and at most 1 together, "
                f"got {self.mask} and {self.random}"
            )

    @property
    def roles(self) -> frozenset[str]:
        return frozenset({"mask"} if self.mask else ())

    def rewrite(
        self, examples: Examples, spans: Spans, vocabulary: Vocabulary, rng: np.random.Generator
    ) -> Array:
        original = examples.ids[spans.positions()]
        draw = rng.integers(0, _SCALE, len(original), np.uint32)
        seen = original.copy()
        below = round(self.mask * _SCALE)
        masked = draw < below
        if self.mask:
            seen[masked] = vocabulary.mask
        replaced = np.flatnonzero((draw < round((self.mask + self.random) * _SCALE)) & ~masked)
        allowed = self.replacements(vocabulary)
        seen[replaced] = allowed[rng.integers(0, len(allowed), len(replaced))]
        return seen

    def replacements(self, vocabulary: Vocabulary) -> Int64:
        """Returns the ids a random token is drawn from, ascending."""
        excluded = [vocabulary.roles[role] for role in self.exclude if role in vocabulary.roles]
        return np.setdiff1d(np.arange(vocabulary.size), excluded)
