"""Draws segments from other documents of the same shard."""

import numpy as np

from schemas.records import Int64
from schemas.windows import Packing


class LoneDocumentError(ValueError):
    """A random segment was wanted, and there is no other document to take it from."""


def draw_distractors(
    packing: Packing, first: Int64, rng: np.random.Generator, *, same_document: bool = False
) -> Int64:
    """Draws a segment of another document for each first segment: it reaches the window's target.

    Args:
      packing: The windows.
      first: int64[W, 2] first segments, in sentences.
      rng: Draws document and sentence to begin with.
      same_document: Draw up to ten times in the hope of another document, and take the last draw
        whatever it is.

    Returns:
      int64[W, 2], in sentences; never empty, and within one document.
    """
    borders = packing.tokens.document_offsets
    own = np.searchsorted(borders, first[:, 0], "right") - 1
    other = _other_documents(own, len(borders) - 1, rng, same_document)
    begins = rng.integers(borders[other], borders[other + 1])
    return fill_up(packing, first, begins, borders[other + 1])


def fill_up(packing: Packing, first: Int64, begins: Int64, limits: Int64) -> Int64:
    """Lets second segments run until they and the first ones reach the window's target.

    Example, sentences of 4 tokens each and a target of 10: a first segment of one sentence leaves
    6, so a second segment that begins at sentence 7 is [7, 9), two sentences of 8 tokens.

    Args:
      packing: The windows.
      first: int64[W, 2] first segments, in sentences.
      begins: int64[W] sentences that the second segments begin with.
      limits: int64[W] sentences that they end in front of at the latest; beyond `begins`.

    Returns:
      int64[W, 2], in sentences; never empty.
    """
    offsets = packing.tokens.sentence_offsets
    wanted = packing.targets[first[:, 0]] - (offsets[first[:, 1]] - offsets[first[:, 0]])
    ends = np.searchsorted(offsets, offsets[begins] + np.maximum(wanted, 1), "left")
    return np.stack([begins, np.minimum(ends, limits)], axis=1)


def _other_documents(
    own: Int64, documents: int, rng: np.random.Generator, same_document: bool
) -> Int64:
    if same_document:
        tries = rng.integers(0, documents, (len(own), 10))
        differs = tries != own[:, None]
        differs[:, -1] = True
        return tries[np.arange(len(own)), np.argmax(differs, axis=1)]
    drawn = rng.integers(0, max(documents - 1, 1), len(own))
    return drawn + (drawn >= own)
