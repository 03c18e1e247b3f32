"""Windows as plain Python reads them."""

from schemas.windows import Windows


def segments(windows: Windows) -> list[tuple[list[int], list[int], int]]:
    """Returns the ids of A and B, and the relation, of every window."""
    assert windows.second is not None
    assert windows.relation is not None
    ids = windows.tokens.ids
    return [
        (ids[a:b].tolist(), ids[c:d].tolist(), int(relation))
        for (a, b), (c, d), relation in zip(
            windows.first.tolist(), windows.second.tolist(), windows.relation, strict=True
        )
    ]
