"""A sample of a corpus that depends on its documents alone, not on files or their order."""

import hashlib
from collections.abc import Iterable

_KEY = b"shardmill sample"
_RANK_BYTES = 16
_SLACK = 0.25


class DocumentSample:
    """Keeps the documents of least rank, as many as fit into a size.

    The rank is a keyed hash of the text. So equal documents count once, and the sample is the same
    in whatever order documents come. At least one is kept, however long.

    Args:
      max_bytes: Size of the sample; while it is collected, a quarter more is held.
    """

    def __init__(self, max_bytes: int) -> None:
        if max_bytes < 1:
            raise ValueError(f"max_bytes must be at least 1, got {max_bytes}")
        self._max_bytes = max_bytes
        self._texts: dict[bytes, bytes] = {}
        self._bytes = 0
        self._below: bytes | None = None

    @property
    def complete(self) -> bool:
        """Whether no document had to be left out so far."""
        return self._below is None

    def add(self, texts: Iterable[bytes]) -> None:
        """Adds documents, and lets go of those that can no longer be in the sample."""
        for text in texts:
            rank = hashlib.blake2b(text, digest_size=_RANK_BYTES, key=_KEY).digest()
            if rank not in self._texts and (self._below is None or rank < self._below):
                self._texts[rank] = text
                self._bytes += len(text)
        if self._bytes > self._max_bytes * (1 + _SLACK):
            self._prune()

    def documents(self) -> list[bytes]:
        """Returns the sample, in the order of the ranks."""
        self._prune()
        return [self._texts[rank] for rank in sorted(self._texts)]

    def _prune(self) -> None:
        """Keeps documents up to the first, by rank, that does not fit any more."""
        held, total = self._texts, 0
        self._texts = {}
        for rank in sorted(held):
            total += len(held[rank])
            if self._texts and total > self._max_bytes:
                self._below = rank
                break
            self._texts[rank] = held[rank]
        self._bytes = sum(map(len, self._texts.values()))
