"""Samples of predictions as a page shows them: a row, and what was thought of it at three times."""

import dataclasses
from collections.abc import Mapping, Sequence

from trainer.report.sample_records import Prediction, Sample

_MOST = 24
"""Rows that a page shows; a mixture has rows of each member and task."""
_GUESSES, _LEAST = 3, 0.01
"""Guesses that are shown at most, and the probability that those after the first have at least."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShownPiece:
    """A token of a row: its text, and the number of its prediction; 0 without one."""

    text: str
    number: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShownAnswer:
    """What was predicted at a time.

    Attributes:
      best: The best guesses, with their probability in per cent or "".
      right: Whether the first of them is right; None if that is not known.
    """

    best: Sequence[tuple[str, str]]
    right: bool | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShownPlace:
    """A prediction.

    Attributes:
      name: Its number in the row, with the task if several tasks predict places of the row; or the
        task of a prediction of the whole row.
      right: What is right; "" if that is not known.
      answers: What was predicted, one for each evaluation.
    """

    name: str
    right: str
    answers: Sequence[ShownAnswer]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShownRow:
    """A row and its predictions.

    Attributes:
      member: See `Sample`.
      pieces: Tokens of the row.
      target: Tokens of its target; () without one.
      steps: Of the evaluations whose answers are shown.
      places: That are predicted.
    """

    member: str
    pieces: Sequence[ShownPiece]
    target: Sequence[ShownPiece]
    steps: Sequence[int]
    places: Sequence[ShownPlace]


def shown_rows(samples: Sequence[Sample]) -> list[ShownRow]:
    """Returns the rows of samples with what was predicted first, in the middle, and last."""
    rows: dict[tuple[str, int], dict[int, dict[str, Sample]]] = {}
    for sample in samples:
        steps = rows.setdefault((sample.member, sample.row), {})
        steps.setdefault(sample.step, {})[sample.task] = sample
    return [_shown([each[step] for step in _three(sorted(each))]) for each in rows.values()][:_MOST]


# 5 10 15 20 -> 5 15 20
def _three(steps: Sequence[int]) -> list[int]:
    """Returns the first, the middle and the last of some steps."""
    return sorted({steps[0], steps[len(steps) // 2], steps[-1]})


def _shown(times: Sequence[Mapping[str, Sample]]) -> ShownRow:
    """Returns a row, given its samples at some evaluations by task."""
    last = next(iter(times[-1].values()))
    # Rows of a stream are those of other windows later on.
    times = [each for each in times if _same_row(each, times[-1])]
    found = [
        (task, number)
        for task, each in times[-1].items()
        for number in range(len(each.predictions))
    ]
    asked = [(task, times[-1][task].predictions[number]) for task, number in found]
    numbers: dict[int, int] = {}
    for at in sorted(each.at for _, each in asked if each.at >= 0):
        numbers.setdefault(at, len(numbers) + 1)
    on_target = bool(last.target)
    several = len({task for task, each in asked if each.at >= 0}) > 1
    return ShownRow(
        member=last.member,
        pieces=_pieces(last.text, {} if on_target else numbers, [each for _, each in asked]),
        target=_pieces(last.target, numbers if on_target else {}, []),
        steps=[next(iter(each.values())).step for each in times],
        places=[
            ShownPlace(
                name=_name(numbers.get(each.at), task, several=several),
                right=each.right,
                answers=[_answer(time[task].predictions[number]) for time in times],
            )
            for (task, number), (_, each) in zip(found, asked, strict=True)
        ],
    )


def _name(number: int | None, task: str, *, several: bool) -> str:
    """Returns what a prediction is called; one without a number is of the whole row."""
    if number is None:
        return task
    return f"{number} {task}" if several else str(number)


def _same_row(one: Mapping[str, Sample], other: Mapping[str, Sample]) -> bool:
    """Returns whether samples are of the same row, with the same places to predict."""
    return one.keys() == other.keys() and all(
        (one[task].text, one[task].target) == (other[task].text, other[task].target)
        and [p.at for p in one[task].predictions] == [p.at for p in other[task].predictions]
        for task in one
    )


def _pieces(
    text: Sequence[str], numbers: Mapping[int, int], asked: Sequence[Prediction]
) -> list[ShownPiece]:
    found = [ShownPiece(text=each, number=numbers.get(at, 0)) for at, each in enumerate(text)]
    # The token behind the last one is predicted, and not seen.
    behind = next((each for each in asked if each.at == len(text)), None)
    if behind is None or behind.at not in numbers:
        return found
    return [*found, ShownPiece(text=f" {behind.right}", number=numbers[behind.at])]


def _answer(prediction: Prediction) -> ShownAnswer:
    first = prediction.best[0][0] if prediction.best else ""
    right = prediction.correct
    if (
        right is None
        and prediction.right
        and any(share is not None for _, share in prediction.best)
    ):
        right = first == prediction.right
    return ShownAnswer(
        best=[
            (text, _percent(share))
            for number, (text, share) in enumerate(prediction.best[:_GUESSES])
            if not number or share is None or share >= _LEAST
        ],
        right=right,
    )


def _percent(share: float | None) -> str:
    """Returns a probability as the page says it, "" if there is none."""
    if share is None:
        return ""
    return "<1%" if 0 < share < _LEAST else f"{share:.0%}"
