"""Counts what a shard has of each source."""

from collections.abc import Sequence

import numpy as np

from schemas.manifest_documents import SourceCounts
from schemas.records import ShardText


def source_counts(text: ShardText, names: Sequence[str]) -> dict[str, SourceCounts]:
    """Returns what a shard has of each source, by name; nothing where there are no sources.

    Args:
      text: Of the shard.
      names: Of the sources, by their numbers.
    """
    if text.sources is None:
        # A shard without documents does not know that they would have sources.
        none = SourceCounts(documents=0, repeated=0, bytes=0, duplicates=0)
        return dict.fromkeys(names, none)
    numbers, repeats = text.sources.numbers, text.sources.repeats
    # Every document is ended by LF, which is no byte of it.
    sizes = np.diff(np.append(text.document_starts, len(text.data))) - 1
    counts = (
        np.bincount(numbers, minlength=len(names)),
        np.bincount(numbers[repeats], minlength=len(names)),
        np.bincount(numbers, sizes, minlength=len(names)).astype(np.int64),
        np.append(text.sources.dropped, np.zeros(len(names), np.int64)),
        *np.append(text.sources.decided, np.zeros((len(names), 3), np.int64), axis=0).T,
    )
    return {
        name: SourceCounts(
            documents=own,
            repeated=again,
            bytes=size,
            duplicates=dropped,
            wanted=wanted,
            wanted_again=wanted_again,
            unwanted=unwanted,
        )
        for name, own, again, size, dropped, wanted, wanted_again, unwanted in zip(
            names, *(each.tolist() for each in counts), strict=False
        )
    }
