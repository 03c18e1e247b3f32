"""Noise that takes words away: masked, deleted, or in spans for which one mask stands."""

import abc
import dataclasses
import decimal
import functools
import math
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from schemas.edits import NOTHING, TOKEN
from schemas.records import Array, Int64
from schemas.vocabulary import Vocabulary
from transforms.arrays.edits import Edits
from transforms.arrays.parts import MOST
from transforms.arrays.ragged import Ragged, offsets_of
from transforms.arrays.randomness import DRAWS, threshold
from transforms.arrays.sequences import arranged
from transforms.checks.infilling import (
    Infilled,
    drawn_name,
    examine_infilling,
    infilling_oracles,
    length_oracles,
)
from transforms.contract.corrupting import Copies, RandomIds, Units
from transforms.contract.denoising import CLEAN, NoiseBatch
from transforms.contract.oracle import Findings, Oracle
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch
from transforms.corruption.random_ids import EvenIds
from transforms.corruption.units import TokenUnits, WordUnits
from transforms.denoise.noise import OneNoise, check_rate

_ONE_WORD = (0, DRAWS)


class _WordNoise(OneNoise, abc.ABC):
    """Takes away an exact number of words of each row.

    Attributes:
      fill: What stands in their place, see `schemas.edits`.
    """

    kinds: ClassVar[tuple[str, ...]] = (CLEAN,)
    alone: ClassVar[bool] = False
    fill: ClassVar[int] = TOKEN

    @property
    @abc.abstractmethod
    def units(self) -> Units: ...
    @property
    @abc.abstractmethod
    def rate(self) -> float: ...

    @property
    def active(self) -> bool:
        return self.rate > 0

    @property
    def needs(self) -> frozenset[str]:
        return WordUnits.needs if self.active and self.units.words else frozenset()

    @property
    def law(self) -> tuple[int, ...]:
        """A span has at most n words if 32 random bits are below entry n."""
        return _ONE_WORD

    @property
    def usual(self) -> int:
        """Spans of more words than these are counted as long ones."""
        return 1

    @property
    def random_share(self) -> tuple[float, bool]:
        """Probability of a random id where a mask would be, and whether counts are rounded up."""
        return 0.0, False

    @property
    def random_ids(self) -> RandomIds:
        return EvenIds()

    def apply(self, edits: Edits, batch: NoiseBatch, copies: Copies) -> Edits:
        from transforms.kernels.infilling import TALLIES, infill

        lengths, marks = np.diff(batch.examples.offsets), self.units.marks(batch.examples)
        begins = np.repeat(batch.examples.offsets[:-1], len(copies))
        if edits.orders is not None:
            marks = arranged(batch.clean, edits.orders, batch.layout.edges, marks)
            begins = offsets_of(np.repeat(lengths, len(copies)))[:-1]
        budgets = _budgets(self.rate)
        room = 2 * int(budgets[lengths].sum()) * len(copies)
        starts, ends, fills = (np.empty(room, kind) for kind in ("uint16", "uint16", "uint8"))
        offsets, id_offsets = np.zeros((2, len(edits) + 1), np.int64)
        share, rounded = self.random_share
        choices = self.random_ids.choices(batch.examples, batch.vocabulary)
        tallies = np.zeros(len(TALLIES), np.int64)
        ids = np.empty(room if share else 0, choices[0].dtype)
        infill(
            (lengths, batch.rows),
            (begins, marks),
            budgets,
            np.array(self.law),
            copies.keys,
            (self.fill, threshold(share), int(share * DRAWS) if rounded else 0),
            choices,
            (offsets, starts, ends, fills, id_offsets, ids),
            (self.usual, tallies),
        )
        last, kept = offsets[-1], Ragged(ids[: id_offsets[-1]], id_offsets)
        found = Edits(offsets, starts[:last], ends[:last], fills[:last], kept)
        if len(edits.starts):
            found = edits.overlaid(found)
        counts = dict(zip(map(drawn_name, TALLIES), tallies.tolist(), strict=True))
        return dataclasses.replace(
            found,
            orders=edits.orders,
            rotations=edits.rotations,
            drawn={**edits.drawn, **(counts if self.law != _ONE_WORD else {})},
        )

    def infilled(self, vocabulary: Vocabulary) -> Infilled:
        """Returns what checks know of this noise."""
        share, rounded = self.random_share
        return Infilled(
            fill=self.fill,
            budgets=_budgets(self.rate),
            rate=self.rate,
            law=self.law,
            usual=self.usual,
            random=share,
            rounded=rounded,
            allowed=self.random_ids.allowed(vocabulary),
        )

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        # Of several noises rows do not show which one took a word away. Then the target is checked,
        # and the lengths that were drawn are judged as they were counted.
        if not self.active or rules.edits is None or not rules.edits.one_maker:
            return Findings()
        marks = self.units.marks(batch.examples(rules))
        return examine_infilling(batch, marks, rules.layout, self.infilled(vocabulary))

    def oracles(
        self, totals: Mapping[str, int], rules: RowRules, vocabulary: Vocabulary
    ) -> list[Oracle]:
        if not self.active or rules.edits is None:
            return []
        infilled = self.infilled(vocabulary)
        found = length_oracles(totals, infilled) if infilled.of_several else []
        return [*found, *(infilling_oracles(totals, infilled) if rules.edits.one_maker else ())]


@dataclasses.dataclass(frozen=True, kw_only=True)
class TokenMasking(_WordNoise):
    """A mask stands for each of some tokens, or words.

    Attributes:
      units: Tokens, or words: then one mask stands for all tokens of a word.
      rate: Part of the units, rounded up; 0 switches it off.

    Randomness: 64 bits a unit that is taken.
    Source: Lewis et al. 2020, 2.2; facebookresearch/fairseq fairseq/data/denoising_dataset.py
      (add_whole_word_mask, mask_length "subword" and "word").
    """

    units: Units = TokenUnits()
    rate: float = 0.0

    def __post_init__(self) -> None:
        check_rate("rate", self.rate)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TokenDeletion(TokenMasking):
    """Some tokens, or words, are deleted: the model must find where.

    Attributes:
      units: Tokens, or words.
      rate: Part of the units, rounded up; 0 switches it off.

    Randomness: 64 bits a unit that is taken.
    Source: Lewis et al. 2020, 2.2; facebookresearch/fairseq fairseq/data/denoising_dataset.py
      (replace_length 0).
    """

    fill: ClassVar[int] = NOTHING


@dataclasses.dataclass(frozen=True, kw_only=True)
class TextInfilling(_WordNoise):
    """One mask stands for each of some spans of words; where a span has none, a mask is put in.

    Lengths are drawn until they use up the budget exactly. Spans begin at words of their own; those
    that reach into one another are one.

    Attributes:
      units: Whole words, or tokens.
      rate: Part of the words that spans have together, rounded up; 0 switches it off. As spans
        overlap, fewer words are gone: 26.7 % with a rate of 0.3.
      mean_length: Mean of the Poisson law of the lengths.
      random_ids: The ids that may stand where a mask would be.
      random_rate: Probability of that, for each mask.
      rounded_random: Of the masks that are put in for spans of no word, the number of random ids is
        rounded up, not drawn.

    Randomness: 64 bits a length and word, 32 a mask, and 64 a mask that is put in.
    Source: Lewis et al. 2020, 2.2 (0.3 and 3); facebookresearch/fairseq
      fairseq/data/denoising_dataset.py:262-400 (rounded_random).
    Differs: all draws follow from the seed; each mask that is put in is random by itself, unless
      rounded_random; no more masks are put in than tokens are gone, so that no source is longer
      than its row.
    """

    units: Units = WordUnits()
    rate: float = 0.3
    mean_length: float = 3.0
    random_ids: RandomIds = EvenIds()
    random_rate: float = 0.0
    rounded_random: bool = False

    def __post_init__(self) -> None:
        check_rate("rate", self.rate)
        check_rate("random_rate", self.random_rate)
        if not 0.1 <= self.mean_length <= 64:
            raise ValueError(f"mean_length must be in [0.1, 64], got {self.mean_length}")

    @property
    def law(self) -> tuple[int, ...]:
        return poisson_thresholds(self.mean_length)

    @property
    def usual(self) -> int:
        return math.ceil(self.mean_length)

    @property
    def stores_ids(self) -> bool:
        return self.random_rate > 0

    @property
    def random_share(self) -> tuple[float, bool]:
        return self.random_rate, self.rounded_random


@functools.lru_cache(maxsize=8)
def _budgets(rate: float) -> Int64:
    """Returns int64[65536]: how many of 0, 1, 2 ... words are taken away."""
    found: Array = np.ceil(np.arange(MOST) * rate)
    return found.astype(np.int64)


@functools.lru_cache(maxsize=8)
def poisson_thresholds(mean: float) -> tuple[int, ...]:
    """Returns for n = 0, 1, 2 ... the part of 2**32 that the lengths up to n have.

    Decimal numbers are used, whose exponential is the same on every machine.
    """
    with decimal.localcontext(decimal.Context(prec=40)):
        rate = decimal.Decimal(mean)
        term = total = (-rate).exp()
        found = [round(total * DRAWS)]
        while found[-1] < DRAWS:
            term *= rate / len(found)
            total += term
            found.append(round(total * DRAWS))
    return tuple(found)
