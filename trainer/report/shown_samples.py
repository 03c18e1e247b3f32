"""Samples of predictions as a page shows them: a row, and what was thought of it at three times."""

import dataclasses
from collections.abc import Sequence

from trainer.report.samples import Prediction, Sample

_MOST = 24
"""Rows that a page shows; a mixture has rows of each member and task."""


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
    """A prediction: its number in the row (0 of the whole row), what is right, and the answers."""

    number: int
    right: str
    answers: Sequence[ShownAnswer]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShownSample:
    """A row and its predictions.

    Attributes:
      member: See `Sample`.
      task: See `Sample`.
      pieces: Tokens of the row.
      target: Tokens of its target.
      steps: Of the evaluations whose answers are shown.
      places: That are predicted.
    """

    member: str
    task: str
    pieces: Sequence[ShownPiece]
    target: Sequence[ShownPiece]
    steps: Sequence[int]
    places: Sequence[ShownPlace]


def shown_samples(samples: Sequence[Sample]) -> list[ShownSample]:
    """Returns the rows of samples with what was predicted first, in the middle, and last."""
    rows: dict[tuple[str, str, int], dict[int, Sample]] = {}
    for sample in samples:
        rows.setdefault((sample.member, sample.task, sample.row), {})[sample.step] = sample
    return [_shown([each[step] for step in _three(sorted(each))]) for each in rows.values()][:_MOST]


# 5 10 15 20 -> 5 15 20
def _three(steps: Sequence[int]) -> list[int]:
    """Returns the first, the middle and the last of some steps."""
    return sorted({steps[0], steps[len(steps) // 2], steps[-1]})


def _shown(times: Sequence[Sample]) -> ShownSample:
    last = times[-1]
    # Rows of a stream are those of other windows later on.
    times = [each for each in times if each.text == last.text and each.target == last.target]
    numbers = {
        each.at: number
        for number, each in enumerate((p for p in last.predictions if p.at >= 0), start=1)
    }
    targeted = bool(last.target)
    return ShownSample(
        member=last.member,
        task=last.task,
        pieces=_pieces(last.text, {} if targeted else numbers, last.predictions),
        target=_pieces(last.target, numbers if targeted else {}, last.predictions),
        steps=[each.step for each in times],
        places=[
            ShownPlace(
                number=numbers.get(each.at, 0),
                right=each.right,
                answers=[_answer(time.predictions[number]) for time in times],
            )
            for number, each in enumerate(last.predictions)
        ],
    )


def _pieces(
    text: Sequence[str], numbers: dict[int, int], predictions: Sequence[Prediction]
) -> list[ShownPiece]:
    found = [ShownPiece(text=each, number=numbers.get(at, 0)) for at, each in enumerate(text)]
    # The token behind the last one is predicted, and not seen.
    behind = [each for each in predictions if each.at == len(text) and each.at in numbers]
    return found + [ShownPiece(text=f" {each.right}", number=numbers[each.at]) for each in behind]


def _answer(prediction: Prediction) -> ShownAnswer:
    first = prediction.best[0][0] if prediction.best else ""
    exact = bool(prediction.right) and any(share is not None for _, share in prediction.best)
    return ShownAnswer(
        best=[
            (text, "" if share is None else f"{share:.0%}") for text, share in prediction.best[:3]
        ],
        right=first == prediction.right if exact else None,
    )
