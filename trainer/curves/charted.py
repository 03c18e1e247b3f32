"""A run whose curves are drawn."""

from typing import Protocol

from trainer.curves.run_log import RunLog


class ChartedRun(Protocol):
    """What charts know of a run.

    Attributes:
      key: The letter that stands for it; "" where it is the only one.
      name: Of the run.
      log: What its log says.
      shared: What runs on several tasks call its one task; "" if there are none.
    """

    @property
    def key(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def log(self) -> RunLog: ...

    @property
    def shared(self) -> str: ...
