"""Runs a command on chosen cores and measures all of its processes (Linux only)."""

import contextlib
import dataclasses
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

ROOT = Path(__file__).resolve().parents[1]

_POLL_SECONDS = 0.2
# Shells and other small helpers are not worth a figure.
_SMALLEST_BYTES = 64 << 20
_TAIL_CHARACTERS = 2000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Usage:
    """What a command took.

    Attributes:
      wall: Seconds from its start to its end.
      cpu: Seconds of processor time, of all its processes.
      launcher_bytes: Peak resident memory of the process that was started.
      worker_bytes: The same of each process that it started, largest first.
      output: What it wrote to standard output.
    """

    wall: float
    cpu: float
    launcher_bytes: int
    worker_bytes: tuple[int, ...]
    output: str

    @property
    def peak_bytes(self) -> int:
        """Peak of the largest process."""
        return max(self.launcher_bytes, *self.worker_bytes, 0)


def run_pinned(command: Sequence[str], cpus: Collection[int]) -> Usage:
    """Runs a command on these cores, in the folder of the project.

    Raises:
      RuntimeError: if it fails; the message ends with what it wrote.
    """
    environment = {**os.environ, "TOKENIZERS_PARALLELISM": "false", "PYTHONUNBUFFERED": "1"}
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        began = time.monotonic()
        with _on_cores(cpus):
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment,
                start_new_session=True,
                stdout=output,
                stderr=errors,
            )
        with _Watch(process.pid) as watch:
            _, status, rusage = os.wait4(process.pid, 0)
        wall = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        told = [_content(file) for file in (output, errors)]
    if process.returncode:
        tail = "".join(told)[-_TAIL_CHARACTERS:]
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{tail}")
    launcher = watch.peaks.pop(process.pid, 0)
    workers = sorted(
        (peak for peak in watch.peaks.values() if peak > _SMALLEST_BYTES), reverse=True
    )
    # The first figure lacks processes that nobody waited for, the second the last moments.
    cpu = max(rusage.ru_utime + rusage.ru_stime, sum(watch.cpu.values()))
    return Usage(
        wall=wall,
        cpu=cpu,
        launcher_bytes=launcher,
        worker_bytes=tuple(workers),
        output=told[0],
    )


@contextlib.contextmanager
def _on_cores(cpus: Collection[int]) -> Iterator[None]:
    """Lets a process that is started here inherit these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _content(file: BinaryIO) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


class _Watch:
    """Follows the processes of a session; the kernel keeps their peaks, so seldom is enough.

    Attributes:
      peaks: Process to bytes.
      cpu: Process to seconds.
    """

    def __init__(self, session: int) -> None:
        self._session = session
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.peaks: dict[int, int] = {}
        self.cpu: dict[int, float] = {}

    def __enter__(self) -> "_Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(_POLL_SECONDS):
            for folder in Path("/proc").glob("[0-9]*"):
                # A process may end while it is looked at.
                with contextlib.suppress(OSError):
                    self._look(folder)

    def _look(self, folder: Path) -> None:
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        if int(fields[3]) != self._session:
            return
        status = (folder / "status").read_text()
        _, found, rest = status.partition("VmHWM:")
        if found:
            process = int(folder.name)
            self.peaks[process] = int(rest.split()[0]) << 10
            self.cpu[process] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
