"""Checks of sentence pairs."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from schemas.columns import NO_SECOND
from schemas.records import Array, Int64
from transforms.contract.oracle import (
    Findings,
    Oracle,
    breach,
    exactly,
    percent,
    rate,
    spread,
    uniformity,
)
from transforms.contract.stored import StoredBatch

_TWO = 2
_FEW = 4
"""Relations, of which each is judged over all cases."""
_EACH = "every pair is drawn for itself"
Counts = dict[str, int]


def examine_relations(batch: StoredBatch, relations: Sequence[str]) -> Findings:
    """Counts the relations of pairs."""
    if batch.relation is None:
        return breach("a row has no pair relation", np.ones(len(batch), np.bool_))
    names, codes = batch.relation
    outside = (codes < 0) | (codes >= len(names))
    rows = np.bincount(codes[~outside], minlength=len(names))
    counts = {f"pair.{relation}": 0 for relation in relations}
    for name, number in zip(names, rows.tolist(), strict=True):
        if name in relations:
            counts[f"pair.{name}"] += number
    known = np.isin(np.array(names), list(relations))
    outside[~outside] = ~known[codes[~outside]]
    return Findings(counts) + breach("a pair has a relation that the recipe does not know", outside)


def without_second(batch: StoredBatch) -> Findings:
    """Checks that the rows without a segment B are those that say so."""
    if batch.relation is None:
        return Findings()
    names, codes = batch.relation
    said = np.isin(codes, [code for code, name in enumerate(names) if name == NO_SECOND])
    name = f'pair_relation is "{NO_SECOND}" elsewhere than in rows without a segment B'
    return breach(name, said != (batch.second_segment_start == batch.lengths))


_DRAWN = "drawn"
LEFT_OUT = "rows_left_out"
"""What the count of rows that a recipe left out is called among statistics."""

Cases = Mapping[str, Mapping[str, float]]
"""By case, in the order of their codes: the relations that a pair may get, with probabilities."""


def drawn_pairs(case: Int64, relation: Array, cases: Cases, relations: Sequence[str]) -> Counts:
    """Counts which relations the pairs of each case got.

    What a chunk can become depends on what it is: of one sentence, no pair of neighbours is made.
    The rows do not show what their chunks were, so it is counted where they are drawn, and kept
    with the shard. Then the expected rate of each relation is known exactly.

    Args:
      case: int64[W]; the case of each pair, an index into `cases`.
      relation: int64[W]; its relation, an index into `relations`.
      cases: Of the recipe.
      relations: Of the recipe.
    """
    width = len(relations)
    cells = np.bincount(case * width + relation.astype(np.int64), minlength=len(cases) * width)
    names = [f"{_DRAWN}.{each}.{name}" for each in cases for name in relations]
    pairs = zip(names, cells.tolist(), strict=True)
    return {name: count for name, count in pairs if count}


def drawn_oracles(
    totals: Mapping[str, int], cases: Cases, relations: Sequence[str]
) -> list[Oracle]:
    """Judges the relations of pairs by case, and holds what was counted to the rows.

    Args:
      totals: Statistics of rows, with those of `drawn_pairs`, and `LEFT_OUT`.
      cases: Of the recipe.
      relations: Of the recipe.
    """
    found = [_same_as_rows(totals, cases, relations)]
    for case, expected in cases.items():
        counts = {name: totals.get(f"{_DRAWN}.{case}.{name}", 0) for name in relations}
        possible = {name: p for name, p in expected.items() if p > 0}
        trials = sum(counts.values())
        impossible = trials - sum(counts[name] for name in possible)
        pairs = f"pairs of {case.replace('_', ' ')}"
        found.append(exactly(f"{pairs} have no relation that they cannot have", impossible, 0))
        if len(possible) == _TWO:
            name = next(name for name in relations if name in possible)
            rest = trials - impossible
            found.append(
                rate(
                    f"{pairs} are {name} as often as drawn", counts[name], rest, possible[name]
                ).explained(_EACH)
            )
        elif len(possible) > _TWO:
            cells = [counts[name] for name in possible]
            name = f"{pairs} have each relation as often as drawn"
            found.append(uniformity(name, cells, list(possible.values())).explained(_EACH))
    return [*found, *_all_cases(totals, cases, relations)]


def _all_cases(
    totals: Mapping[str, int], cases: Cases, relations: Sequence[str]
) -> Iterator[Oracle]:
    """Yields how often each of a few relations is drawn, over all cases.

    The pairs of a case are draws of one probability, and those of different cases are independent:
    their variances add up.
    """
    if len(cases) < _TWO or len(relations) > _FEW:
        return
    sizes = {
        case: sum(totals.get(f"{_DRAWN}.{case}.{name}", 0) for name in relations) for case in cases
    }
    trials = sum(sizes.values())
    count = max(trials, 1)
    for name in relations:
        chances = {case: cases[case].get(name, 0.0) for case in cases}
        hits = sum(totals.get(f"{_DRAWN}.{case}.{name}", 0) for case in cases)
        variance = sum(sizes[case] * p * (1 - p) for case, p in chances.items())
        expected = sum(sizes[case] * p for case, p in chances.items())
        why = ", ".join(
            f"{percent(p)} of the {sizes[case]:,} pairs of {case.replace('_', ' ')}"
            for case, p in chances.items()
            if sizes[case]
        )
        yield Oracle(
            f"pairs are {name.replace('_', ' ')} as often as their cases say",
            hits / count,
            expected / count,
            trials,
            spread(variance) / count if variance else 1e-12,
            unit="share",
        ).explained(why, f"pair.{name}")


def _same_as_rows(totals: Mapping[str, int], cases: Cases, relations: Sequence[str]) -> Oracle:
    """Compares the counts with those of the rows: there are as many, or more were left out."""
    left_out, lacking = totals.get(LEFT_OUT, 0), 0
    known = {f"{_DRAWN}.{case}.{name}" for case in cases for name in relations}
    off = sum(
        count
        for name, count in totals.items()
        if name.startswith(f"{_DRAWN}.") and name not in known
    )
    for name in relations:
        drawn = sum(totals.get(f"{_DRAWN}.{case}.{name}", 0) for case in cases)
        more = drawn - totals.get(f"pair.{name}", 0)
        off += max(-more, 0)
        lacking += max(more, 0)
    name = "the pairs that were drawn are those of the rows, and those left out"
    return exactly(name, off + abs(lacking - left_out), 0)
