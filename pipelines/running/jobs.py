"""Tasks of a local run, and how they are done in this process."""

import traceback
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from pipelines.running.reasons import reason_of


class Job(Protocol):
    """What is done with tasks. It is pickled where workers are processes."""

    def begin(self, worker: int) -> None:
        """Makes a worker ready; called once, before its first task."""

    def process(self, task: Any) -> Any:
        """Does a task and returns its result."""

    def finish(self) -> None:
        """Ends what a worker began; called once, after its last task."""


class Team(Protocol):
    """Does the tasks of one job after another."""

    def run(self, job: Job, tasks: Iterable[Any]) -> Iterator[Any]:
        """Does tasks, started in their order, and yields their results as they come.

        Raises:
          TaskFailedError: if one fails.
          WorkerDiedError: if a worker process does.
        """


class TaskFailedError(Exception):
    """A task raised an exception.

    Attributes:
      trace: Of it.
    """

    def __init__(self, reason: str, trace: str) -> None:
        super().__init__(reason)
        self.trace = trace

    @classmethod
    def of(cls, error: Exception) -> "TaskFailedError":
        """Returns what is told of an exception."""
        return cls(reason_of(error), "".join(traceback.format_exception(error)))


class WorkerDiedError(Exception):
    """A worker process ended before its time.

    Attributes:
      trace: The end of what it wrote.
    """

    def __init__(self, reason: str, words: str) -> None:
        super().__init__(reason)
        self.trace = words


class Alone:
    """Does tasks in this process, one after the other."""

    def run(self, job: Job, tasks: Iterable[Any]) -> Iterator[Any]:
        """See `Team.run`."""
        try:
            job.begin(0)
            for task in tasks:
                yield job.process(task)
            job.finish()
        except Exception as error:
            raise TaskFailedError.of(error) from error
