"""Labels of rows in words, and where in a row they stand."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

OUTSIDE = "O"
"""The usual class of words that are of no name; it is not shown."""


def label_line(labelled: Mapping[str, Any]) -> str:
    """Returns what a row is labelled with, in words.

    >>> label_line({"label": "positive"}), label_line({"label": None})
    ('label positive', 'without a label')
    >>> label_line({"record": 3, "candidates": 4, "right": False})
    'record 3, a wrong candidate of 4'

    Args:
      labelled: As `transforms.contract.predicting.PredictLabels.shown` gives it.
    """
    if "tags" in labelled:
        return f"{len(labelled['tags'])} labelled words" if labelled["tags"] else "without labels"
    if "answer" in labelled:
        told = {True: "the answer is marked", False: "without the answer"}
        answer = labelled["answer"]
        what = "without a label" if answer is None else told[bool(answer)]
        return (
            f"record {labelled['record']}, context from token {labelled['context_start']}, {what}"
        )
    if "candidates" in labelled:
        told = {True: "the right candidate", False: "a wrong candidate"}
        what = told.get(labelled["right"], "a candidate")
        return f"record {labelled['record']}, {what} of {labelled['candidates']}"
    label = labelled["label"]
    return "without a label" if label is None else f"label {label}"


def answer_positions(labelled: Mapping[str, Any] | None) -> range:
    """Returns the positions of the answer in a row; none if it does not hold one."""
    return range(*(labelled or {}).get("answer") or (0, 0))


def tagged_tokens(
    labelled: Mapping[str, Any] | None, special: Sequence[int], size: int
) -> dict[int, str]:
    """Returns the tokens of words with a class other than `OUTSIDE`, by position.

    The class stands at the last token of the word, and "" at those before it.

    >>> tagged_tokens({"tags": [[1, "B-PER"], [3, "O"]]}, [0, 4], 5)
    {1: '', 2: 'B-PER'}

    Args:
      labelled: See `label_line`.
      special: Positions of special tokens.
      size: Tokens of the row.
    """
    tags = (labelled or {}).get("tags") or ()
    borders = sorted({*(at for at, _ in tags), *special, size})
    behind = dict(itertools.pairwise(borders))
    named = [(at, behind[at], tag) for at, tag in tags if tag != OUTSIDE]
    return {
        position: tag if position == end - 1 else ""
        for begin, end, tag in named
        for position in range(begin, end)
    }
