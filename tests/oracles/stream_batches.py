"""Batches of streams written out slowly, one row and one token after the other, as plain lists."""

from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
"""A row of a shard, as pyarrow makes plain Python of it."""
Plain = dict[str, Any]


def predicted(row: Row, *, apart: bool, after_end: bool, end: int) -> list[int]:
    """Returns a label for each token of a row but the last: the next one, or -100."""
    ids, starts = row["input_ids"], set(row["document_starts"])
    labels = []
    for at in range(len(ids) - 1):
        borders = apart and at + 1 in starts
        ends = not after_end and ids[at] == end
        labels.append(-100 if borders or ends else ids[at + 1])
    return labels


def pieces(row: Row, *, apart: bool) -> list[int]:
    """Returns the lengths of the sequences that a row is given as."""
    size = len(row["input_ids"]) - 1
    begins = sorted({0, *(row["document_starts"] if apart else ())})
    ends = [*begins[1:], size]
    found = [min(end, size) - begin for begin, end in zip(begins, ends, strict=True)]
    return [length for length in found if length > 0 or not apart]


def packed(rows: Sequence[Row], *, tokens: int, longest: int, pad: int, **what: Any) -> Plain:
    """Returns what a packed batch holds, without what is filled up with constants."""
    ids: list[int] = []
    positions: list[int] = []
    borders = [0]
    targets: list[int] = []
    labels: list[int] = []
    for row in rows:
        for at, label in enumerate(predicted(row, **what)):
            if label != -100:
                targets.append(len(ids) + at)
                labels.append(label)
        ids += row["input_ids"][:-1]
        for length in pieces(row, apart=what["apart"]):
            positions += range(length)
            borders.append(borders[-1] + length)
    while len(ids) < tokens:
        length = min(longest, tokens - len(ids))
        ids += [pad] * length
        positions += range(length)
        borders.append(len(ids))
    return {
        "input_ids": ids,
        "position_ids": positions,
        "cu_seqlens": borders,
        "target_positions": targets,
        "labels": labels,
    }


def lines(rows: Sequence[Row | None], *, longest: int, pad: int, **what: Any) -> Plain:
    """Returns the lines of rows that stand side by side; None is no row."""
    ids, labels = [], []
    for row in rows:
        given = [] if row is None else row["input_ids"][:-1]
        wanted = [] if row is None else predicted(row, **what)
        ids.append(given + [pad] * (longest - len(given)))
        labels.append(wanted + [-100] * (longest - len(wanted)))
    return {"input_ids": ids, "labels": labels}


def permuted(
    rows: Sequence[Row | None], copy: int, *, longest: int, pad: int, targets: int
) -> Plain:
    """Returns the lanes of rows `inp A SEP B SEP CLS` with a factorization order."""
    found: Plain = {
        "input_ids": [],
        "token_type_ids": [],
        "ranks": [],
        "special_tokens_mask": [],
        "target_positions": [],
        "labels": [],
    }
    for row in rows:
        ids = [] if row is None else row["input_ids"]
        types, special = [], []
        ranks: dict[int, int] = {}
        if row is not None:
            second = row["second_segment_start"]
            types = [0] * second + [1] * (longest - second - 1) + [2]
            special = [int(at in (second - 1, longest - 2, longest - 1)) for at in range(longest)]
            order = zip(row["plm_positions"][copy], row["plm_ranks"][copy], strict=True)
            ranks = dict(order)
        wanted = [at for at in sorted(ranks) if not special[at]]
        found["input_ids"].append(ids or [pad] * longest)
        found["token_type_ids"].append(types or [0] * longest)
        found["special_tokens_mask"].append(special or [0] * longest)
        found["ranks"].append([ranks.get(at, -1) for at in range(longest)])
        found["target_positions"].append(wanted + [0] * (targets - len(wanted)))
        found["labels"].append([ids[at] for at in wanted] + [-100] * (targets - len(wanted)))
    return found
