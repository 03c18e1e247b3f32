"""Runs on this machine without Beam: text goes to its shards through files, not through memory.

First ranges of the input are read, and documents spilled by shard; then shards are built, each of
what was spilled for it. A process holds a few batches of text, then one shard, so memory does not
grow with the corpus.
"""

import contextlib
import dataclasses
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn

import pyarrow as pa

from pipelines.running.jobs import Alone, Job, TaskFailedError, Team, WorkerDiedError
from pipelines.running.local_counts import AddUpJob, CountJob
from pipelines.running.memory import give_memory_back
from pipelines.running.reasons import reason_of
from pipelines.running.spill import SpillWriter, read_chunks, read_rejected, spilled_bytes
from pipelines.running.spill_folder import is_ample, room_needed, spill_folder
from pipelines.running.work import CountWork, Shuffle, TextWork, Work
from pipelines.running.worker import set_file_systems
from pipelines.running.workers import Workers
from schemas.documents import Rejected
from schemas.errors import RunError, UsageError
from schemas.lock import WORK_FOLDER
from schemas.manifest import add_up
from transforms.build.build_shards import ShardWriter
from transforms.files.inputs import FileRange
from transforms.files.storage import is_local, join
from transforms.files.work_folder import write_trace
from transforms.read.read_documents import Reader
from transforms.read.reading_record import write_counts
from transforms.read.reading_tasks import reading_tasks
from transforms.read.rejected_files import with_part, write_rejected
from transforms.records.shard_text import ShardPlan


@dataclasses.dataclass(frozen=True, kw_only=True)
class LocalRunner:
    """Reads and builds on this machine, in one process or several.

    Attributes:
      workers: Processes; one is this process itself.
      temp_dir: The folder for spilled text, None for one beside the output.
      beam_args: Beam's options, of its file systems.
    """

    workers: int = 1
    temp_dir: str | None = None
    beam_args: tuple[str, ...] = ()

    @property
    def shuffle(self) -> Shuffle:
        """See `work.Runner`."""
        return Shuffle.DISK

    @property
    def leaves_early(self) -> str | None:
        """See `work.Runner`."""
        return None

    def spills(self, output: str, text_bytes: float) -> str:
        """See `work.Runner`."""
        return room_needed(_spill_parent(self.temp_dir, output), text_bytes)

    @contextlib.contextmanager
    def started(self, paths: Iterable[str]) -> Iterator["LocalRun"]:
        """Starts the processes that work on files with these paths."""
        # Each worker is a process of its own already.
        os.environ["TOKENIZERS_PARALLELISM"] = "false"
        if self.beam_args:
            set_file_systems(list(self.beam_args))
        if self.workers == 1:
            yield LocalRun(team=Alone(), temp_dir=self.temp_dir)
            return
        # A connection to a store must not be shared by processes, and torch, which spaCy may have
        # loaded, waits for ever for threads that were not forked.
        fork = sys.platform == "linux" and "torch" not in sys.modules and all(map(is_local, paths))
        with Workers(self.workers, fork=fork) as team:
            yield LocalRun(team=team, temp_dir=self.temp_dir, beam_args=self.beam_args)


@dataclasses.dataclass(frozen=True, kw_only=True)
class LocalRun:
    """The processes of a local run.

    Attributes:
      team: Does the tasks.
      temp_dir: See `LocalRunner`.
      beam_args: For the file systems of worker processes.
    """

    team: Team
    temp_dir: str | None
    beam_args: tuple[str, ...] = ()

    def run(self, work: Work, trace_path: str) -> None:
        """Reads what there is to read, and builds what there is to build.

        Args:
          work: What to do.
          trace_path: Where the whole trace of an error is written.

        Raises:
          UsageError: if there is too little room for spilled text.
          RunError: if the work fails.
        """
        with _failing(trace_path), self._spilled(work) as folder:
            if work.wanted:
                job = BuildJob(writer=work.writer, folder=folder, shards=len(work.shards.shards))
                self._do(job, _longest_first(work, folder))

    def each(self, step: Callable[[int], object], numbers: Sequence[int], trace_path: str) -> None:
        """See `work.Run`."""
        with _failing(trace_path):
            self._do(StepJob(step=step, beam_args=self.beam_args), numbers)

    def count(self, work: CountWork, trace_path: str) -> None:
        """Counts words, see `run`."""
        parent = _spill_parent(self.temp_dir, work.output)
        shards, partitions = len(work.shards.shards), work.counter.partitions
        with _failing(trace_path), self._spilled(work) as folder, spill_folder(parent, 0) as counts:
            own = CountJob(counter=work.counter, folder=folder, counts=counts, shards=shards)
            self._do(own, _longest_first(work, folder))
            self._do(AddUpJob(counter=work.counter, counts=counts), range(partitions))

    @contextlib.contextmanager
    def _spilled(self, work: TextWork) -> Iterator[Path]:
        """Reads all text; yields the folder with that of the shards that are wanted."""
        spilled = work.text_bytes * len(work.wanted) / len(work.shards.shards)
        parent = _spill_parent(self.temp_dir, work.output)
        with spill_folder(parent, spilled) as folder:
            read = ReadJob(
                reader=work.reader,
                folder=folder,
                shards=work.shards,
                wanted=work.wanted,
                compress=not is_ample(parent, spilled),
                beam_args=self.beam_args,
            )
            tallies = []
            tasks = reading_tasks(work.ranges)
            for tally in self.team.run(read, tasks):
                tallies.append(tally)
                work.reading(len(tallies) / len(tasks))
            if work.record:
                _record(work, folder, tallies)
            yield folder

    def _do(self, job: Job, tasks: Iterable[int]) -> None:
        for _ in self.team.run(job, tasks):
            pass


@contextlib.contextmanager
def _failing(trace_path: str) -> Iterator[None]:
    """Makes what fails a `RunError`, see `work.Run`."""
    try:
        yield
    except (RunError, UsageError):
        raise
    except WorkerDiedError as error:
        _fail(f"{error}; run the same command again to resume", error.trace, trace_path)
    except TaskFailedError as error:
        _fail(f"the pipeline failed: {error}", error.trace, trace_path)
    except Exception as error:  # noqa: BLE001 - told in one sentence, as those of workers are
        trace = "".join(traceback.format_exception(error))
        _fail(f"the pipeline failed: {reason_of(error)}", trace, trace_path)


def _longest_first(work: TextWork, folder: Path) -> list[int]:
    """Returns the shards that are wanted so that all workers end at about the same time."""
    spilled = spilled_bytes(folder, len(work.shards.shards))
    return sorted(work.wanted, key=lambda number: (-spilled[number], number))


def _spill_parent(temp_dir: str | None, output: str) -> str:
    """Returns the folder that spill folders lie in."""
    if temp_dir is not None:
        return temp_dir
    return join(output, WORK_FOLDER) if is_local(output) else tempfile.gettempdir()


@dataclasses.dataclass(kw_only=True)
class ReadJob:
    """Reads ranges, and spills their documents.

    Attributes:
      reader: Reads a range.
      folder: Of the spill files.
      shards: Says which document goes to which shard.
      wanted: The shards that are built.
      compress: Whether what is spilled is compressed.
      beam_args: Of the file systems.
    """

    reader: Reader
    folder: Path
    shards: ShardPlan
    wanted: frozenset[int]
    compress: bool = True
    beam_args: tuple[str, ...] = ()

    def begin(self, worker: int) -> None:
        """See `jobs.Job`."""
        if self.beam_args:
            set_file_systems(list(self.beam_args))
        self._spill = SpillWriter(
            self.folder, worker, self.shards, self.wanted, compress=self.compress
        )

    def process(self, task: Sequence[FileRange]) -> dict[str, int]:
        """Reads ranges; returns what was counted."""
        tally: dict[str, int] = {}
        for read in self.reader.read(task):
            if isinstance(read, pa.RecordBatch):
                self._spill.add(read)
            elif isinstance(read, Rejected):
                self._spill.reject(read)
            else:
                tally = read
        return tally

    def finish(self) -> None:
        """See `jobs.Job`."""
        self._spill.close()
        give_memory_back()


@dataclasses.dataclass(frozen=True, kw_only=True)
class BuildJob:
    """Builds shards of what was spilled for them.

    Attributes:
      writer: Builds a shard.
      folder: Of the spill files.
      shards: How many there are.
    """

    writer: ShardWriter
    folder: Path
    shards: int

    def begin(self, worker: int) -> None:
        """See `jobs.Job`."""

    def process(self, task: int) -> None:
        """Builds the shard of a number."""
        for _ in self.writer.write(task, read_chunks(self.folder, self.shards, task)):
            pass
        give_memory_back()

    def finish(self) -> None:
        """See `jobs.Job`."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class StepJob:
    """Does one thing for each number.

    Attributes:
      step: What to do.
      beam_args: Of the file systems.
    """

    step: Callable[[int], object]
    beam_args: tuple[str, ...] = ()

    def begin(self, worker: int) -> None:
        """See `jobs.Job`."""
        if self.beam_args:
            set_file_systems(list(self.beam_args))

    def process(self, task: int) -> None:
        """Does it for a number."""
        self.step(task)
        give_memory_back()

    def finish(self) -> None:
        """See `jobs.Job`."""


def _record(work: TextWork, folder: Path, tallies: list[dict[str, int]]) -> None:
    """Writes down what was rejected and counted; holds the rejected records of one file."""
    parts = {part for part, _ in map(with_part, read_rejected(folder))}
    for part in sorted(parts):
        records = (record for record in read_rejected(folder) if with_part(record)[0] == part)
        tallies.append(write_rejected(work.output, part, records, work.owner))
    write_counts(work.output, add_up(tallies), work.owner)


def _fail(message: str, trace: str, trace_path: str) -> NoReturn:
    with contextlib.suppress(OSError):
        write_trace(trace_path, trace)
    raise RunError(f"{message} (the trace is in {trace_path})")
