"""What the model sees in place of selected tokens."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

import numpy as np

from schemas.records import Array, Examples, Int64
from schemas.vocabulary import Vocabulary, check_roles
from transforms.checks.oracle import Findings, Oracle
from transforms.checks.part import Part
from transforms.checks.rewriting import examine_rewriting, rewriting_oracles
from transforms.checks.stored import StoredBatch
from transforms.randomness import random_below, random_bits
from transforms.spans import Spans

if TYPE_CHECKING:
    from transforms.objectives.recipe import Recipe

_SCALE = 1 << 32


class Rewrite(Protocol):
    """Returns the ids seen at the positions of spans. `roles` are the special tokens needed."""

    @property
    def roles(self) -> frozenset[str]: ...

    def rewrite(
        self, examples: Examples, spans: Spans, vocabulary: Vocabulary, rng: np.random.Generator
    ) -> Array: ...


@functools.lru_cache(maxsize=8)
def _all_but(size: int, excluded: tuple[int, ...]) -> Int64:
    allowed = np.ones(size, np.bool_)
    allowed[list(excluded)] = False
    return np.flatnonzero(allowed)


@dataclasses.dataclass(frozen=True, kw_only=True)
class MaskRandomKeep(Part):
    """For each token on its own: the mask token, a random token, or the token itself.

    Attributes:
      mask: Probability of the mask token.
      random: Probability of a random token; what remains is kept.
      exclude: Roles of special tokens that are never drawn at random.

    Randomness: 32 bits a token, and one uniform id for each token that becomes random, which may
      be the token itself.
    Source: google-research/bert create_pretraining_data.py:393-407 (whole vocabulary);
      PaddlePaddle/ERNIE, branch repro, ernie/batching.py:25-117 (all but <pad>);
      fairseq data/mask_tokens_dataset.py:170-226 (all but <s> <pad> </s> <unk>).
    """

    mask: float = 0.8
    random: float = 0.1
    exclude: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_roles(self.exclude)
        if not (self.mask >= 0 and self.random >= 0 and self.mask + self.random <= 1):
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
        seen = examples.ids[spans.positions()]
        draw = random_bits(rng, len(seen))
        masked = draw < round(self.mask * _SCALE)
        changed = draw < round((self.mask + self.random) * _SCALE)
        replaced = np.flatnonzero(masked != changed)
        if self.mask:
            np.putmask(seen, masked, vocabulary.mask)
        allowed = self.replacements(vocabulary)
        seen[replaced] = allowed[random_below(rng, len(allowed), len(replaced))]
        return seen

    def replacements(self, vocabulary: Vocabulary) -> Int64:
        """Returns the ids a random token is drawn from, ascending."""
        excluded = [vocabulary.roles[role] for role in self.exclude if role in vocabulary.roles]
        return _all_but(vocabulary.size, (*excluded, *vocabulary.unused))

    def examine(self, batch: StoredBatch, recipe: "Recipe", vocabulary: Vocabulary) -> Findings:
        return examine_rewriting(batch, self, vocabulary)

    def oracles(
        self, totals: Mapping[str, int], recipe: "Recipe", vocabulary: Vocabulary
    ) -> list[Oracle]:
        return rewriting_oracles(totals, self, vocabulary)
