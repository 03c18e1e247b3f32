"""A Dask cluster over several hosts of this machine, and builds on it."""

import dataclasses
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.support.hosts import Host, HostsError, until

PORT = 8786
BUILD_SECONDS = 80
SETTINGS = {
    # The shortest that Dask takes: so long a silent connection counts as alive.
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": "11s",
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "5s",
    "DASK_DISTRIBUTED__SCHEDULER__NO_WORKERS_TIMEOUT": "3s",
    "OMP_NUM_THREADS": "1",
}


@dataclasses.dataclass
class Build:
    """A build that was started.

    Attributes:
      process: The launcher.
      log: What it prints.
      folder: Its output.
    """

    process: "subprocess.Popen[bytes]"
    log: Path
    folder: Path

    def entries(self) -> list[str]:
        """Returns the names of the entries of shards that are there."""
        return sorted(path.name for path in (self.folder / ".shardmill").glob("*-of-*.json"))

    def until_shards(self, count: int) -> None:
        """Waits for so many shards.

        Raises:
          HostsError: if they are not there in time, or the build ended.
        """
        enough = f"shards are there: {count}"
        until(enough, lambda: len(self.entries()) >= count or self.ended, BUILD_SECONDS)
        if self.ended:
            raise HostsError(f"the build ended too soon: {self.printed}")

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    @property
    def printed(self) -> str:
        return self.log.read_text("utf-8")

    def wait(self) -> int:
        """Waits for the end; returns the exit status."""
        return self.process.wait(BUILD_SECONDS)


class DaskHosts:
    """A launcher, a scheduler and two workers, each on a host of its own.

    Attributes:
      launcher: Where builds are started.
      scheduler: Of Dask.
      workers: The others.
    """

    def __init__(self, hosts: Sequence[Host]) -> None:
        self.launcher, self.scheduler, *self.workers = hosts
        self._runs: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def address(self) -> str:
        """Of the scheduler."""
        return f"tcp://{self.scheduler.address}:{PORT}"

    def complete(self, workers: int = 2) -> None:
        """Starts what does not run: the scheduler, and workers until so many run."""
        if not self._alive(self.scheduler):
            command = ("scheduler", "--host", self.scheduler.address, "--port", str(PORT))
            self._start(self.scheduler, *command, "--no-dashboard")
            until("the scheduler listens", lambda: self.scheduler.listens(PORT))
        running = sum(map(self._alive, self.workers))
        for host in self.workers:
            host.mend()
            if not self._alive(host) and running < workers:
                running += 1
                one = ("--nworkers", "1", "--nthreads", "1", "--no-dashboard")
                self._start(host, "worker", self.address, *one)

    def kill(self, host: Host) -> None:
        """Ends everything that runs on a host."""
        host.kill()
        self._runs.pop(host.name, None)

    def build(self, folder: Path, *arguments: str) -> Build:
        """Starts a build on the cluster."""
        runner = ("--runner=DaskRunner", f"--dask_client_address={self.address}")
        command = ("pipelines.cli", "build", *arguments, "--output", str(folder), *runner)
        process, log = self.launcher.start(*command, environment=SETTINGS)
        return Build(process, log, folder)

    def _start(self, host: Host, *arguments: str) -> None:
        self._runs[host.name], _ = host.start("dask", *arguments, environment=SETTINGS)

    def _alive(self, host: Host) -> bool:
        started = self._runs.get(host.name)
        return started is not None and started.poll() is None
