"""Clusters of near-duplicates, and which document of each is kept."""

import dataclasses

import numpy as np

from schemas.documents import KEY_BYTES
from schemas.records import Array, Int64


@dataclasses.dataclass(frozen=True, eq=False)
class Clusters:
    """What became of all near-duplicates.

    Attributes:
      dropped: uint8[N, 16]; the keys of the documents that are dropped, ascending.
      clusters: Groups of two or more different documents.
      largest: Different documents in the largest of them.
    """

    dropped: Array
    clusters: int
    largest: int

    @property
    def metadata(self) -> dict[str, str]:
        """The numbers, as the file of the keys notes them."""
        return {"clusters": str(self.clusters), "largest": str(self.largest)}


def join_pairs(keys: Array, sizes: Int64, one: Int64, other: Int64) -> Clusters:
    """Joins documents that are paired to clusters; of each the longest document is kept.

    The longest, because the others are parts of it more often than the other way round; of equally
    long ones the one with the least key. So what is kept depends on the documents alone. Equal
    documents have one key, and all or none of them are dropped.

    Args:
      keys: uint8[N, 16]; of documents, equal ones among them.
      sizes: int64[N]; their bytes.
      one: int64[P]; numbers of documents.
      other: int64[P]; the documents that these are paired with.

    Raises:
      ImportError: if scipy is not installed.
    """
    if not len(keys):
        return Clusters(np.zeros((0, KEY_BYTES), np.uint8), 0, 0)
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    pairs = coo_array((np.ones(len(one), np.bool_), (one, other)), shape=(len(keys), len(keys)))
    _, labels = connected_components(pairs, directed=False)
    values = np.ascontiguousarray(keys).view(f"S{KEY_BYTES}").reshape(-1)
    order = np.lexsort((values, -sizes, labels))
    labels, values = labels[order], values[order]
    # Equal keys have equal sizes and a common cluster, so they are next to each other.
    distinct = np.ones(len(labels), np.bool_)
    distinct[1:] = (labels[1:] != labels[:-1]) | (values[1:] != values[:-1])
    labels, rows = labels[distinct], keys[order[distinct]]
    first = np.ones(len(labels), np.bool_)
    first[1:] = labels[1:] != labels[:-1]
    members = np.diff(np.append(np.flatnonzero(first), len(labels)))
    dropped = rows[~first]
    by_key = np.argsort(np.ascontiguousarray(dropped).view(f"S{KEY_BYTES}").reshape(-1))
    return Clusters(
        dropped=dropped[by_key],
        clusters=int(np.count_nonzero(members > 1)),
        largest=int(members.max()) if (members > 1).any() else 0,
    )
