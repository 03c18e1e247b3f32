"""Checks of fragments that are gone from the source, and of noise in what the decoder is given."""

from collections.abc import Mapping

import numpy as np

from schemas.edits import NOTHING
from schemas.records import Int64
from transforms.arrays.ragged import Ragged, offsets_of
from transforms.arrays.sequences import Sequences, shifted
from transforms.checks.denoising import broken_lists, sequence_counts
from transforms.checks.fragments import splice
from transforms.contract.oracle import Findings, Oracle, between, breach, gather, mean_rate, percent
from transforms.contract.rules import RowLayout
from transforms.contract.stored import StoredBatch

_LEAST = 1_000_000
"""What is rarer than one of so many is not counted to happen by chance."""


def examine_scattered(
    batch: StoredBatch, layout: RowLayout, budgets: Int64, short: int, long: int
) -> Findings:
    """Checks how much is taken away, and counts copies whose fragments are all short.

    Args:
      batch: The rows.
      layout: Special tokens around their text.
      budgets: int64[N]; tokens to take away of n tokens of text.
      short: Longest of the short fragments.
      long: Longest of the long ones.
    """
    edits, (before, behind) = batch.edits, layout.edges
    lengths = np.repeat(batch.lengths, batch.copies)
    wanted = budgets[lengths - before - behind]
    sizes = edits.lengths
    row = np.repeat(np.arange(len(edits)), edits.counts)
    strange = (sizes < 1) | (sizes > long) | (edits.starts < before) | (edits.fills != NOTHING)
    strange |= edits.ends > lengths[row] - behind
    wrong = np.diff(offsets_of(sizes)[edits.offsets]) != wanted
    wrong |= np.diff(offsets_of(strange)[edits.offsets]) > 0
    some_long = np.diff(offsets_of(sizes > short)[edits.offsets]) > 0
    counted = wanted > short
    alike = _shortest_alone(short, long)
    counts = {
        "fragments.copies": int(np.count_nonzero(counted)),
        "fragments.short_copies": int(np.count_nonzero(counted & ~some_long)),
        "fragments.short_by_chance": int(
            alike[np.minimum((wanted[counted] - 1) // short, len(alike) - 1)].sum()
        ),
    }
    name = "a copy takes away another number of tokens, or fragments of other lengths"
    return Findings(counts) + broken_lists(batch, name, wrong)


def range_oracles(totals: Mapping[str, int], short_share: float) -> list[Oracle]:
    """Judges how many copies have short fragments, of those that lose more than a short one.

    Long fragments can be as long as the longest short one, all of them.
    """
    copies, short, chance = (
        totals.get(f"fragments.{name}", 0) for name in ("copies", "short_copies", "short_by_chance")
    )
    alike = chance / 1e6 / max(copies, 1)
    p = short_share + (1 - short_share) * alike
    found = mean_rate("fragments of a copy are short at the rate", short, copies, p)
    why = f"{percent(short_share)} are drawn so, and of the others {percent(alike)} look like it"
    return [found.explained(why, "fragments.short_copies")]


def _shortest_alone(short: int, long: int) -> Int64:
    """Returns int64[K]: how likely none of 0, 1, 2 ... long fragments is longer than the shortest.

    In millionths. The last one is of all higher numbers, too: 0, or 1,000,000 if all are alike.
    """
    lengths = long - short + 1
    found = [_LEAST]
    while found[-1] and lengths > 1:
        ways = lengths ** len(found)
        found.append((2 * _LEAST + ways) // (2 * ways))
    return np.array(found)


def examine_generated(batch: StoredBatch, made: Sequences, start: int) -> Findings:
    """Checks that fragments, put at their positions, give the row, and counts noise.

    Args:
      batch: The rows.
      made: Their sources and targets.
      start: The token that the decoder is given first.
    """
    assert made.target_positions is not None
    target, ends = made.target, made.target.offsets[1:] - 1
    inner = np.ones(len(target.values), np.bool_)
    inner[ends] = False
    fragments = Ragged(target.values[inner], target.offsets - np.arange(len(target.offsets)))
    places = made.target_positions[inner] - np.uint16(1)
    begins = np.repeat(np.repeat(batch.offsets[:-1], batch.copies), fragments.lengths)
    broken = splice(batch, made.source, fragments, batch.ids[begins + places], places)
    clean = shifted(target, start)
    firsts = np.zeros(len(clean), np.bool_)
    firsts[target.offsets[:-1]] = True
    replaced = made.decoder_input != clean
    lasts = np.repeat(batch.ids[batch.offsets[1:] - 1], batch.copies)
    wrong = (target.values[ends] != lasts) | replaced[target.offsets[:-1]]
    counts = {
        "denoise.given": int(np.count_nonzero(~firsts)),
        "denoise.replaced": int(np.count_nonzero(replaced & ~firsts)),
    }
    return gather(
        [
            sequence_counts(made),
            Findings(counts),
            breach("a target put back into its source does not give the row", broken),
            broken_lists(batch, "a decoder does not begin and end as its row does", wrong),
        ]
    )


def noise_oracles(totals: Mapping[str, int], p: float, choices: int) -> list[Oracle]:
    """Judges how many tokens of the decoder's input are others; a random one may be the same."""
    given, replaced = (totals.get(f"denoise.{name}", 0) for name in ("given", "replaced"))
    name = "tokens that a decoder is given are random at the rate"
    found = between(name, replaced, given, p * (1 - 1 / choices), p)
    why = f"{percent(p)} are drawn for it, and a random draw may give the token itself"
    return [found.explained(why, "denoise.replaced")]
