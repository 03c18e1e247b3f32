"""The order of parts the slow way: by itertools, and by putting lists back."""

import itertools


def all_orders(most: int) -> list[tuple[int, ...]]:
    """Returns the orders of 1 to `most` parts, in the order of their labels."""
    return [order for parts in range(1, most + 1) for order in itertools.permutations(range(parts))]


def put_back(order: tuple[int, ...], shown: list[list[int]]) -> list[list[int]]:
    """Returns the parts as they were, given which of them stands at each place."""
    original: list[list[int]] = [[]] * len(order)
    for place, part in enumerate(order):
        original[part] = shown[place]
    return original
