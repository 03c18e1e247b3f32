"""The rows that a page shows: their cells, and copies of one row side by side."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.report.cells import SHOWN_TOKENS, cells_of, hidden_tokens
from pipelines.report.labelled import label_line
from pipelines.report.permuted import bits_of, targets_of_halves
from pipelines.report.rows import example_rows, read_rows
from schemas.manifest_parts import ShardEntry
from transforms.build.corpus import Corpus

Shown = dict[str, Any]
_BESIDE = 2
"""Rows whose second copy is shown beside the first one."""


def page_rows(corpus: Corpus, *, hashed: bool = True) -> list[dict[str, Any]]:
    """Returns rows of a build as JSON, the first ones of them followed by their second copy.

    Args:
      corpus: The build.
      hashed: Whether the sha256 of a local shard is compared.
    """
    rows = example_rows(corpus, hashed=hashed)
    beside = rows[: _BESIDE if corpus.recipe.stores_copies and corpus.recipe.copies > 1 else 0]
    if not beside:
        return [row.to_json() for row in rows]
    shard = _entry(corpus, beside[0].shard)
    others = read_rows(corpus, shard, [row.row for row in beside], copy=1, hashed=False)
    pairs = zip(beside, others, strict=True)
    return [row.to_json() for row in [*itertools.chain(*pairs), *rows[len(beside) :]]]


def _entry(corpus: Corpus, path: str) -> ShardEntry:
    """Returns what the manifest says of a shard."""
    return next(each for shards in corpus.splits.values() for each in shards if each.path == path)


def shown_examples(rows: Sequence[Mapping[str, Any]]) -> list[list[Shown]]:
    """Returns rows as a page shows them; the copies of a row, which follow one another, together.

    Args:
      rows: As `page_rows` gives them, with one copy each.
    """
    bits = bits_of(rows)
    groups = itertools.groupby(rows, key=lambda row: (row["shard"], row["row"]))
    return [_shown(list(group), bits) for _, group in groups]


def _shown(copies: Sequence[Mapping[str, Any]], bits: int) -> list[Shown]:
    return [
        {
            **row,
            "cells": cells_of(row, SHOWN_TOKENS, bits),
            "hidden": hidden_tokens(row, SHOWN_TOKENS),
            "targets": targets_of_halves(row),
            "label_line": label_line(row["labelled"]) if row.get("labelled") else "",
            "beside": len(copies) > 1,
            "copy_number": number + 1,
            "common": _common(copies[0], row) if number else None,
        }
        for number, row in enumerate(copies)
    ]


def _common(first: Mapping[str, Any], row: Mapping[str, Any]) -> int | None:
    """Returns how many tokens two copies both select; None if they select none."""
    own = _positions(row)
    return len(_positions(first) & own) if own else None


def _positions(row: Mapping[str, Any]) -> set[int]:
    """Returns the tokens that a copy selects or predicts."""
    targets = {each["position"] for each in row.get("order") or () if each["target"]}
    return targets | {each["position"] for each in row["selected"]}
