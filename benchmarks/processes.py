"""Runs a command on given cores and measures all of its processes (Linux only)."""

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
# Shells and other small helper processes are not reported.
_SMALLEST_BYTES = 64 << 20
_TAIL_CHARACTERS = 2000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Usage:
    """Resources that a command used.

    Attributes:
      wall: Wall-clock seconds.
      cpu: CPU seconds of all its processes.
      launcher_bytes: Peak resident memory of the main process.
      worker_bytes: The same of each of its child processes, largest first.
      output: Its standard output.
    """

    wall: float
    cpu: float
    launcher_bytes: int
    worker_bytes: tuple[int, ...]
    output: str

    @property
    def peak_bytes(self) -> int:
        """Peak resident memory of the largest process."""
        return max(self.launcher_bytes, *self.worker_bytes, 0)


def run_pinned(command: Sequence[str], cpus: Collection[int], folder: Path = ROOT) -> Usage:
    """Runs a command on these cores, in a folder.

    Raises:
      RuntimeError: If it fails; the message ends with its output.
    """
    environment = {**os.environ, "TOKENIZERS_PARALLELISM": "false", "PYTHONUNBUFFERED": "1"}
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        began = time.monotonic()
        with _on_cores(cpus):
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                start_new_session=True,
                stdout=output,
                stderr=errors,
            )
        with _Sampler(process.pid) as sampler:
            _, status, rusage = os.wait4(process.pid, 0)
        wall = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        written = [_content(file) for file in (output, errors)]
    if process.returncode:
        tail = "".join(written)[-_TAIL_CHARACTERS:]
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{tail}")
    launcher = sampler.peaks.pop(process.pid, 0)
    workers = sorted(
        (peak for peak in sampler.peaks.values() if peak > _SMALLEST_BYTES), reverse=True
    )
    # rusage lacks processes that were not waited for, and the samples lack the last moments.
    cpu = max(rusage.ru_utime + rusage.ru_stime, sum(sampler.cpu.values()))
    return Usage(
        wall=wall,
        cpu=cpu,
        launcher_bytes=launcher,
        worker_bytes=tuple(workers),
        output=written[0],
    )


@contextlib.contextmanager
def _on_cores(cpus: Collection[int]) -> Iterator[None]:
    """Pins this process, so that processes started here inherit the affinity."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _content(file: BinaryIO) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


class _Sampler:
    """Samples the processes of a session. The kernel keeps peaks, so a low rate is enough.

    Attributes:
      peaks: Peak resident bytes by process id.
      cpu: CPU seconds by process id.
    """

    def __init__(self, session: int) -> None:
        self._session = session
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.peaks: dict[int, int] = {}
        self.cpu: dict[int, float] = {}

    def __enter__(self) -> "_Sampler":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(_POLL_SECONDS):
            for folder in Path("/proc").glob("[0-9]*"):
                # A process may end while it is sampled.
                with contextlib.suppress(OSError):
                    self._sample(folder)

    def _sample(self, folder: Path) -> None:
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        if int(fields[3]) != self._session:
            return
        status = (folder / "status").read_text()
        _, found, rest = status.partition("VmHWM:")
        if found:
            process = int(folder.name)
            self.peaks[process] = int(rest.split()[0]) << 10
            self.cpu[process] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
