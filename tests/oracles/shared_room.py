"""A slow, obvious sharing of a row's room among its items."""


def slow_share(lengths: list[int], room: int) -> list[int]:
    """Takes one token after the other from the longest item, the last of equals."""
    kept = list(lengths)
    while sum(kept) > room:
        longest = max(kept)
        last = max(at for at, length in enumerate(kept) if length == longest)
        kept[last] -= 1
    return kept
