"""Checks of sentence pairs."""

from collections.abc import Mapping, Sequence

import numpy as np

from schemas.columns import NO_SECOND
from transforms.checks.oracle import Findings, Oracle, at_least, breach, rate
from transforms.checks.stored import StoredBatch


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


def random_pairs(totals: Mapping[str, int], random_rate: float) -> list[Oracle]:
    """Judges how many segments B are random.

    A chunk of one sentence always takes a random B, so the rate is random_rate or more. How many
    chunks had one sentence cannot be told from the rows (it may be all of them, where documents
    have one sentence), so the rate has no upper bound.
    """
    random = totals.get("pair.random", 0)
    name = "random segments B are as many as random_rate asks, or more"
    return [at_least(name, random, random + totals.get("pair.next", 0), random_rate)]


def structure_oracles(totals: Mapping[str, int], random_rate: float) -> list[Oracle]:
    """Judges how many segments B are random, and of the others how many go before A.

    Of the rate of random ones there is no upper bound, see `random_pairs`.
    """
    random, following, previous = (
        totals.get(f"pair.{relation}", 0) for relation in ("random", "next", "previous")
    )
    neighbours = following + previous
    name = "random segments B are as many as random_rate asks, or more"
    return [
        at_least(name, random, random + neighbours, random_rate),
        rate("neighbours B go before A as often as they follow it", previous, neighbours, 0.5),
    ]
