"""Figures of predicted tags of words: entities that are found whole, or classes of words."""

import re
from collections.abc import Sequence

import numpy as np

from schemas.records import Array, Bool, Int64
from trainer.metrics.classes import class_figures

_BIO = re.compile("([BI])-(.+)|O", re.DOTALL)
_OUTSIDE, _BEGIN, _INSIDE = range(3)


def tag_figures(
    rows: Array, labels: Array, predicted: Array, names: Sequence[str]
) -> dict[str, float]:
    """Returns how well the tags of words are predicted.

    Args:
      rows: int[N]; the row of each word, words of a row one after the other; N >= 1.
      labels: int[N]; its class.
      predicted: int[N].
      names: Of the classes.

    Returns:
      "accuracy" of words. If all names are O, B-x and I-x: "precision", "recall" and "f1" of
      entities, which count if their type and all of their words are right; 0 where nothing is
      divided by. Else "f1" and "matthews" of classes, see `class_figures`.

    Source: sighsmile/conlleval; chakki-works/seqeval (default mode): an I-x that does not go on
      with an entity of its type begins one.
    """
    kinds = tag_kinds(names)
    if kinds is None:
        return class_figures(labels, predicted, len(names))
    there = entities(rows, labels, *kinds)
    found = entities(rows, predicted, *kinds)
    right = int(np.count_nonzero((there == found).all(axis=0) & (there[0] > 0)))
    counts = [int(np.count_nonzero(each[0])) for each in (found, there)]
    precision, recall = (right / count if count else 0.0 for count in counts)
    return {
        "accuracy": float((labels == predicted).mean()),
        "precision": precision,
        "recall": recall,
        "f1": 2 * right / sum(counts) if sum(counts) else 0.0,
    }


def tag_kinds(names: Sequence[str]) -> tuple[Int64, Int64] | None:
    """Returns what tags mean; None if they do not mark entities.

    Returns:
      int64[C] outside, begin or inside, and int64[C] the number of the type.
    """
    parts = [_BIO.fullmatch(name) for name in names]
    if not all(parts) or not any(part and part[1] for part in parts):
        return None
    types = sorted({part[2] for part in parts if part and part[1]})
    places = {None: _OUTSIDE, "B": _BEGIN, "I": _INSIDE}
    kinds = [places[part[1]] for part in parts if part]
    of_type = [types.index(part[2]) if part[1] else -1 for part in parts if part]
    return np.array(kinds, np.int64), np.array(of_type, np.int64)


# Tags B-x I-x O I-y I-x -> lengths 2 0 0 1 1 and types x . . y x
def entities(rows: Array, tags: Array, kinds: Int64, types: Int64) -> Int64:
    """Returns int64[2, N]: at the first word of each entity its length and type; else 0 and -1."""
    kind, of_type = kinds[tags], types[tags]
    inside = kind != _OUTSIDE
    goes_on = np.zeros(len(tags), np.bool_)
    goes_on[1:] = (rows[1:] == rows[:-1]) & inside[:-1] & (of_type[1:] == of_type[:-1])
    begins: Bool = inside & ~(goes_on & (kind == _INSIDE))
    number = np.cumsum(begins)[inside] - 1
    found = np.stack([np.zeros(len(tags), np.int64), np.full(len(tags), -1)])
    found[0, begins] = np.bincount(number, minlength=int(begins.sum()))
    found[1, begins] = of_type[begins]
    return found
