"""Who holds a lock: what a process writes of itself, and whether it still lives."""

import dataclasses
import datetime
import json
import os
import socket
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Holder:
    """Who holds a lock.

    Attributes:
      command: Of ours, such as "build".
      pid: Of the process.
      host: The name of its machine.
      started: When it took the lock, such as "2024-05-01 12:00:00 UTC".
      born: What distinguishes the process from a later one of the same pid; "" if that is unknown.
      space: Where its pid counts (containers count for themselves); "" if that is unknown.
    """

    command: str
    pid: int
    host: str
    started: str
    born: str = ""
    space: str = ""

    def __str__(self) -> str:
        if not self.pid:
            return "another process (its lock file cannot be read)"
        return (
            f"`shardmill {self.command}` (process {self.pid} on {self.host}) since {self.started}"
        )

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self))

    @property
    def here(self) -> bool:
        """Whether its pid means something to this process."""
        return self.host == socket.gethostname() and self.space == _space()

    @property
    def dead(self) -> bool:
        """Whether it is known to have ended: only a process of this machine can be."""
        return self.here and not _lives(self)


UNKNOWN = Holder("", 0, "", "")


def this_process(command: str) -> Holder:
    """Returns what a lock of this process says."""
    now = datetime.datetime.now(datetime.timezone.utc)
    started = f"{now:%Y-%m-%d %H:%M:%S} UTC"
    pid = os.getpid()
    return Holder(command, pid, socket.gethostname(), started, _born(pid), _space())


def parse_holder(data: bytes) -> Holder | None:
    """Returns what a lock says, None if it does not say it the way we write it."""
    try:
        holder = Holder(**json.loads(data))
    except (ValueError, TypeError, RecursionError):
        return None
    texts = (holder.command, holder.host, holder.started, holder.born, holder.space)
    fits = type(holder.pid) is int and holder.pid > 0 and all(type(text) is str for text in texts)
    return holder if fits else None


def _space() -> str:
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def _born(pid: int) -> str:
    """Returns when a process was started, in the system's own form; "" if that is unknown."""
    try:
        # The name of the program, in brackets, may hold anything.
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{int(fields[19])}"
    except (OSError, ValueError, IndexError):
        return ""


def _lives(held: Holder) -> bool:
    try:
        os.kill(held.pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        pass
    born = _born(held.pid)
    return not (born and held.born) or born == held.born
