"""Streams of sentences, forward and reversed, read slowly as plain lists of words."""

import itertools
from collections.abc import Sequence
from typing import Any

BEGIN, END = 1, 0
Row = dict[str, Any]


def stream_of(rows: Sequence[Row], number: int) -> list[int]:
    """Returns the tokens of a stream: all rows of it, each without its last token, but the last."""
    found: list[int] = []
    for row in rows:
        if row["stream"] == number:
            assert found[-1:] in ([], row["input_ids"][:1])
            found = [*found[:-1], *row["input_ids"]]
    return found


def sentences(tokens: Sequence[int], marker: int) -> list[list[int]]:
    """Returns the words between two markers, in the order of the tokens."""
    assert tokens[0] == marker
    found: list[list[int]] = []
    for token in tokens:
        if token == marker:
            found.append([])
        else:
            found[-1].append(token)
    return found[:-1]


def pairs_of(sentence: Sequence[int], *, backward: bool) -> list[tuple[int, int]]:
    """Returns input and target at each place of a sentence with both its markers."""
    whole = [BEGIN, *sentence, END]
    if backward:
        whole.reverse()
    return list(itertools.pairwise(whole))
