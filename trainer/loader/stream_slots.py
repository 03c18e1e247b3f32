"""Slots of a stream: which rows of which windows are trained on together.

The rows of a window are dealt to N slots, its own and the N - 1 after it, so slot s holds a share
of the windows s - N + 1 to s, and can be formed as soon as window s is committed:

    N = 2     window 0   window 1   window 2
    slot 0    a half
    slot 1    the rest   a half
    slot 2               the rest   a half

Within a slot the rows are shuffled together. All of this follows from the seed and the windows.
"""

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import numpy as np

from schemas.manifest_parts import ShardEntry
from schemas.records import Array
from schemas.stream import WINDOWS, number_name
from trainer.loader.stream_folder import StreamFolder
from transforms.arrays.randomness import random_key, rng_for, shuffled
from transforms.build.corpus import Corpus

Split = Literal["train", "eval"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class WindowsCorpus(Corpus):
    """Rows of several windows as those of one build.

    Attributes:
      listed: Their shards by split, paths from the folder of the stream.
      digest: Checksum of their manifests.
    """

    listed: Mapping[str, Sequence[ShardEntry]]
    digest: str

    @property
    def splits(self) -> Mapping[str, Sequence[ShardEntry]]:
        return self.listed

    @property
    def checksum(self) -> str:
        return self.digest


def windows_corpus(stream: StreamFolder, windows: Sequence[int], split: Split) -> WindowsCorpus:
    """Returns a split of some windows, one after the other.

    Raises:
      DamagedError, UsageError: if a window cannot be opened, see `StreamFolder.corpus`.
    """
    corpora = [stream.corpus(window) for window in windows]
    shards = [
        dataclasses.replace(entry, path=f"{WINDOWS}/{number_name(window)}/{entry.path}")
        for window, corpus in zip(windows, corpora, strict=True)
        for entry in corpus.splits.get(split, ())
    ]
    first = corpora[0]
    inherited = {field.name: getattr(first, field.name) for field in dataclasses.fields(Corpus)}
    checksums = "\n".join(corpus.checksum for corpus in corpora)
    return WindowsCorpus(
        **{**inherited, "folder": stream.folder, "manifest": None},
        listed={split: shards},
        digest=hashlib.sha256(checksums.encode()).hexdigest(),
    )


@dataclasses.dataclass(frozen=True)
class Slots:
    """How the rows of windows are dealt.

    Attributes:
      seed: Of the run.
      mix: N, the slots that the rows of a window are dealt to.
    """

    seed: int
    mix: int

    def count(self, stream: StreamFolder, slot: int) -> int:
        """Returns how many rows a slot has."""
        return sum(
            max(-(-(stream.rows(window, "train") - place) // self.mix), 0)
            for window, place in self._sources(slot)
        )

    def windows(self, stream: StreamFolder, slot: int) -> list[int]:
        """Returns the windows that a slot has rows of."""
        return [
            window for window, place in self._sources(slot) if stream.rows(window, "train") > place
        ]

    def rows(self, stream: StreamFolder, slot: int) -> Array:
        """Returns the rows of a slot, by their numbers in `windows_corpus` of its windows."""
        parts, before = [], 0
        for window in self.windows(stream, slot):
            count = stream.rows(window, "train")
            order = shuffled(count, rng_for(self.seed, "stream-deal", window))
            parts.append(np.sort(order[slot - window :: self.mix]).astype(np.int64) + before)
            before += count
        return np.concatenate(parts).astype(np.uint32 if before <= 1 << 32 else np.uint64)

    def slot_seed(self, slot: int) -> int:
        """Returns the seed of all that is drawn for a slot: its order, and what is not stored."""
        return int(random_key(rng_for(self.seed, "stream-slot", slot)))

    def _sources(self, slot: int) -> Iterator[tuple[int, int]]:
        """Yields the windows that may have rows in a slot, and their place among its dealings."""
        return ((window, slot - window) for window in range(max(slot - self.mix + 1, 0), slot + 1))
