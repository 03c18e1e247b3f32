"""Runs of words the slow way: one word after another, one row at a time.

Written from the description of google-research/albert create_pretraining_data.py:426-553.
"""

from collections.abc import Sequence


def select_runs(
    lengths: Sequence[int], order: Sequence[int], wanted: Sequence[int], budget: int
) -> list[int]:
    """Returns the words that are selected in one row, ascending.

    Args:
      lengths: Tokens of each word.
      order: The words where runs begin, in the order in which they are tried.
      wanted: For each of these the words that its run should have.
      budget: Most tokens to select.
    """
    chosen: set[int] = set()
    for start, most in zip(order, wanted, strict=True):
        rest = budget - sum(lengths[word] for word in chosen)
        if rest == 0:
            break
        words = most
        while words and sum(lengths[start : start + words]) > rest:
            words -= 1
        run = set(range(start, start + words))
        if words and not run & chosen:
            chosen |= run
    return sorted(chosen)
