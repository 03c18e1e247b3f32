import math
from typing import Any

import numpy as np
import pytest

from schemas.label_kinds import CHOICE, CLASS, NUMBER, TAGS
from trainer.predictions.answers import KINDS, Judged
from trainer.predictions.rows import Chunk, Predicted, RowArrays, Words
from transforms.arrays.ragged import Ragged


def chunk(records: int, record: list[int], lengths: list[int], **more: Any) -> Chunk:
    ids = Ragged.from_lengths(np.zeros(sum(lengths), np.int64), np.array(lengths, np.int64))
    rows = RowArrays(ids, ids.values)
    return Chunk([{}] * records, rows, np.array(record, np.int64), **more)


def predicted(logits: list[list[float]], layers: list[int], *, exits: bool = True) -> Predicted:
    return Predicted(np.array(logits, np.float32), np.array(layers), exits)


def test_a_class_has_its_probability_and_the_layer_at_which_its_row_left() -> None:
    found = predicted([[math.log(3), 0.0], [0.0, 0.0]], [2, 4])
    assert KINDS[CLASS].answers(("no", "yes"), chunk(3, [0, 2], [2, 3]), found) == [
        {"label": "no", "probability": 0.75, "exit_layer": 2},
        None,
        {"label": "no", "probability": 0.5, "exit_layer": 4},
    ]


def test_a_model_without_exits_says_no_layer() -> None:
    found = predicted([[math.log(3), 0.0]], [4], exits=False)
    said = KINDS[CLASS].answers(("no", "yes"), chunk(1, [0], [2]), found)
    assert said == [{"label": "no", "probability": 0.75}]


def test_a_number_is_said_and_what_is_none_is_not() -> None:
    found = predicted([[1.5], [math.nan]], [4, 4])
    said = KINDS[NUMBER].answers((), chunk(2, [0, 1], [2, 3]), found)
    assert said == [{"value": 1.5}, {"value": None}]


def test_of_candidates_the_first_with_the_greatest_score_is_chosen() -> None:
    """Records of two and three candidates, and one without any between them."""
    of = chunk(3, [0, 0, 2, 2, 2], [2] * 5)
    found = predicted([[0.0], [math.log(4)], [1.0], [1.0], [-40.0]], [4] * 5)
    assert KINDS[CHOICE].answers((), of, found) == [
        {"choice": 1, "probability": 0.8},
        None,
        {"choice": 0, "probability": 0.5},
    ]
    judged = KINDS[CHOICE].judged(np.array([1, 1]), of, found)
    assert KINDS[CHOICE].figures(judged, ()) == {"accuracy": 0.5}


def test_of_words_the_first_tokens_count() -> None:
    """Tokens of two rows: words at 1, 2 and 5; the second word of the first record is in none."""
    words = Words(np.array([1, 2, 5]), np.array([0, 0, 1]), np.array([0, 2, 0]), [3, 1])
    of = chunk(2, [0, 1], [4, 3], words=words)
    logits = [[0.0, 1.0]] * 7
    logits[2] = [1.0, 0.0]
    found = predicted(logits, [4, 4])
    assert KINDS[TAGS].answers(("O", "B-X"), of, found) == [
        {"tags": ["B-X", None, "O"]},
        {"tags": ["B-X"]},
    ]
    judged = KINDS[TAGS].judged(np.array([1, 1, 0]), of, found)
    assert judged.predicted.tolist() == [1, 0, 1]
    figures = KINDS[TAGS].figures(judged, ("O", "B-X"))
    assert figures["accuracy"] == pytest.approx(1 / 3)
    assert figures["precision"] == figures["recall"] == 0.5


@pytest.mark.parametrize(
    ("kind", "labels", "known"),
    [(CLASS, [0, -1, 1], 2), (NUMBER, [0.5, math.nan, math.nan], 1)],
)
def test_rows_without_a_label_are_not_judged(kind: str, labels: list[float], known: int) -> None:
    found = predicted([[0.0, 1.0]] * 3, [4] * 3)
    judged = KINDS[kind].judged(np.array(labels), chunk(3, [0, 1, 2], [2] * 3), found)
    assert isinstance(judged, Judged)
    assert len(judged.labels) == len(judged.predicted) == known
