"""Which tokens a target of a permuted language model may see, for terminals and pages."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def visible(row: Mapping[str, Any], position: int) -> list[bool]:
    """Returns which tokens of a row the target at a position may see, where it is predicted.

    It sees the tokens without a rank and those of a lower rank in its half, and of the other half
    all if that is the first one, nothing if it is the second.

    Args:
      row: With one copy, as `pipelines.report.rows.Row.to_json` gives it.
      position: Of one of its targets.
    """
    places = {each["position"]: each for each in row["order"]}
    target = places[position]
    found = []
    for other in range(len(row["ids"])):
        half = int(other >= row["reuse_len"])
        if half != target["half"]:
            found.append(half < target["half"])
        else:
            found.append(other not in places or places[other]["rank"] < target["rank"])
    return found


def rank_classes(half: int, rank: int, bits: int) -> list[str]:
    """Returns the classes of a token with a rank: the half, and all prefixes of the rank in binary.

    Example, rank 5 in half 0, in three bits: h0 a1 a10 a101.
    """
    digits = format(rank, f"0{bits}b")
    return [f"h{half}", *(f"{'ab'[half]}{digits[:count]}" for count in range(1, bits + 1))]


def hiding_selectors(cells: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yields CSS selectors of the tokens to hide while one points at a target of their row.

    A rank is higher than another if it has a 1 behind the prefix that they share and the other has
    a 0. So a selector a prefix does, in place of one a pair of ranks.

    Args:
      cells: Those of all rows; "classes" are from `rank_classes`.
    """
    names = {name for cell in cells for name in cell.get("classes", "").split() if name[0] in "ab"}
    for name in sorted(names):
        sibling = f"{name[:-1]}1"
        if name.endswith("0") and sibling in names:
            yield f".row:has(mark.{name}:is(:hover, :focus)) .{sibling}"
    if names:
        yield ".row:has(mark.h0:is(:hover, :focus)) .h1"


def targets_of_halves(row: Mapping[str, Any]) -> tuple[int, int] | None:
    """Returns how many targets each half of a row has; None if tokens have no order."""
    if row.get("order") is None:
        return None
    halves = [each["half"] for each in row["order"] if each["target"]]
    return halves.count(0), halves.count(1)


def bits_of(rows: Sequence[Mapping[str, Any]]) -> int:
    """Returns how many binary digits the ranks of rows have."""
    ranks = [each["rank"] for row in rows for each in row.get("order") or ()]
    return max(max(ranks, default=0).bit_length(), 1)
