"""Spans within contexts of their own, a half at a time, with no more than loops and lists."""

import itertools

import numpy as np


def selected_in_half(
    starts: list[bool],
    special: list[bool],
    goal: int,
    rng: np.random.Generator,
    *,
    alpha: int = 6,
    beta: int = 1,
    most_words: int = 5,
    token_spans: bool = False,
    special_targets: bool = False,
) -> list[int]:
    """Returns the positions of the targets, special tokens that were drawn included.

    Args:
      starts: Whether a word begins at each token, in the order of the text.
      special: Whether it is a special token.
      goal: How many to select.
      rng: Decides.
      alpha: Tokens of context ...
      beta: ... for so many words.
      most_words: Longest span.
      token_spans: Spans of n tokens.
      special_targets: Special tokens are tokens and words like others.
    """
    size = len(starts)
    begins = [
        start or (is_special and special_targets)
        for start, is_special in zip(starts, special, strict=True)
    ]
    chances = np.array([1 / n for n in range(1, most_words + 1)])
    barred = [is_special and not special_targets for is_special in special]
    taken: set[int] = set()
    cursor = 0
    while len(taken) < goal and cursor < size:
        n = min(int(rng.choice(most_words, p=chances / chances.sum())) + 1, goal - len(taken))
        context = n * alpha // beta
        left = int(rng.integers(context))
        low = cursor + left
        while low < size and (not begins[low] or barred[low]):
            low += 1
        high = end_of(low, n, begins, barred, token_spans=token_spans)
        if high >= size:
            break
        span = list(itertools.takewhile(lambda at: not barred[at], range(low, high)))
        taken.update(span[: goal - len(taken)])
        cursor = low + len(span[:goal]) + context - left
    free = [at for at in range(size) if not barred[at]]
    while len(taken) < goal:
        taken.add(free[int(rng.integers(len(free)))])
    return sorted(taken)


def end_of(low: int, n: int, begins: list[bool], barred: list[bool], *, token_spans: bool) -> int:
    """Returns where a span of n words, or tokens, ends that begins at `low`."""
    if token_spans:
        return low + n
    high, words = low + 1, 1
    while high < len(begins):
        words += begins[high] and not barred[high]
        if words > n:
            break
        high += 1
    return high
