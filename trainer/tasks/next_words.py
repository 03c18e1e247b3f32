"""Next words of streams of sentences, forward and reversed."""

import dataclasses

from trainer.tasks.task import Task


@dataclasses.dataclass(frozen=True)
class NextWordTask(Task):
    """The next word in the direction of a lane.

    Batches hold all it needs, see `trainer.rows.lane_rows`; the model of `trainer.models.elmo`
    computes its losses itself.
    """

    @property
    def name(self) -> str:
        return "lm"
