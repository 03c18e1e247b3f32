"""The folder of a stream, as a reader sees it: its index, and the builds of its windows."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from schemas.checked_json import DamagedError, to_json_value
from schemas.errors import UsageError
from schemas.manifest import Manifest
from schemas.manifest_file import checksum
from schemas.regular_files import read_regular
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
from trainer.loader.open_corpus import open_local_corpus, read_local_manifest
from transforms.build.corpus import Corpus

_T = TypeVar("_T")
_KEPT = 32
"""Windows whose manifests are kept; beyond those that are mixed they are read again."""


class StreamFolder:
    """A stream whose committed windows are known up to some number.

    Attributes:
      folder: Where it lies.
      checksum: Of what every window is built with.
      windows: The committed windows that are known, number n at place n.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        """Opens the folder; no window is known yet.

        Raises:
          UsageError: if it is no stream.
          DamagedError: if stream.json is damaged.
        """
        self.folder = os.fspath(folder)
        if "://" in self.folder:
            raise UsageError(
                f"--data {self.folder} is not on a local disk; copy the stream there, shards are "
                "mapped"
            )
        if not is_stream(self.folder):
            raise UsageError(
                f"--data {self.folder} holds no {STREAM}, and --follow is for the output of "
                "shardmill follow; leave --follow out for that of shardmill build"
            )
        record = self._read(STREAM, StreamRecord)
        if record.format_version != STREAM_VERSION:
            raise UsageError(
                f"--data {self.folder} is a stream of format version {record.format_version}, and "
                f"this program reads {STREAM_VERSION}; use the Shardmill that wrote it"
            )
        self.checksum = checksum(to_json_value(record))
        self.windows: list[IndexedWindow] = []
        self._signature: tuple[int, ...] | None = None
        self._opened: dict[int, Corpus] = {}
        self._first: Manifest | None = None

    def committed(self) -> list[IndexedWindow]:
        """Reads the index if it has changed; returns the windows in it that are not known yet.

        They are returned once: `learn` them.

        Raises:
          DamagedError: if it is damaged, or is not the known one with more windows.
        """
        path = Path(self.folder, INDEX)
        try:
            status = path.stat()
        except FileNotFoundError:
            return []
        # It is replaced, never written to; reading a long one every second takes its time.
        signature = status.st_ino, status.st_mtime_ns, status.st_size
        if signature == self._signature:
            return []
        found = self._read(INDEX, StreamIndex).windows
        if [each.window for each in found] != list(range(len(found))):
            raise DamagedError(f"{path} is damaged: a window is missing in it")
        known = len(self.windows)
        if list(found[:known]) != self.windows:
            raise DamagedError(
                f"{path} is not what it was: committed windows were changed; "
                "restore the stream, or train a new run on it"
            )
        self._signature = signature
        return list(found[known:])

    def learn(self, windows: Sequence[IndexedWindow]) -> None:
        """Adds windows that `committed` returned, here or in another process, once."""
        known = len(self.windows)
        self.windows += [each for each in windows if each.window >= known]

    def rows(self, window: int, split: str) -> int:
        """Returns how many rows a split of a known window has."""
        found = self.windows[window].splits.get(split)
        return found.rows if found else 0

    def fingerprint(self, count: int) -> str:
        """Returns a checksum of the first windows."""
        checksums = "\n".join(each.checksum for each in self.windows[:count])
        return hashlib.sha256(checksums.encode()).hexdigest()

    def path(self, window: int) -> Path:
        """Returns the folder of a window."""
        return Path(self.folder, WINDOWS, number_name(window))

    def corpus(self, window: int) -> Corpus:
        """Opens a known window.

        Raises:
          DamagedError: if it is not the build that the index says.
          UsageError: if it is built with another recipe or tokenizer than the first window.
        """
        if window not in self._opened:
            if self._first is None:
                self._first = self._manifest(0)
            corpus = open_local_corpus(self.path(window))
            manifest = corpus.manifest
            assert manifest is not None
            entry = self.windows[window]
            rows = {name: split.rows for name, split in manifest.splits.items()}
            indexed = {name: split.rows for name, split in entry.splits.items()}
            if (manifest.checksum, rows) != (entry.checksum, indexed):
                raise DamagedError(
                    f"{self.path(window)} is another build than {Path(self.folder, INDEX)} says; "
                    "shardmill verify tells what else is wrong"
                )
            for name in ("recipe", "tokenizer", "entities"):
                if getattr(manifest, name) != getattr(self._first, name):
                    what = {"entities": "list of entities"}.get(name, name)
                    raise UsageError(
                        f"{self.path(window)} is built with another {what} than "
                        f"{self.path(0)}, and a model is trained on one; follow into a new folder"
                    )
            while len(self._opened) >= _KEPT:
                del self._opened[next(iter(self._opened))]
            self._opened[window] = corpus
        return self._opened[window]

    def _manifest(self, window: int) -> Manifest:
        manifest = read_local_manifest(self.path(window))
        if not isinstance(manifest, Manifest):
            raise UsageError(
                f"--data {self.folder} is a stream of a mixture, and --follow trains on streams of "
                "one recipe; follow a member, or train on a window without --follow"
            )
        return manifest

    def _read(self, name: str, kind: type[_T]) -> _T:
        path = Path(self.folder, name)
        try:
            content = read_regular(path)
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror}") from error
        return open_sealed(content, kind, path)


def is_stream(folder: str | os.PathLike[str]) -> bool:
    """Returns whether a folder holds a stream."""
    return os.path.lexists(Path(folder, STREAM))
