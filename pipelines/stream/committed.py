"""Opens a stream to look at its committed windows, on any of Beam's file systems."""

import dataclasses

from pipelines.folder.kinds import kind_of
from pipelines.stream.log import read_index, read_stream, window_folder
from schemas.errors import UsageError
from schemas.stream import IndexedWindow, StreamRecord
from schemas.wording import counted


@dataclasses.dataclass(frozen=True)
class CommittedStream:
    """A stream that has committed windows, or none yet.

    Attributes:
      folder: Where it lies.
      record: What stream.json says.
      windows: The committed windows, number n at place n.
    """

    folder: str
    record: StreamRecord
    windows: tuple[IndexedWindow, ...]

    def window_folder(self, number: int) -> str:
        """Returns the folder of a window, which is a build."""
        return window_folder(self.folder, number)

    def require(self, option: str, number: int) -> int:
        """Returns the number of a window that an option names.

        Raises:
          UsageError: if it is not committed.
        """
        if number >= len(self.windows):
            raise UsageError(
                f"{option} {number}: {self.folder} has {counted(len(self.windows), 'window')}"
                + (f", 0 to {len(self.windows) - 1}" if self.windows else " yet")
            )
        return number

    def rows(self, number: int, split: str | None = None) -> int:
        """Returns how many rows a window has, in all splits or in one."""
        splits = self.windows[number].splits
        return sum(each.rows for name, each in splits.items() if split in (None, name))


def read_committed(folder: str) -> CommittedStream:
    """Opens a stream.

    Raises:
      UsageError: if it has no committed window.
      DamagedError: if stream.json or index.json is damaged, or of another version.
    """
    record = read_stream(folder)
    if record is None or kind_of(folder) == "begun stream":
        raise UsageError(
            f"{folder} holds a stream without a committed window; run its `shardmill follow` "
            "command until it has committed one"
        )
    return CommittedStream(folder, record, read_index(folder).windows)


def last_with_rows(stream: CommittedStream, split: str) -> int:
    """Returns the last window that has rows of a split.

    Raises:
      UsageError: if none has.
    """
    for number in reversed(range(len(stream.windows))):
        if stream.rows(number, split):
            return number
    raise UsageError(f"no window of {stream.folder} has rows of the split {split}")


def chosen_windows(stream: CommittedStream, first: int | None, last: int | None) -> range:
    """Returns the windows from one to another, both included.

    Args:
      stream: The stream.
      first: What --from-window says; None for the first there is.
      last: What --to-window says; None for the last there is.

    Raises:
      UsageError: if there is no such window, or none between them.
    """
    begin = 0 if first is None else stream.require("--from-window", first)
    end = len(stream.windows) if last is None else stream.require("--to-window", last) + 1
    if begin >= end and stream.windows:
        raise UsageError(f"--from-window {begin} is behind --to-window {end - 1}; swap them")
    return range(begin, end)
