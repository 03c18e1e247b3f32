"""Checks of edits, and of the sources and targets that follow from them."""

from collections.abc import Mapping

import numpy as np

from schemas.edits import NOTHING, TOKEN
from schemas.records import Array, Bool, Int64
from transforms.arrays.ragged import read_only
from transforms.arrays.sequences import Sequences
from transforms.contract.oracle import (
    Findings,
    Oracle,
    breach,
    gather,
    in_millionths,
    mean_rate,
    stopped,
    uniformity,
)
from transforms.contract.stored import StoredBatch, any_copy

_EIGHTHS = 8


def examine_removed(batch: StoredBatch, made: Sequences, tokens: Array, end: Array) -> Findings:
    """Checks that what is taken away, put back into the source, gives the row.

    Args:
      batch: The rows.
      made: Their sources and targets.
      tokens: The tokens that stand for spans.
      end: What sources and targets end with.
    """
    from transforms.kernels.splicing import splice_removed

    broken = np.zeros(len(batch), np.bool_)
    source, target = (
        (read_only(each.offsets), read_only(each.values)) for each in (made.source, made.target)
    )
    splice_removed(batch.clean.arrays, source, target, read_only(tokens), read_only(end), broken)
    stray = np.isin(batch.ids, tokens) if len(tokens) else np.zeros(len(batch.ids), np.bool_)
    return gather(
        [
            sequence_counts(made),
            breach("a target put back into its source does not give the row", broken),
            breach("a sentinel stands in the text", batch.rows_of_tokens(stray)),
        ]
    )


def sequence_counts(made: Sequences) -> Findings:
    """Counts the tokens of sources and targets, for people."""
    counts = {"source": len(made.source.values), "target": len(made.target.values)}
    return Findings({f"denoise.{name}_tokens": each for name, each in counts.items()})


def examine_amounts(batch: StoredBatch, amounts: tuple[Int64, Int64]) -> Findings:
    """Checks how many tokens and spans are taken away, and that text and spans stand in turn.

    Args:
      batch: The rows.
      amounts: Tokens and spans of rows of 0, 1, 2 ... tokens.
    """
    edits, lengths = batch.edits, np.repeat(batch.lengths, batch.copies)
    tokens, spans = (each[lengths] for each in amounts)
    sums = np.zeros(len(lengths), np.int64)
    filled = edits.counts > 0
    firsts, lasts = edits.offsets[:-1][filled], edits.offsets[1:][filled] - 1
    sizes, gaps = edits.lengths, _gaps(batch)
    if len(firsts):
        sums[filled] = np.add.reduceat(sizes, firsts)
    ends = np.zeros(len(lengths), np.bool_)
    ends[filled] = edits.ends[lasts] != lengths[filled]
    row = np.repeat(np.arange(len(lengths)), edits.counts)
    short = np.zeros(len(lengths), np.bool_)
    short[row[(sizes < 1) | (gaps < 1)]] = True
    # A single span of a row has its place and length by the rate.
    counted = (spans > 1)[row]
    others = (spans[row] - 1)[counted]
    totals = tokens[row][counted] - 1, (lengths - tokens)[row][counted] - 1
    counts = {
        "denoise.spans": int(np.count_nonzero(counted)),
        "denoise.single_spans": int(np.count_nonzero(counted & (sizes == 1))),
        "denoise.single_texts": int(np.count_nonzero(counted & (gaps == 1))),
        "denoise.single_spans_by_chance": in_millionths(others / totals[0]),
        "denoise.single_texts_by_chance": in_millionths(others / totals[1]),
    }
    return gather(
        [
            Findings(counts),
            broken_lists(batch, "a copy takes away another number of tokens", sums != tokens),
            broken_lists(batch, "a copy takes away another number of spans", edits.counts != spans),
            broken_lists(batch, "a copy does not end with a span", ends),
            broken_lists(batch, "a span is empty, or there is no text before it", short),
            _tokens_alone(batch),
        ]
    )


def segment_oracles(totals: Mapping[str, int]) -> list[Oracle]:
    """Judges the lengths of spans of rows with several, and of the text before them.

    Of the ways to divide n tokens into s parts, a part is 1 in (s - 1) / (n - 1): then the others
    divide what is left. Parts of one copy are negatively associated, so the bound holds.
    """
    drawn = totals.get("denoise.spans", 0)
    return [
        mean_rate(
            f"{kind} of one token are as many as are drawn",
            totals.get(f"denoise.single_{name}", 0),
            drawn,
            totals.get(f"denoise.single_{name}_by_chance", 0) / 1e6 / max(drawn, 1),
        ).explained(
            f"of the ways to divide so many tokens into {name}, this part has one token at a given "
            "place, on average over rows",
            f"denoise.single_{name}",
        )
        for kind, name in (("spans", "spans"), ("texts between spans", "texts"))
    ]


def examine_runs(batch: StoredBatch, most: int) -> Findings:
    """Checks that spans have text between them, and counts the tokens that are taken away."""
    edits, gaps = batch.edits, _gaps(batch)
    inner = np.ones(len(gaps), np.bool_)
    inner[edits.offsets[:-1][edits.counts > 0]] = False
    row = np.repeat(np.arange(len(edits)), edits.counts)
    joined = np.zeros(len(edits), np.bool_)
    joined[row[(edits.lengths < 1) | (inner & (gaps < 1))]] = True
    # Where sentinels ran out the rest of a row was left alone: nothing is known behind the token
    # that ends its last span.
    lengths = np.repeat(batch.lengths, batch.copies)
    decided = lengths.copy()
    spent = (edits.counts >= most) & (edits.counts > 0)
    decided[spent] = np.minimum(edits.ends[edits.offsets[1:][spent] - 1] + 1, lengths[spent])
    counts = {
        "denoise.tokens": int(lengths.sum()),
        "denoise.decided": int(decided.sum()),
        "denoise.taken": int(edits.lengths.sum()),
    }
    return gather(
        [
            Findings(counts),
            broken_lists(batch, "a span is empty, or there is no text before it", joined),
            broken_lists(
                batch, "a copy has more spans than there are sentinels", edits.counts > most
            ),
            _tokens_alone(batch),
        ]
    )


def run_oracles(totals: Mapping[str, int], density: float) -> list[Oracle]:
    """Judges how many tokens are taken away."""
    taken, decided, tokens = (
        totals.get(f"denoise.{name}", 0) for name in ("taken", "decided", "tokens")
    )
    found = stopped("tokens are taken away at the density", taken, decided, tokens, density)
    why = "where sentinels run out, tokens behind the last span are not counted"
    return [found.explained(why, "denoise.taken")]


def examine_prefixes(batch: StoredBatch, full: int) -> Findings:
    """Checks that the rest of a row is taken away, and counts where it begins in full rows."""
    edits, lengths = batch.edits, np.repeat(batch.lengths, batch.copies)
    wrong = edits.counts != 1
    if not wrong.any():
        wrong = (edits.ends != lengths) | (edits.starts < 1) | (edits.starts >= lengths)
        wrong |= edits.fills != NOTHING
    counts: dict[str, int] = {}
    if not wrong.any():
        counts = first_halves("denoise.prefixes", edits.starts - np.int64(1), lengths - 1)
        eighth = (edits.starts[lengths == full].astype(np.int64) - 1) * _EIGHTHS // (full - 1)
        for number, hits in enumerate(np.bincount(eighth, minlength=_EIGHTHS)):
            counts[f"denoise.prefix_eighth_{number + 1}"] = int(hits)
    return Findings(counts) + broken_lists(batch, "a copy is not a prefix and the rest", wrong)


def prefix_oracles(totals: Mapping[str, int], full: int) -> list[Oracle]:
    """Judges whether prefixes are of all lengths alike: of full rows, and of all."""
    hits = [totals.get(f"denoise.prefix_eighth_{n + 1}", 0) for n in range(_EIGHTHS)]
    places = np.bincount(np.arange(full - 1) * _EIGHTHS // (full - 1), minlength=_EIGHTHS)
    found = uniformity("prefixes of all lengths are as likely", hits, places.tolist())
    return [
        found.explained("of full rows", "denoise.prefix_eighth"),
        half_oracle("prefixes end in the first half of rows", totals, "denoise.prefixes"),
    ]


def first_halves(name: str, drawn: Int64, places: Int64) -> dict[str, int]:
    """Counts how often what may be at any of some places is at one of the first half of them.

    Example, three places: it is at one of the first two in two of three cases.

    Args:
      name: Of the statistics.
      drawn: int64[N]; the places, from 0.
      places: int64[N]; how many there are. Where there is one nothing is counted.
    """
    several = places > 1
    drawn, places = drawn[several], places[several]
    return {
        name: len(places),
        f"{name}_first_half": int(np.count_nonzero(drawn * 2 < places)),
        f"{name}_by_chance": in_millionths((places + 1) // 2 / places),
    }


def half_oracle(sentence: str, totals: Mapping[str, int], name: str) -> Oracle:
    """Judges what `first_halves` counted, in rows of all lengths."""
    drawn, hits, chance = (
        totals.get(f"{name}{each}", 0) for each in ("", "_first_half", "_by_chance")
    )
    found = mean_rate(sentence, hits, drawn, chance / 1e6 / max(drawn, 1))
    return found.explained(
        "all places are as likely, and of an odd number the middle one is in the first half",
        f"{name}_first_half",
    )


def _gaps(batch: StoredBatch) -> Int64:
    """Returns int64[E]; tokens between each span and the one before, or the begin of its row."""
    edits = batch.edits
    before = np.zeros(len(edits.starts), np.int64)
    before[1:] = edits.ends[:-1]
    before[edits.offsets[:-1][edits.counts > 0]] = 0
    return edits.starts - before


def _tokens_alone(batch: StoredBatch) -> Findings:
    """Checks that a token stands for every span."""
    row = np.repeat(np.arange(len(batch.edits)), batch.edits.counts)
    other = np.zeros(len(batch.edits), np.bool_)
    other[row[batch.edits.fills != TOKEN]] = True
    return broken_lists(batch, "no token stands for a span", other)


def broken_lists(batch: StoredBatch, name: str, lists: Bool) -> Findings:
    """Returns a breach of the rows with a list, of bool[L], that is broken."""
    return breach(name, any_copy(lists.reshape(-1, batch.copies)))
