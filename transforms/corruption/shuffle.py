"""Puts the units of windows into another order."""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from schemas.columns import WORDS
from schemas.records import Array, Examples
from schemas.vocabulary import Vocabulary
from transforms.checks.oracle import Findings, Oracle
from transforms.checks.part import Part
from transforms.checks.stored import StoredBatch
from transforms.checks.trigrams import ORDERS, SIZE, examine_orders, order_oracles
from transforms.corruption.trigrams import TrigramWindows
from transforms.ragged import range_indices
from transforms.randomness import random_below
from transforms.spans import Spans

if TYPE_CHECKING:
    from transforms.objectives.recipe import Corruption, Recipe


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShuffleTrigrams(Part):
    """The three units of every window in a random order, all orders being equally likely.

    A unit is moved as a whole, so the tokens of a word stay together.

    Attributes:
      identity: The order that they have is one of the six; else it is left out, and a window whose
        units are equal may still look as before.

    Randomness: 32 bits a window.
    Source: Wang et al. 2020 (StructBERT), 2.2.
    """

    identity: bool = True

    @property
    def roles(self) -> frozenset[str]:
        return frozenset()

    def check(self, corruption: "Corruption") -> None:
        if not isinstance(corruption.select, TrigramWindows):
            raise ValueError(
                "ShuffleTrigrams needs windows of three units, which TrigramWindows selects; "
                f"{type(corruption.select).__name__} selects something else"
            )

    def rewrite(
        self, examples: Examples, spans: Spans, vocabulary: Vocabulary, rng: np.random.Generator
    ) -> Array:
        """Returns the ids seen; `spans` are units, and every three of them are a window."""
        starts = spans.starts.reshape(-1, SIZE)
        lengths = (spans.ends - spans.starts).reshape(-1, SIZE)
        orders = ORDERS if self.identity else ORDERS[1:]
        drawn = orders[random_below(rng, len(orders), len(starts))]
        starts = np.take_along_axis(starts, drawn, axis=1)
        lengths = np.take_along_axis(lengths, drawn, axis=1)
        return examples.ids[range_indices(starts.ravel(), lengths.ravel())]

    def examine(self, batch: StoredBatch, recipe: "Recipe", vocabulary: Vocabulary) -> Findings:
        select = recipe.stored[len(batch.earlier)].select
        if not isinstance(select, TrigramWindows):
            raise TypeError(f"{type(select).__name__} selects no windows")
        return examine_orders(batch, words=WORDS in select.units.needs, identity=self.identity)

    def oracles(
        self, totals: Mapping[str, int], recipe: "Recipe", vocabulary: Vocabulary
    ) -> list[Oracle]:
        return order_oracles(totals, identity=self.identity)
