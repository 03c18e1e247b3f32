"""The folder of a run of vectors: whose it is, its last epoch, and when it is finished.

RUN/.shardmill/vectors.json says, before anything else is written, what is trained there;
RUN/.shardmill/epoch.npz are the vectors after the last epoch. The files of `FILES` appear when all
epochs are done, and RUN/vectors.json last: with it the run is finished. Other files that a user
puts into RUN stay as they are.
"""

import dataclasses
import os
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from schemas.checked_json import DamagedError, PositiveCount, Sha256
from schemas.config_file import saved_name
from schemas.errors import RunError, UsageError
from schemas.lock import WORK_FOLDER, holder
from schemas.manifest import MANIFEST
from schemas.manifest_parts import FileEntry
from schemas.records import Array
from schemas.regular_files import read_regular
from schemas.sealed import open_sealed, sealed_json
from transforms.files.atomic_files import atomic_file, named_by_temporary, write_atomically
from transforms.files.checked_files import file_sha256

VECTORS = "vectors.json"
SAVED = saved_name("vectors")
WORDS, TEXT, BINARY, NUMBERS = "words.txt", "vectors.txt", "vectors.bin", "vectors.npy"
NGRAMS, NGRAM_BUCKETS = "ngrams.npy", "ngram-buckets.npy"
FILES = (WORDS, TEXT, BINARY, NUMBERS, NGRAMS, NGRAM_BUCKETS)
_EPOCH = "epoch.npz"
_TRAINED = "run.json"
"""It is in the work folder of a run of `shardmill train`."""
_DONE, _LOSS = "epochs done", "loss"
_NAMED = 4
"""Differences that an error names at most."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class NgramFacts:
    """How n-grams are found.

    Attributes:
      min_n: Characters of the shortest.
      max_n: Of the longest.
      buckets: How many there may be.
    """

    min_n: PositiveCount
    max_n: PositiveCount
    buckets: PositiveCount


@dataclasses.dataclass(frozen=True, kw_only=True)
class VectorsRecord:
    """Content of RUN/vectors.json, and of the record of a run that is not finished.

    Attributes:
      command: What wrote it.
      identity: All that decides the vectors; a run is resumed with the same alone.
      software: Versions by name.
      words: How many there are; 0 while they are trained, as all that follows.
      dim: Numbers of a vector.
      loss: Mean loss of the last epoch.
      ngrams: How n-grams are found; None without.
      files: The files of the run by name.
    """

    command: Literal["vectors"] = "vectors"
    identity: Mapping[str, Any]
    software: Mapping[str, str]
    words: int = 0
    dim: int = 0
    loss: float = 0.0
    ngrams: NgramFacts | None = None
    files: Mapping[str, FileEntry] = dataclasses.field(default_factory=dict)


class RunFolder:
    """The folder of a run, which this process holds."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def is_finished(self, record: VectorsRecord, *, overwrite: bool) -> bool:
        """Returns whether the vectors are there already. Nothing is changed.

        Args:
          record: What shall be trained.
          overwrite: Vectors of another run, or of this one, shall be replaced.

        Raises:
          UsageError: if the folder holds something else, or vectors of another run.
        """
        found = self._found()
        if found is None or overwrite:
            return False
        _check_same(self.path, found.identity, record.identity)
        return (self.path / VECTORS).exists()

    def begin(self, record: VectorsRecord, *, overwrite: bool) -> None:
        """Makes the folder ready to train in.

        Args:
          record: As `is_finished` was given.
          overwrite: Delete what another run, or this one, left there.

        Raises:
          UsageError: if it cannot be written.
        """
        if overwrite:
            self._clear()
        self._delete_halves()
        try:
            (self.path / WORK_FOLDER).mkdir(parents=True, exist_ok=True)
            write_atomically(str(self._work(VECTORS)), sealed_json(record))
        except OSError as error:
            raise UsageError(f"cannot write to {self.path}: {error.strerror}") from error

    def save_options(self, text: str) -> None:
        """Writes what --config repeats the run with."""
        write_atomically(str(self.path / SAVED), text.encode())

    def give_up(self) -> None:
        """Deletes what says that vectors are trained here, and the last epoch."""
        for name in (_EPOCH, VECTORS):
            self._work(name).unlink(missing_ok=True)

    def load(self, arrays: Mapping[str, Array]) -> tuple[int, float]:
        """Fills arrays as they were after the last epoch.

        Returns:
          How many epochs are done, and the loss of the last one.

        Raises:
          DamagedError: if what was saved is damaged.
        """
        path = self._work(_EPOCH)
        if not path.exists():
            return 0, np.nan
        try:
            with np.load(path, allow_pickle=False) as saved:
                for name, array in arrays.items():
                    array[...] = saved[name]
                return int(saved[_DONE]), float(saved[_LOSS])
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise DamagedError(
                f"{path} is damaged: {error}; delete it to train from the beginning"
            ) from error

    def save(self, arrays: Mapping[str, Array], done: int, loss: float) -> None:
        """Saves arrays after an epoch."""
        saved: dict[str, Any] = {**arrays, _DONE: np.int64(done), _LOSS: np.float64(loss)}
        try:
            with atomic_file(str(self._work(_EPOCH))) as file:
                np.savez(file, **saved)
        except OSError as error:
            raise RunError(f"cannot write {self._work(_EPOCH)}: {error.strerror}") from error

    def finish(self, record: VectorsRecord, names: list[str]) -> None:
        """Writes vectors.json, when all other files are there.

        Args:
          record: Without files.
          names: Of the files.
        """
        files = {name: self._entry(name) for name in names}
        final = dataclasses.replace(record, files=files)
        write_atomically(str(self.path / VECTORS), sealed_json(final) + b"\n")
        self._work(_EPOCH).unlink(missing_ok=True)

    def _entry(self, name: str) -> FileEntry:
        path = self.path / name
        digest: Sha256 = file_sha256(str(path))
        return FileEntry(bytes=path.stat().st_size, sha256=digest)

    def _work(self, name: str) -> Path:
        return self.path / WORK_FOLDER / name

    def _found(self) -> VectorsRecord | None:
        """Returns what is or was trained here, None in an empty folder."""
        if os.path.lexists(self.path) and not self.path.is_dir():
            raise UsageError(f"--output {self.path} is not a folder; name a new one")
        record = self._work(VECTORS)
        if record.exists():
            return open_sealed(read_regular(record), VectorsRecord, record)
        others = sorted(each.name for each in self.path.glob("*") if each.name != WORK_FOLDER)
        if others:
            what = "the output of `shardmill build`" if MANIFEST in others else "no vectors"
            raise UsageError(
                f"--output {self.path} is not empty and holds {what} (there is {others[0]}); name "
                "a new folder"
            )
        return None

    def _clear(self) -> None:
        """Deletes the files of a run; the one that says it is finished goes first."""
        for name in (VECTORS, SAVED, *FILES):
            (self.path / name).unlink(missing_ok=True)
        self._work(_EPOCH).unlink(missing_ok=True)

    def _delete_halves(self) -> None:
        """Deletes what a run that was killed left half written."""
        ours = {VECTORS, SAVED, *FILES, _EPOCH}
        for folder in (self.path, self.path / WORK_FOLDER):
            for path in folder.glob(".*.tmp"):
                if named_by_temporary(path.name) in ours:
                    path.unlink(missing_ok=True)


def check_place(run: Path, data: Path) -> None:
    """Refuses a run in the folder that it trains on, and data that are being written.

    Raises:
      UsageError: saying who writes the data since when, or to name another folder.
    """
    place, source = Path(os.path.realpath(run)), Path(os.path.realpath(data))
    if source in (place, *place.parents):
        raise UsageError(
            f"--output {run} is in the folder of --data {data}, where only the command "
            "that made it writes; name another folder"
        )
    if (writer := holder(data)) is not None:
        raise UsageError(
            f"--data {data} is being written by {writer}; wait until it has ended, and run this "
            "command again"
        )


def read_vectors_record(run: Path) -> VectorsRecord:
    """Returns what the vectors in a folder are.

    Raises:
      UsageError: if there are none, or they are not finished.
      DamagedError: if the file that says so, or another one of the run, is not what it was.
    """
    path = run / VECTORS
    if not path.is_file():
        if (run / WORK_FOLDER / VECTORS).exists():
            raise UsageError(
                f"{run} holds vectors that are not finished; run its command again to finish them"
            )
        if (run / WORK_FOLDER / _TRAINED).exists():
            raise UsageError(
                f"{run} holds a model of `shardmill train`, which has no list of vectors; of a "
                "model of elmo ElmoVectors gives those of the words of a sentence, see docs/elmo.md"
            )
        raise UsageError(f"{run} holds no {VECTORS}; is it the output of `shardmill vectors`?")
    record = open_sealed(read_regular(path), VectorsRecord, path)
    for name, entry in record.files.items():
        there = run / name
        if not there.is_file() or there.stat().st_size != entry.bytes:
            raise DamagedError(f"{there} is not what {path} says; train the vectors again")
    return record


def check_contents(run: Path, record: VectorsRecord, names: Collection[str]) -> None:
    """Refuses files whose sha256 is not that of the record.

    Args:
      run: The folder.
      record: Of the run in it.
      names: Of the files that are looked at; those that the run has not got are passed over.

    Raises:
      DamagedError: naming the first.
    """
    for name, entry in record.files.items():
        if name in names and file_sha256(str(run / name)) != entry.sha256:
            raise DamagedError(
                f"{run / name} was changed: its sha256 is not that of {VECTORS}; train the vectors "
                "again"
            )


def _check_same(run: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuses a folder with vectors of another run."""
    differ = [
        f"{name} {before.get(name)!r} there, {now.get(name)!r} here"
        for name in dict.fromkeys((*now, *before))
        if before.get(name) != now.get(name)
    ]
    if differ:
        named = "; ".join(differ[:_NAMED]) + (", and more" if len(differ) > _NAMED else "")
        raise UsageError(
            f"{run} holds vectors of another run ({named}); name another --output, or replace "
            "them with --overwrite"
        )
