"""Checks of fragments, and of the sources and targets that follow from them."""

from collections.abc import Mapping

import numpy as np

from schemas.edits import TOKEN
from schemas.records import Array, Bool, Int64
from transforms.arrays.ragged import Ragged, offsets_of, read_only, row_numbers
from transforms.arrays.sequences import Sequences
from transforms.checks.denoising import broken_lists, first_halves, half_oracle, sequence_counts
from transforms.contract.oracle import (
    Findings,
    Oracle,
    breach,
    gather,
    in_millionths,
    mean_rate,
    percent,
    uniformity,
)
from transforms.contract.stored import StoredBatch

_EIGHTHS = 8


def examine_fragments(batch: StoredBatch, made: Sequences) -> Findings:
    """Checks that a target, put at its positions in the source, gives the row.

    Args:
      batch: The rows.
      made: Their sources and targets.
    """
    assert made.positions is not None
    broken = splice(batch, made.source, made.target, made.decoder_input, made.positions)
    name = "a target put back into its source does not give the row"
    return sequence_counts(made) + breach(name, broken)


def splice(
    batch: StoredBatch, source: Ragged, target: Ragged, given: Array, positions: Array
) -> Bool:
    """Returns bool[R]: rows that a target, put at its places in the source, does not give.

    Args:
      batch: The rows.
      source: One for each copy of each row.
      target: The same.
      given: [N]; the token before each token of the target.
      positions: uint16[N]; of these.
    """
    from transforms.kernels.splicing import splice_fragments

    broken = np.zeros(len(batch), np.bool_)
    columns = (target.offsets, target.values, given, positions)
    offsets, ids, before, places = map(read_only, columns)
    splice_fragments(
        batch.clean.arrays,
        (read_only(source.offsets), read_only(source.values)),
        (offsets, ids, before, places),
        broken,
    )
    return broken


def examine_one_fragment(batch: StoredBatch) -> Findings:
    """Checks that the one fragment of each copy is behind the first token.

    Its length follows from that of the row, and that it ends in the row has been checked.
    """
    edits, lengths = batch.edits, np.repeat(batch.lengths, batch.copies)
    places = lengths - edits.lengths
    # Where there is one place alone, a fragment is at the begin and at the end.
    several = places > 1
    counts = {
        "fragments.of_several": int(np.count_nonzero(several)),
        "fragments.first": int(np.count_nonzero(several & (edits.starts == 1))),
        "fragments.last": int(np.count_nonzero(several & (edits.ends == lengths))),
        # One of the places by chance.
        "fragments.by_chance": in_millionths(1 / places[several]),
    }
    name = "a copy does not have one fragment of the right length"
    return Findings(counts) + broken_lists(batch, name, edits.starts < 1)


def place_oracles(totals: Mapping[str, int], at_begin: float, at_end: float) -> list[Oracle]:
    """Judges how often fragments are at the begin and at the end of rows.

    A fragment that may be anywhere is there by chance, too.
    """
    rows = totals.get("fragments.of_several", 0)
    chance = totals.get("fragments.by_chance", 0) / 1e6 / max(rows, 1)
    anywhere = 1 - at_begin - at_end
    return [
        mean_rate(
            f"fragments are at the {place} of rows at the rate",
            totals.get(f"fragments.{name}", 0),
            rows,
            share + anywhere * chance,
        ).explained(
            f"{percent(share)} are put there, and of the {percent(anywhere)} that may be anywhere "
            f"{percent(chance)} are there by chance",
            f"fragments.{name}",
        )
        for place, name, share in (("begin", "first", at_begin), ("end", "last", at_end))
    ]


def examine_blocks(batch: StoredBatch, edges: tuple[int, int], sizes: Int64) -> Findings:
    """Checks that each block of a row has one fragment of the right length, and no other.

    Args:
      batch: The rows.
      edges: Tokens at the begin and at the end of a row that are in no block.
      sizes: int64[B + 1]; tokens of the fragment in blocks of n tokens.
    """
    edits, block = batch.edits, len(sizes) - 1
    lengths = np.repeat(batch.lengths, batch.copies) - sum(edges)
    blocks = -(-lengths // block)
    last = sizes[lengths - (blocks - 1) * block]
    # A block may be too short for a fragment, unless it is the first one.
    others = (blocks - 2) * (sizes[block] > 0) + (last > 0)
    wanted = np.where(blocks > 1, 1 + others, blocks)
    wrong = edits.counts != wanted
    counts: dict[str, int] = {}
    if not wrong.any():
        rows = row_numbers(edits.counts)
        number = np.arange(len(rows)) - edits.offsets[:-1][rows]
        length = np.minimum(lengths[rows] - number * block, block)
        size = np.maximum(sizes[length], number == 0)
        start = edits.starts - np.int64(edges[0]) - number * block
        strange = (edits.lengths != size) | (start < 0) | (start + size > length)
        strange |= edits.fills != TOKEN
        wrong = np.diff(offsets_of(strange)[edits.offsets]) > 0
        full = length == block
        if not wrong.any():
            counts = first_halves("fragments.placed", start, length - size + 1)
            eighth = start[full] * _EIGHTHS // (block - max(sizes[-1], 1) + 1)
            for part, hits in enumerate(np.bincount(eighth, minlength=_EIGHTHS)):
                counts[f"fragments.eighth_{part + 1}"] = int(hits)
    name = "a block does not have one fragment of the right length"
    return gather([Findings(counts), broken_lists(batch, name, wrong)])


def start_oracles(totals: Mapping[str, int], block: int, size: int) -> list[Oracle]:
    """Judges where fragments begin in full blocks, and in all."""
    hits = [totals.get(f"fragments.eighth_{n + 1}", 0) for n in range(_EIGHTHS)]
    places = block - max(size, 1) + 1
    weights = np.bincount(np.arange(places) * _EIGHTHS // places, minlength=_EIGHTHS)
    found = uniformity("fragments begin at all places of a block", hits, weights.tolist())
    return [
        found.explained("of full blocks", "fragments.eighth"),
        half_oracle("fragments begin in the first half of places", totals, "fragments.placed"),
    ]
