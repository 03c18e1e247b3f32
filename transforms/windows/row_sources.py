"""The source of a row: that of its first token of text."""

import dataclasses

import numpy as np

from schemas.arrow_columns import numbers
from schemas.columns import NO_SOURCE, SOURCE
from schemas.windows import Examples


# Two rows of tokens whose documents are of the sources 3 and 0, annotated by one more:
#   [0 4 4 | 0 1 4 1 0], offsets [0, 3, 8] -> [3, 0]
def with_sources(examples: Examples) -> Examples:
    """Returns rows with their sources as values, if those of their tokens are known.

    A row may have text of several documents, and so of several sources; a row without text has
    `NO_SOURCE`.
    """
    marks = examples.annotations.get(SOURCE)
    if marks is None:
        return examples
    of_text = np.flatnonzero(marks)
    places = np.append(of_text, len(marks))[np.searchsorted(of_text, examples.offsets[:-1])]
    there = places < examples.offsets[1:]
    sources = np.full(len(there), NO_SOURCE, np.uint16)
    sources[there] = marks[places[there]] - np.uint16(1)
    others = {name: each for name, each in examples.annotations.items() if name != SOURCE}
    values = {**examples.values, SOURCE: numbers(sources)}
    return dataclasses.replace(examples, annotations=others, values=values)
