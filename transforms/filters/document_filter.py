"""What a filter of documents is."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Scalar: TypeAlias = str | int | float | bool
Codes: TypeAlias = npt.NDArray[np.uint8]

KEEP = 0
"""The code of a document that is kept."""


@dataclasses.dataclass(frozen=True, eq=False)
class Examined:
    """What a filter says of a batch of documents.

    Attributes:
      codes: uint8[D]; `KEEP`, or why a document is dropped: n stands for `reasons[n - 1]` of the
        filter.
      texts: `large_binary` of the texts that take the place of those of the batch; None if they
        stay.
      removed: How many lines were removed from documents that are kept, by reason.
    """

    codes: Codes
    texts: pa.Array | None = None
    removed: Mapping[str, int] = dataclasses.field(default_factory=dict)


class DocumentFilter(Protocol):
    """Says which documents are dropped, by their text and key alone."""

    @property
    def name(self) -> str:
        """What its counts go by."""

    @property
    def reasons(self) -> Sequence[str]:
        """Why a document may be dropped, the reason of code 1 first."""

    def examine(self, documents: pa.RecordBatch) -> Examined:
        """Looks at documents, which have at least the columns of `DOCUMENT_SCHEMA`."""

    def identity(self) -> dict[str, Scalar]:
        """Returns all that decides what is dropped, for the identity of a build."""


def first_reasons(failing: Sequence[npt.NDArray[np.bool_]], count: int) -> Codes:
    """Returns the code of the first rule that each document fails, `KEEP` where there is none.

    >>> first_reasons([np.array([False, True, True]), np.array([True, False, True])], 3).tolist()
    [2, 1, 1]

    Args:
      failing: bool[D] of each reason, in the filter's order.
      count: D.
    """
    codes = np.zeros(count, np.uint8)
    for code in range(len(failing), 0, -1):
        codes[failing[code - 1]] = code
    return codes
