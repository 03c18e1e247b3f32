"""Hosts on this machine: network namespaces on one switch, with one file system between them."""

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_COMMAND_SECONDS = 10
_NUMBERS = itertools.count()


class HostsError(RuntimeError):
    """Hosts cannot be made here, or do not do what they should; the message says what."""


def until(what: str, true: Callable[[], object], seconds: float = 30) -> None:
    """Waits until something is true.

    Raises:
      HostsError: if it is not after so many seconds.
    """
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise HostsError(f"not after {seconds:g} s: {what}")
        time.sleep(0.005)


class Host:
    """A network namespace with one link to the others.

    Attributes:
      name: Of the namespace.
      address: Its IPv4 address.
    """

    def __init__(self, name: str, address: str, switch: str, folder: Path) -> None:
        self.name, self.address = name, address
        self._port, self._switch, self._folder = f"p{address.rpartition('.')[2]}", switch, folder
        self._numbers = itertools.count()
        self._started: list[subprocess.Popen[bytes]] = []
        _ip("netns", "add", name)
        _ip(
            "link",
            "add",
            "eth0",
            "netns",
            name,
            "type",
            "veth",
            "peer",
            self._port,
            "netns",
            switch,
        )
        _ip("-n", switch, "link", "set", self._port, "master", "bridge", "up")
        _ip("-n", name, "addr", "add", f"{address}/24", "dev", "eth0")
        _ip("-n", name, "link", "set", "eth0", "up")
        _ip("-n", name, "link", "set", "lo", "up")

    def start(
        self, *command: str, environment: dict[str, str] | None = None
    ) -> tuple[subprocess.Popen[bytes], Path]:
        """Starts a command of Python's `-m` here; returns it, and the file that it writes to."""
        log = self._folder / f"{self.name}-{next(self._numbers)}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                ["ip", "netns", "exec", self.name, sys.executable, "-m", *command],
                cwd=ROOT,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        self._started.append(process)
        return process, log

    def listens(self, port: int) -> bool:
        """Whether something here listens on a port, looked up without a connection."""
        found = _ip("netns", "exec", self.name, "cat", "/proc/net/tcp", "/proc/net/tcp6")
        return any(f":{port:04X} " in line and " 0A " in line for line in found.splitlines())

    def kill(self) -> None:
        """Ends every process here by SIGKILL, and waits for those that were started here."""
        deadline = time.monotonic() + _COMMAND_SECONDS
        while processes := _ip("netns", "pids", self.name).split():
            for process in map(int, processes):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            for started in self._started:
                started.poll()
            if time.monotonic() > deadline:
                raise HostsError(f"processes of {self.name} do not end: {' '.join(processes)}")
            time.sleep(0.005)
        for started in self._started:
            started.wait(_COMMAND_SECONDS)
        self._started.clear()

    def cut(self) -> None:
        """Takes the link away: what is sent is lost, and nobody is told."""
        _ip("-n", self._switch, "link", "set", self._port, "down")

    def mend(self) -> None:
        """Gives the link back."""
        _ip("-n", self._switch, "link", "set", self._port, "up")


@contextlib.contextmanager
def hosts(count: int, folder: Path) -> Iterator[Sequence[Host]]:
    """Makes hosts, and in the end kills what runs on them and removes them.

    Args:
      count: How many.
      folder: For what their processes print.

    Raises:
      HostsError: if this machine does not allow it.
    """
    prefix = f"sm{os.getpid()}-{next(_NUMBERS)}"
    switch = f"{prefix}-switch"
    made: list[Host] = []
    try:
        _ip("netns", "add", switch)
        _ip("-n", switch, "link", "add", "bridge", "type", "bridge")
        _ip("-n", switch, "link", "set", "bridge", "up")
        made.extend(
            Host(f"{prefix}-{number}", f"10.99.7.{number}", switch, folder)
            for number in range(1, count + 1)
        )
        yield made
    finally:
        for host in made:
            host.kill()
        for number in range(1, count + 1):
            with contextlib.suppress(HostsError):
                _ip("netns", "del", f"{prefix}-{number}")
        with contextlib.suppress(HostsError):
            _ip("netns", "del", switch)


def hosts_allowed() -> str:
    """Returns "" if hosts can be made here, or why not."""
    if sys.platform != "linux" or shutil.which("ip") is None:
        return "there is no command ip"
    try:
        with hosts(1, Path()):
            return ""
    except (HostsError, subprocess.TimeoutExpired) as error:
        return f"network namespaces are not allowed here: {error}"


def _ip(*arguments: str) -> str:
    done = subprocess.run(
        ["ip", *arguments],
        capture_output=True,
        text=True,
        timeout=_COMMAND_SECONDS,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        raise HostsError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout
