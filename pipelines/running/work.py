"""What a runner is given to do, and what a runner is."""

import abc
import contextlib
import dataclasses
import enum
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from transforms.build.build_shards import ShardWriter
from transforms.build.count_shards import WordCounter
from transforms.files.inputs import FileRange
from transforms.read.read_documents import Reader
from transforms.records.shard_text import ShardPlan


def _to_nobody(share: float) -> None:
    """Takes note of nothing."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TextWork(abc.ABC):
    """Text to read, and to deal out to shards.

    Attributes:
      ranges: Of the input files.
      reader: Reads one of them.
      text_bytes: Estimated size of all text.
      shards: Says which document goes to which shard.
      output: The folder that what was read is recorded in.
      owner: See `work_folder.check_owner`.
      record: Whether rejected records and counts are written.
      reading: Is told now and then which share of the text was read, by runners that know it.
    """

    ranges: list[FileRange]
    reader: Reader
    text_bytes: int
    shards: ShardPlan
    output: str
    owner: str
    record: bool
    reading: Callable[[float], None] = _to_nobody

    @property
    @abc.abstractmethod
    def wanted(self) -> frozenset[int]:
        """The numbers of the shards whose text is wanted."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Work(TextWork):
    """Text to read, and shards to build of it.

    Attributes:
      writer: Builds a shard.
    """

    writer: ShardWriter

    @property
    def wanted(self) -> frozenset[int]:
        return frozenset[int]().union(*self.writer.missing)


@dataclasses.dataclass(frozen=True, kw_only=True)
class CountWork(TextWork):
    """Text to read, and words to count in it.

    Attributes:
      counter: Counts those of a shard, and writes the counts of a partition.
      counting: The numbers of the shards whose words are counted now.
    """

    counter: WordCounter
    counting: frozenset[int]

    @property
    def wanted(self) -> frozenset[int]:
        return self.counting


class Shuffle(enum.Enum):
    """Where the text of a run lies when it is dealt out to shards."""

    DISK = "on the disk of this machine"
    MEMORY = "in the memory of this machine"
    ELSEWHERE = "on other machines, or where they put it"


class Run(Protocol):
    """A runner that was started."""

    def run(self, work: Work, trace_path: str) -> None:
        """Does some work, to its end unless the runner leaves early.

        Args:
          work: What to do.
          trace_path: Where the whole trace of an error is written.

        Raises:
          RunError: if it fails.
        """

    def count(self, work: CountWork, trace_path: str) -> None:
        """Counts words, see `run`."""

    def each(self, step: Callable[[int], object], numbers: Sequence[int], trace_path: str) -> None:
        """Does one thing for each of some numbers, in any order, and waits for the end.

        Args:
          step: What to do; it is pickled where workers are processes.
          numbers: All different.
          trace_path: Where the whole trace of an error is written.

        Raises:
          RunError: if it fails.
        """


class Runner(Protocol):
    """Does the work of a command."""

    @property
    def shuffle(self) -> Shuffle:
        """Where text lies that is dealt out to shards."""

    @property
    def leaves_early(self) -> str | None:
        """The message of a run that does not wait for the shards, None if it waits."""

    def spills(self, output: str, text_bytes: float) -> str:
        """Returns what is needed of a disk besides the output, in words, "" if nothing is."""

    def started(self, paths: Iterable[str]) -> contextlib.AbstractContextManager[Run]:
        """Starts it, for work on files with these paths; it ends when the context is left.

        A thread of the caller is better started later: workers may be forked here.
        """
