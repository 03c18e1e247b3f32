"""What is said of a record, by the kind of its label; and how much of it is right."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from schemas.label_kinds import CHOICE, CLASS, NUMBER, TAGS
from schemas.records import Array
from trainer.metrics.classes import class_figures, number_figures
from trainer.metrics.entities import tag_figures
from trainer.predictions.rows import Chunk, Predicted

Answer = Mapping[str, Any] | None
"""None for a record without a row."""
_DIGITS = 6


class Judged(NamedTuple):
    """Predictions beside what is right, of labels that are known.

    Attributes:
      labels: [N].
      predicted: [N].
      rows: int64[N]; the row of each word, otherwise of no meaning.
    """

    labels: Array
    predicted: Array
    rows: Array


class Kind(NamedTuple):
    """What is predicted of records.

    Attributes:
      answers: Given the names of the classes, returns what is said of each record of a chunk.
      judged: Returns what there is to compare.
      figures: Returns how well it is predicted, given all of that and the names of the classes.
    """

    answers: Callable[[Sequence[str], Chunk, Predicted], list[Answer]]
    judged: Callable[[Array, Chunk, Predicted], Judged]
    figures: Callable[[Judged, Sequence[str]], dict[str, float]]


def _class_answers(names: Sequence[str], chunk: Chunk, found: Predicted) -> list[Answer]:
    """Says the class of each row, its probability, and with exits the layer at which it left."""
    best, share = found.logits.argmax(axis=1), _shares(found.logits).max(axis=1)
    return _placed(
        chunk,
        [
            {
                "label": names[number],
                "probability": round(each, _DIGITS),
                **({"exit_layer": layer} if found.exits else {}),
            }
            for number, each, layer in zip(
                best.tolist(), share.tolist(), found.layers.tolist(), strict=True
            )
        ],
    )


def _number_answers(_names: Sequence[str], chunk: Chunk, found: Predicted) -> list[Answer]:
    """Says the number of each row; None of what is none, which JSON does not have."""
    numbers = found.logits[:, 0]
    finite = np.isfinite(numbers).tolist()
    return _placed(
        chunk,
        [
            {"value": value if good else None}
            for value, good in zip(numbers.tolist(), finite, strict=True)
        ],
    )


# Scores of 2 and 3 candidates: 0.1 0.7 | 0.3 0.2 0.9 -> 1 and 2
def _choice_answers(_names: Sequence[str], chunk: Chunk, found: Predicted) -> list[Answer]:
    """Says which candidate of each record is the right one, from 0, and its probability."""
    begins, scores = chunk.begins, found.logits[:, 0].astype(np.float64)
    record = np.cumsum(np.diff(chunk.record, prepend=-1) != 0) - 1
    shares = np.exp(scores - np.maximum.reduceat(scores, begins)[record]) if len(begins) else scores
    sums = np.add.reduceat(shares, begins) if len(begins) else shares
    best = _best_candidates(chunk, found)
    answers: list[Answer] = [None] * len(chunk.records)
    for place, choice, share in zip(
        chunk.record[begins].tolist(),
        best.tolist(),
        (shares[begins + best] / sums).tolist(),
        strict=True,
    ):
        answers[place] = {"choice": choice, "probability": round(share, _DIGITS)}
    return answers


def _best_candidates(chunk: Chunk, found: Predicted) -> Array:
    """Returns int64[G]: the candidate of each record with the greatest score, the first of them."""
    begins = chunk.begins
    order = np.lexsort((-found.logits[:, 0], chunk.record))
    return order[begins] - begins


def _tag_answers(names: Sequence[str], chunk: Chunk, found: Predicted) -> list[Answer]:
    """Says the tag of each word; None of a word that is in no row."""
    words = chunk.words
    assert words is not None
    tags: list[list[str | None]] = [[None] * count for count in words.counts]
    best = found.logits[words.token].argmax(axis=1)
    for record, word, number in zip(
        words.record.tolist(), words.word.tolist(), best.tolist(), strict=True
    ):
        tags[record][word] = names[number]
    return [{"tags": each} for each in tags]


def _placed(chunk: Chunk, said: Sequence[Mapping[str, Any]]) -> list[Answer]:
    answers: list[Answer] = [None] * len(chunk.records)
    for place, each in zip(chunk.record.tolist(), said, strict=True):
        answers[place] = each
    return answers


def _shares(logits: Array) -> Array:
    """Returns float64[R, N]: the probabilities of classes."""
    found = np.exp(logits - logits.max(axis=1, keepdims=True), dtype=np.float64)
    return found / found.sum(axis=1, keepdims=True)


def _known(labels: Array, predicted: Array, rows: Array, known: Array) -> Judged:
    return Judged(labels[known], predicted[known], rows[known])


def _accuracy(judged: Judged, _names: Sequence[str]) -> dict[str, float]:
    return {"accuracy": float((judged.labels == judged.predicted).mean())}


KINDS: Mapping[str, Kind] = {
    CLASS: Kind(
        _class_answers,
        lambda labels, chunk, found: _known(
            labels, found.logits.argmax(axis=1), chunk.record, labels >= 0
        ),
        lambda judged, names: class_figures(judged.labels, judged.predicted, len(names)),
    ),
    NUMBER: Kind(
        _number_answers,
        lambda labels, chunk, found: _known(
            labels, found.logits[:, 0], chunk.record, ~np.isnan(labels)
        ),
        lambda judged, _: number_figures(judged.labels, judged.predicted),
    ),
    CHOICE: Kind(
        _choice_answers,
        lambda labels, chunk, found: _known(
            labels, _best_candidates(chunk, found), chunk.record[chunk.begins], labels >= 0
        ),
        _accuracy,
    ),
    TAGS: Kind(
        _tag_answers,
        lambda labels, chunk, found: _known(
            labels,
            found.logits[chunk.words.token].argmax(axis=1) if chunk.words else labels,
            chunk.words.record if chunk.words else labels,
            labels >= 0,
        ),
        lambda judged, names: tag_figures(judged.rows, judged.labels, judged.predicted, names),
    ),
}
"""By the kind of labels; a span of the text is not predicted."""
