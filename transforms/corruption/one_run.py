"""Selects one run of words in every row."""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from schemas.records import Bool, Examples, Int64
from schemas.vocabulary import Vocabulary
from transforms.checks.one_run import examine_one_run, one_run_oracles
from transforms.checks.oracle import Findings, Oracle
from transforms.checks.part import Part
from transforms.checks.stored import StoredBatch
from transforms.corruption.units import UnitTable, WordUnits
from transforms.ragged import offsets_of, row_numbers
from transforms.randomness import random_below, random_bits
from transforms.spans import Spans

if TYPE_CHECKING:
    from transforms.objectives.recipe import Recipe


@dataclasses.dataclass(frozen=True, kw_only=True)
class OneRun(Part):
    """One run of whole words a row, all of whose tokens are free.

    The number of words is uniform in {1..most_words}, and the run begins at a uniform one of the
    words where it has room: it leaves alone what another corruption selected and special tokens,
    and has at most `most_tokens` tokens. Where there is no such place, it has a word less; a row
    without room for a single word has no run.

    Attributes:
      most_words: Longest run in words.
      longest: Longest run in tokens.

    Randomness: 32 bits a row for the words, 32 for the place.
    Source: Kong et al. 2020, "A Mutual Information Maximization Perspective of Language
      Representation Learning", 4 (InfoWord); no code was published.
    Differs: the paper does not say how long n-grams are.
    """

    avoids_taken: ClassVar[bool] = True

    most_words: int = 5
    longest: int = 16

    def __post_init__(self) -> None:
        if not 1 <= self.most_words <= 32:
            raise ValueError(f"most_words must be in [1, 32], got {self.most_words}")
        if self.longest < 1:
            raise ValueError(f"longest must be at least 1, got {self.longest}")

    @property
    def units(self) -> WordUnits:
        return WordUnits()

    def prepare(self, examples: Examples) -> UnitTable:
        return self.units.find(examples)

    def select(
        self,
        examples: Examples,
        units: UnitTable,
        max_seq_length: int,
        rng: np.random.Generator,
        taken: Bool | None = None,
    ) -> Spans:
        words = random_below(rng, self.most_words, len(examples)) + 1
        places = random_bits(rng, len(examples)).astype(np.uint64)
        begins, ends = _word_borders(units)
        free = np.ones(len(begins), np.bool_)
        if taken is not None:
            before = offsets_of(taken)
            free = before[ends] == before[begins]
        row = row_numbers(units.counts)
        found: list[Spans] = []
        open_rows = np.ones(len(examples), np.bool_)
        for size in range(self.most_words, 0, -1):
            first = np.flatnonzero(_has_room(begins, ends, free, row, size, self.longest))
            count = np.bincount(row[first], minlength=len(examples))
            now = np.flatnonzero(open_rows & (words >= size) & (count > 0))
            place = (places[now] * count[now].astype(np.uint64)) >> np.uint64(32)
            at = first[offsets_of(count)[now] + place.astype(np.int64)]
            found.append(Spans(begins[at], ends[at + size - 1]))
            open_rows[now] = False
        starts = np.concatenate([each.starts for each in found])
        order = np.argsort(starts)
        return Spans(starts[order], np.concatenate([each.ends for each in found])[order])

    def most_tokens(self, lengths: Int64, max_seq_length: int) -> Int64:
        return np.minimum(lengths, self.longest)

    def examine(self, batch: StoredBatch, recipe: "Recipe", vocabulary: Vocabulary) -> Findings:
        return examine_one_run(batch, self.most_words, self.longest)

    def oracles(
        self, totals: Mapping[str, int], recipe: "Recipe", vocabulary: Vocabulary
    ) -> list[Oracle]:
        return one_run_oracles(totals, self.most_words)


def _word_borders(units: UnitTable) -> tuple[Int64, Int64]:
    """Returns the flat positions where words begin and end."""
    if units.lengths is None:
        positions = units.candidates[units.starts]
        return positions, positions + 1
    last = units.candidates[units.starts + units.lengths - 1]
    return units.candidates[units.starts], last + 1


def _has_room(begins: Int64, ends: Int64, free: Bool, row: Int64, size: int, longest: int) -> Bool:
    """Says of each word whether a run of `size` free words, one behind the other, begins there."""
    room = np.zeros(len(begins), np.bool_)
    if size > len(begins):
        return room
    count = len(begins) - size + 1
    together = offsets_of(free)
    last = np.arange(size - 1, len(begins))
    joined = offsets_of(np.append(begins[1:] == ends[:-1], [True])[: len(begins)])
    room[:count] = (
        (together[last + 1] - together[:count] == size)
        & (row[last] == row[:count])
        & (joined[last] - joined[:count] == size - 1)
        & (ends[last] - begins[:count] <= longest)
    )
    return room
