"""Figures of predicted answers: parts of a context, found in one of its windows."""

from collections.abc import Mapping

import numpy as np

from schemas.records import Array, Bool


def span_figures(kept: Mapping[str, Array]) -> dict[str, float]:
    """Returns how well answers are found.

    The answer to a question is the best part of all windows of its context. If some questions of
    the split have no answer, none is given where that scores better in every window, as in SQuAD
    2.0; else there is one to every question, as in SQuAD 1.1.

    Args:
      kept: Parallel arrays of windows, those of a context one after the other:
        context_start: int; where in the context it begins; 0 in the first window alone.
        begin, end: int; the best part, as tokens of the context.
        score, none: float; how good it is, and how good no answer is.
        answer_begin, answer_end: int; the answer; both -1 if it is not in the window, and -2
          without a label.

    Returns:
      "exact_match", the share of answers that are right, and "f1", the mean harmonic mean of
      precision and recall of their tokens; {} if no question has a label.

    Source: Rajpurkar et al. 2016, 2018; google-research/bert run_squad.py (write_predictions).
    Differs: tokens are compared by their places in the context, and not the text: the same words
      at another place are another answer.
    """
    starts = np.flatnonzero(kept["context_start"] == 0)
    answers = np.stack([kept["answer_begin"], kept["answer_end"]])
    gold = np.maximum.reduceat(answers, starts, axis=1)
    windows = np.diff(np.append(starts, len(kept["score"])))
    best = _best_rows(kept["score"], starts, windows)
    found = np.stack([kept["begin"], kept["end"]])[:, best]
    labelled = gold[0] > -2
    if not labelled.any():
        return {}
    unanswerable: Bool = gold[0] == -1
    if unanswerable[labelled].any():
        nothing = np.minimum.reduceat(kept["none"], starts) >= kept["score"][best]
        found[:, nothing] = -1
    found, gold = found[:, labelled], gold[:, labelled]
    exact = (found == gold).all(axis=0)
    shared = np.minimum(found[1], gold[1]) - np.maximum(found[0], gold[0])
    sizes = (found[1] - found[0]) + (gold[1] - gold[0])
    f1 = np.where(exact, 1.0, 2 * np.maximum(shared, 0) / np.maximum(sizes, 1))
    return {"exact_match": float(exact.mean()), "f1": float(f1.mean())}


# Scores 1 5 | 2 with windows 2 1 -> rows 1 2
def _best_rows(scores: Array, starts: Array, windows: Array) -> Array:
    """Returns int64[Q]: the first window of the best score, of each question."""
    best = np.repeat(np.maximum.reduceat(scores, starts), windows)
    places = np.where(scores == best, np.arange(len(scores)), len(scores))
    return np.minimum.reduceat(places, starts)
