import dataclasses

import pytest

from trainer.report.sample_records import Prediction, Sample
from trainer.report.shown_samples import ShownPiece, shown_rows


def sample(step: int, best: str, task: str = "mlm", at: int = 1, row: int = 0) -> Sample:
    return Sample(
        step=step,
        member="",
        task=task,
        row=row,
        text=("the", " [MASK]", " sat"),
        predictions=(Prediction(at=at, right="cat", best=((best, 0.75), ("dog", 0.004))),),
    )


def test_the_first_the_middle_and_the_last_evaluation_are_shown() -> None:
    steps = {10: "a", 20: "b", 30: "c", 40: "cat"}
    [row] = shown_rows([sample(step, best) for step, best in steps.items()])
    assert row.steps == [10, 30, 40]
    assert row.pieces == [
        ShownPiece(text="the", number=0),
        ShownPiece(text=" [MASK]", number=1),
        ShownPiece(text=" sat", number=0),
    ]
    [place] = row.places
    assert (place.name, place.right) == ("1", "cat")
    # A guess of less than one per cent is left out.
    assert [each.best for each in place.answers] == [
        *[[("a", "75%")], [("c", "75%")], [("cat", "75%")]]
    ]
    assert [each.right for each in place.answers] == [False, False, True]


def test_tasks_of_a_row_are_shown_together() -> None:
    [row] = shown_rows([sample(5, "cat"), sample(5, "next", task="nsp", at=-1)])
    assert [place.name for place in row.places] == ["1", "nsp"]
    assert row.steps == [5]


def test_predictions_of_several_tasks_at_one_place_say_which_they_are() -> None:
    [row] = shown_rows([sample(5, "cat"), sample(5, "dog", task="sbo"), sample(5, "x", "nsp", -1)])
    assert [place.name for place in row.places] == ["1 mlm", "1 sbo", "nsp"]


@pytest.mark.parametrize("correct", [True, False])
def test_what_is_said_to_be_correct_is_not_compared(correct: bool) -> None:
    judged = Prediction(at=1, right="cat", best=(("dog: replaced", 0.9),), correct=correct)
    [row] = shown_rows([dataclasses.replace(sample(5, "cat"), predictions=(judged,))])
    [place] = row.places
    assert place.right == "cat"
    assert [each.right for each in place.answers] == [correct]


@pytest.mark.parametrize(
    ("share", "shown"), [(0.0, "0%"), (0.004, "<1%"), (0.01, "1%"), (0.754, "75%"), (None, "")]
)
def test_probabilities_that_are_not_zero_are_not_shown_as_zero(
    share: float | None, shown: str
) -> None:
    judged = Prediction(at=1, right="cat", best=(("dog", share),))
    [row] = shown_rows([dataclasses.replace(sample(5, "cat"), predictions=(judged,))])
    assert [each.best for each in row.places[0].answers] == [[("dog", shown)]]


def test_a_continuation_is_neither_right_nor_wrong() -> None:
    said = Prediction(at=1, right="sat down", best=(("sat up", None),))
    [row] = shown_rows([dataclasses.replace(sample(5, "cat"), predictions=(said,))])
    assert [each.right for each in row.places[0].answers] == [None]


def test_the_token_behind_the_last_one_is_shown_as_what_is_right() -> None:
    [row] = shown_rows([sample(5, "cat", at=3)])
    assert row.pieces[-1] == ShownPiece(text=" cat", number=1)


def test_evaluations_of_other_rows_are_left_out() -> None:
    """A stream goes on to other windows."""
    before = Sample(step=1, member="", task="mlm", row=0, text=("old",), predictions=())
    [row] = shown_rows([before, sample(5, "cat")])
    assert row.steps == [5]
