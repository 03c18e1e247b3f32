"""Samples documents of a corpus, independently of files and their order."""

import hashlib
from collections.abc import Iterable

_KEY = b"shardmill sample"
_RANK_BYTES = 16
_SLACK = 0.25


class DocumentSample:
    """Keeps the documents with the smallest hashes, up to a total size.

    The hash is a keyed hash of the text. So duplicates count once, and the sample does not depend
    on the order of documents. At least one document is kept, whatever its size.

    Args:
      max_bytes: Maximum size of the sample. A quarter more is held while it is collected.
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
        """Whether the sample still has all documents."""
        return self._below is None

    def add(self, texts: Iterable[bytes]) -> None:
        """Adds documents, and drops those that can no longer be in the sample."""
        for text in texts:
            rank = hashlib.blake2b(text, digest_size=_RANK_BYTES, key=_KEY).digest()
            if rank not in self._texts and (self._below is None or rank < self._below):
                self._texts[rank] = text
                self._bytes += len(text)
        if self._bytes > self._max_bytes * (1 + _SLACK):
            self._prune()

    def documents(self) -> list[bytes]:
        """Returns the sample, in the order of the hashes."""
        self._prune()
        return [self._texts[rank] for rank in sorted(self._texts)]

    def _prune(self) -> None:
        """Keeps the documents before the first one, in the order of hashes, that does not fit."""
        held, total = self._texts, 0
        self._texts = {}
        for rank in sorted(held):
            total += len(held[rank])
            if self._texts and total > self._max_bytes:
                self._below = rank
                break
            self._texts[rank] = held[rank]
        self._bytes = sum(map(len, self._texts.values()))
