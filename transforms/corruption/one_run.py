"""Selects one run of words in every row."""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from schemas.records import Array, Bool, Bytes, Examples, Int64
from schemas.vocabulary import Vocabulary
from transforms.arrays.ragged import offsets_of, range_indices
from transforms.arrays.randomness import random_below, random_bits
from transforms.arrays.spans import Spans
from transforms.checks.one_run import examine_one_run, one_run_oracles
from transforms.contract.axes import Batch
from transforms.contract.oracle import Findings, Oracle
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch
from transforms.contract.unit_table import UnitTable
from transforms.corruption.selector import Selector
from transforms.corruption.units import WordUnits


@dataclasses.dataclass(frozen=True, kw_only=True)
class OneRun(Selector["WordRuns"]):
    """One run of whole words a row, all of whose tokens are free.

    The number of words is uniform in {1..most_words}, and the run begins at a uniform one of the
    words where it has room: it leaves alone what another corruption selected and special tokens,
    and has at most `longest` tokens. Where there is no such place, it has a word less; a row
    without room for a single word has no run.

    Attributes:
      most_words: Maximum number of words of a run.
      longest: Maximum number of tokens of a run.

    Randomness: 32 bits a row for the words, 32 for the place.
    Source: Kong et al. 2020, "A Mutual Information Maximization Perspective of Language
      Representation Learning", 4 (InfoWord); no code was published.
    Differs: the paper does not say how long n-grams are.
    """

    needs: ClassVar[frozenset[str]] = WordUnits.needs
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

    def prepare(self, examples: Examples) -> "WordRuns":
        return word_runs(
            self.units.find(examples), len(examples.ids), self.most_words, self.longest
        )

    def select(self, batch: Batch["WordRuns"], rng: np.random.Generator) -> Spans:
        units, examples = batch.units, batch.examples
        words = random_below(rng, self.most_words, len(examples)) + 1
        places = random_bits(rng, len(examples)).astype(np.uint64)
        room, offsets = units.room(batch.taken), offsets_of(units.counts)
        found: list[Spans] = []
        rows = np.arange(len(examples))
        while len(rows):
            at = range_indices(offsets[rows], units.counts[rows])
            first = np.flatnonzero(room[at] >= np.repeat(words[rows], units.counts[rows]))
            borders = np.searchsorted(first, offsets_of(units.counts[rows]))
            count = np.diff(borders)
            now = np.flatnonzero(count)
            place = (places[rows[now]] * count[now].astype(np.uint64)) >> np.uint64(32)
            begin = at[first[borders[now] + place.astype(np.int64)]]
            found.append(Spans(units.begins[begin], units.ends[begin + words[rows[now]] - 1]))
            rows = rows[(count == 0) & (words[rows] > 1)]
            words[rows] -= 1
        starts = np.concatenate([np.empty(0, np.int64), *(each.starts for each in found)])
        ends = np.concatenate([np.empty(0, np.int64), *(each.ends for each in found)])
        order = np.argsort(starts)
        return Spans(starts[order], ends[order])

    def most_tokens(self, lengths: Int64, max_seq_length: int) -> Int64:
        return np.minimum(lengths, self.longest)

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        units = self.units.examine(batch, rules, vocabulary)
        return units + examine_one_run(batch, self.most_words, self.longest)

    def oracles(
        self, totals: Mapping[str, int], rules: RowRules, vocabulary: Vocabulary
    ) -> list[Oracle]:
        return one_run_oracles(totals, self.most_words)


@dataclasses.dataclass(frozen=True, eq=False)
class WordRuns(UnitTable):
    """Words, and how long the runs are that may begin at each of them.

    Attributes:
      begins: int64[U]; flat position of each word's first token.
      ends: int64[U]; the position behind its last one.
      reach: uint8[U]; maximum number of words of a run that begins there, whatever is taken.
      word_of: int32[T]; the word of each token, -1 for special ones.
    """

    begins: Int64
    ends: Int64
    reach: Bytes
    word_of: Array

    def room(self, taken: Bool | None) -> Bytes:
        """Returns uint8[U]: like `reach`, for runs that have none of the tokens of bool[T]."""
        if taken is None:
            return self.reach
        # The last place is that of special tokens, and the end of the last run.
        met = np.zeros(len(self.begins) + 1, np.bool_)
        met[self.word_of[taken]] = True
        met[-1] = True
        words = np.flatnonzero(met)
        ahead = np.repeat(words, np.diff(words, prepend=-1))[:-1]
        ahead -= np.arange(len(self.begins))
        return np.minimum(self.reach, ahead).astype(np.uint8)


def word_runs(units: UnitTable, tokens: int, most_words: int, longest: int) -> WordRuns:
    """Finds the runs of words, one behind the other in a row, of so many words and tokens at most.

    Example, words of 1, 3 and 1 tokens side by side, at most 2 words and 4 tokens:
      reach [2, 2, 1]: from word 0 the words 0-1 (4 tokens), from word 1 the words 1-2, then 2.

    Args:
      units: The words.
      tokens: Of all rows, special ones included.
      most_words: Of a run.
      longest: Maximum number of tokens of a run.
    """
    begins, ends = _word_borders(units)
    count = len(begins)
    # A word that a separator splits is in no run, which would have the separator in it.
    sizes = np.ones(count, np.int64) if units.lengths is None else units.lengths
    split = ends - begins > sizes
    borders = np.ones(count + 1, np.bool_)
    borders[1:-1] = (begins[1:] != ends[:-1]) | split[1:]
    borders[offsets_of(units.counts)] = True
    last = np.flatnonzero(borders)
    reach = np.repeat(last[1:], np.diff(last))
    np.minimum(reach, np.searchsorted(ends, begins + longest, "right"), out=reach)
    reach = np.minimum(reach - np.arange(count), most_words)
    reach[split] = 0
    word_of = np.full(tokens, -1, np.int32)
    word_of[units.candidates] = units.unit_of
    return WordRuns(
        units.candidates,
        units.starts,
        units.lengths,
        units.counts,
        begins=begins,
        ends=ends,
        reach=reach.astype(np.uint8),
        word_of=word_of,
    )


def _word_borders(units: UnitTable) -> tuple[Int64, Int64]:
    """Returns the flat positions where words begin and end."""
    if units.lengths is None:
        positions = units.candidates[units.starts]
        return positions, positions + 1
    last = units.candidates[units.starts + units.lengths - 1]
    return units.candidates[units.starts], last + 1
