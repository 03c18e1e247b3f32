"""Opens a stream to look at its windows, on any of Beam's file systems."""

import dataclasses
from collections.abc import Iterator

from pipelines.folder.kinds import kind_of
from schemas.checked_json import DamagedError
from schemas.errors import UsageError
from schemas.sealed import open_sealed
from schemas.stream import (
    INDEX,
    STREAM,
    STREAM_VERSION,
    WINDOWS,
    IndexedWindow,
    StreamIndex,
    StreamRecord,
    number_name,
)
from schemas.wording import counted
from transforms.files.storage import join
from transforms.files.work_folder import read_bytes


@dataclasses.dataclass(frozen=True)
class Stream:
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
        return join(self.folder, WINDOWS, number_name(number))

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


def read_stream(folder: str) -> Stream:
    """Opens a stream.

    Raises:
      UsageError: if it has no committed window, or is of another version.
      DamagedError: if stream.json or index.json is damaged.
    """
    if kind_of(folder) == "begun stream":
        raise UsageError(
            f"{folder} holds a stream without a committed window; run its `shardmill follow` "
            "command until it has committed one"
        )
    path = join(folder, STREAM)
    record = open_sealed(read_bytes(path), StreamRecord, path)
    _check_version(path, record.format_version)
    path = join(folder, INDEX)
    index = open_sealed(read_bytes(path), StreamIndex, path)
    _check_version(path, index.format_version)
    for place, window in enumerate(index.windows):
        if window.window != place:
            raise DamagedError(f"{path} is damaged: window {window.window} stands at place {place}")
    return Stream(folder, record, index.windows)


def _check_version(path: str, version: int) -> None:
    if version != STREAM_VERSION:
        raise UsageError(
            f"{path} has format version {version}, and this program reads {STREAM_VERSION}: use "
            "the version of Shardmill that wrote it"
        )


def last_with_rows(stream: Stream, split: str) -> int:
    """Returns the last window that has rows of a split.

    Raises:
      UsageError: if none has.
    """
    numbers: Iterator[int] = reversed(range(len(stream.windows)))
    for number in numbers:
        if stream.rows(number, split):
            return number
    raise UsageError(f"no window of {stream.folder} has rows of the split {split}")


def chosen_windows(stream: Stream, first: int | None, last: int | None) -> range:
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
