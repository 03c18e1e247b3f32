"""The filter that drops documents whose keys are known: the near-duplicates that were found."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import pyarrow as pa

from schemas.documents import KEY_BYTES, keys_of
from schemas.records import Array
from schemas.shards import map_file
from transforms.files.storage import is_local, open_file
from transforms.filters.document_filter import Examined, Scalar
from transforms.filters.near_duplicates import NearDuplicates


@dataclasses.dataclass(frozen=True, kw_only=True)
class KnownDuplicates:
    """Drops documents that were found to be near-duplicates of a document that is kept.

    Attributes:
      near: How they were found.
      path: The file of their keys, see `near_search`; "" while they are not known.
      owner: Of the build, so that a process that builds another one there reads the file again.
    """

    near: NearDuplicates
    path: str = ""
    owner: str = ""

    name: ClassVar[str] = "near_duplicates"
    reasons: ClassVar[Sequence[str]] = ("near_duplicate",)

    def examine(self, documents: pa.RecordBatch) -> Examined:
        """See `DocumentFilter`."""
        known, own = _keys(self.path, self.owner), _ordered(keys_of(documents))
        places = np.minimum(np.searchsorted(known, own), max(len(known) - 1, 0))
        gone = known[places] == own if len(known) else np.zeros(len(own), np.bool_)
        return Examined(gone.astype(np.uint8))

    def identity(self) -> dict[str, Scalar]:
        """See `DocumentFilter`."""
        return self.near.identity()


@functools.lru_cache(maxsize=1)
def _keys(path: str, owner: str) -> Array:  # noqa: ARG001 - part of what is cached
    """Returns the keys of a file, ascending; a local one is mapped."""
    if is_local(path):
        batch = pa.ipc.open_file(map_file(path)).get_batch(0)
    else:
        with open_file(path) as file:
            batch = pa.ipc.open_file(file).get_batch(0)
    return _ordered(keys_of(batch))


def read_clusters(path: str) -> dict[str, int]:
    """Returns how many clusters there are, and how large the largest one is."""
    with open_file(path) as file:
        metadata = pa.ipc.open_file(file).schema.metadata
    return {name.decode(): int(value) for name, value in metadata.items()}


def _ordered(keys: Array) -> Array:
    """Returns keys as values that compare as their bytes do."""
    return np.ascontiguousarray(keys).view(f"S{KEY_BYTES}").reshape(-1)
