"""The curves of one run: those of training, and those of evaluation, as if they were two runs."""

import dataclasses

from trainer.curves.run_log import EVAL, TRAIN, RunLog


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Side:
    """The training or the evaluation of a run, see `trainer.curves.charted.ChartedRun`."""

    key: str
    name: str
    log: RunLog
    shared: str = ""


def sides_of(log: RunLog) -> list[Side]:
    """Returns training and evaluation, whose figures of one name are drawn in one chart.

    A figure that is of both is taken for one of training.
    """
    curves = log.curves
    trained = {key: curve for key, curve in curves.items() if key[0] == TRAIN}
    evaluated = {
        ((TRAIN if (TRAIN, name) in curves else EVAL), name): curve
        for (event, name), curve in curves.items()
        if event == EVAL
    }
    return [
        Side(key="T", name="training", log=dataclasses.replace(log, curves=trained)),
        Side(key="E", name="evaluation", log=dataclasses.replace(log, curves=evaluated)),
    ]
