"""A stream: a corpus that grows by windows, each an ordinary build.

    OUT/stream.json             what every window is built with; written once
    OUT/sections/00000000.json  the software of the windows from some window on; written once
    OUT/plans/00000000.json     the files of window 0: the log; written once
    OUT/plans/00000000.without.json  files of it that changed too early and were given up, if any;
                                     final as soon as the window is committed
    OUT/keys/, OUT/held/        which documents there were, and which still wait
    OUT/windows/00000000/       the build of window 0; its manifest is the commit
    OUT/index.json              the committed windows, without a gap: what readers follow

A file that is written once is put only where none is, so of two commands that write at the same
time one wins, and both go on with what is there then.
"""

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import Any

from schemas.checked_json import Count, Sha256, when_used

STREAM = "stream.json"
INDEX = "index.json"
PLANS = "plans"
SECTIONS = "sections"
WINDOWS = "windows"
STREAM_VERSION = 1
"""Of the folder of a stream."""


def number_name(number: int) -> str:
    """Returns the name of a window, a plan or a section: names sort as the numbers do.

    >>> number_name(12)
    '00000012'
    """
    return f"{number:08d}"


def window_seed(seed: int, window: int) -> int:
    """Returns the seed of a window's build, so that equal rows of two windows differ in draws.

    >>> window_seed(12345, 0) == window_seed(12345, 1)
    False
    """
    digest = hashlib.blake2b(f"{seed}/{window}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "little")


@dataclasses.dataclass(frozen=True, kw_only=True)
class StreamRecord:
    """What stream.json says.

    Attributes:
      format_version: Of the folder.
      identity: All that decides the bytes of the windows, besides software and files.
    """

    format_version: Count
    identity: Mapping[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Section:
    """Windows that one set of libraries builds, up to the first of the next section.

    Attributes:
      section: Its number, from 0.
      first: Its first window.
      software: Versions of the libraries that decide the bytes.
      data_version: Of the code that decides the bytes.
    """

    section: Count
    first: Count
    software: Mapping[str, str]
    data_version: Count


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlannedFile:
    """A file of a window, as it was when the window was planned.

    Attributes:
      path: Its name.
      size: In bytes, as it is stored.
      modified: When it was last written, in seconds since 1970.
    """

    path: str
    size: Count
    modified: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class WindowPlan:
    """Which files a window is made of.

    Attributes:
      window: Its number, from 0.
      files: By path.
    """

    window: Count
    files: tuple[PlannedFile, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class GivenUp:
    """Files of a plan that were given up, since they changed before the window was built.

    Attributes:
      window: The number of the window.
      files: Their names, of the plan's.
    """

    window: Count
    files: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class IndexedSplit:
    """How much a split of a window holds."""

    rows: Count
    tokens: Count


@dataclasses.dataclass(frozen=True, kw_only=True)
class IndexedWindow:
    """A committed window.

    Attributes:
      window: Its number.
      section: The number of its section.
      checksum: That its manifest states of itself.
      documents: In it: those that no earlier window has, each once.
      dropped: Documents of its files that filters left out; absent where there was none.
      splits: "train" and "eval", those that the build has.
    """

    window: Count
    section: Count
    checksum: Sha256
    documents: Count
    dropped: Count = when_used(int)
    splits: Mapping[str, IndexedSplit]


@dataclasses.dataclass(frozen=True, kw_only=True)
class StreamIndex:
    """What index.json says: the committed windows, number n at place n; it only ever grows."""

    format_version: Count
    windows: tuple[IndexedWindow, ...]
