"""The loops of packing, over sentences: where windows end, and which of them come to be."""

from schemas.records import Int64
from transforms.kernels.compiled import compiled


@compiled
def find_ends(offsets: Int64, targets: Int64, ends: Int64) -> None:
    """Fills in for every item the first border from which on it has its target or more before it.

    Example, items of 3, 4 and 2 tokens, offsets 0 3 7 9, and targets of 5: the first two items have
    7 tokens, so the window of item 0 ends at border 2; that of item 1 at 3. Item 2 has too few
    tokens behind it: its window would end at 4, behind the last border.

    Args:
      offsets: int64[S + 1]; where items begin.
      targets: int64[S]; tokens.
      ends: int64[S]; is filled.
    """
    end = 0
    for item in range(len(targets)):
        limit = offsets[item] + targets[item]
        # Limits of neighbours are close together, so the border moves by a few items.
        while end < len(offsets) and offsets[end] < limit:
            end += 1
        while end > 0 and offsets[end - 1] >= limit:
            end -= 1
        ends[item] = end


@compiled
def visit(nexts: Int64, visited: Int64) -> int:
    """Fills in 0, nexts[0], nexts[nexts[0]], ... while inside the array.

    Example: nexts 2 3 4 4 5 give 0 2 4.

    Args:
      nexts: int64[S]; nexts[i] > i.
      visited: int64[S]; is filled.

    Returns:
      How many there are.
    """
    index, count = 0, 0
    while index < len(nexts):
        visited[count] = index
        count += 1
        index = nexts[index]
    return count
