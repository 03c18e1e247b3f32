"""The two halves of rows, whose tokens are predicted on their own, in the order of the text."""

import dataclasses

import numpy as np

from schemas.records import Array, Bool, Examples, Int64


@dataclasses.dataclass(frozen=True, eq=False)
class Halves:
    """The halves of R rows, as 2 R ranges of places; or R ranges where rows have no halves.

    Places are tokens in the order of the text: where a row is reversed, each of its halves is read
    from its end to its begin.

    Example, `reuse_len` 2, a row a b c d e and a reversed row E D C B A:
      offsets 0 2 5 7 10; the tokens at the places are a b | c d e | D E | A B C

    Attributes:
      offsets: int64[H + 1]; half h is the places [offsets[h], offsets[h + 1]).
      places: int64[T]; the place of each token; None if it is the token's own index.
      mirrored: bool[H]; the half is read from its end to its begin.
    """

    offsets: Int64
    places: Int64 | None
    mirrored: Bool

    def in_text_order(self, values: Array) -> Array:
        """Returns the values of tokens in the order of their places."""
        return values if self.places is None else values[self.places]


def half_offsets(offsets: Int64, reuse_len: int) -> Int64:
    """Returns int64[H + 1]: where the halves of rows begin; those of rows without halves are rows.

    Example: offsets 0 5 10 and reuse_len 2 give 0 2 5 7 10.
    """
    if not reuse_len:
        return offsets
    middles = np.minimum(offsets[:-1] + reuse_len, offsets[1:])
    return np.append(np.stack([offsets[:-1], middles], axis=1).ravel(), offsets[-1])


def find_halves(examples: Examples) -> Halves:
    """Returns the halves of rows."""
    offsets = half_offsets(examples.offsets, examples.reuse_len)
    if examples.backward is None or not examples.backward.any():
        return Halves(offsets, None, np.zeros(len(offsets) - 1, np.bool_))
    mirrored = np.repeat(examples.backward, 2 if examples.reuse_len else 1)
    lengths = np.diff(offsets)
    ends = np.repeat(offsets[:-1] + offsets[1:] - 1, lengths)
    tokens = np.arange(offsets[-1])
    return Halves(offsets, np.where(np.repeat(mirrored, lengths), ends - tokens, tokens), mirrored)


def half_goals(totals: Int64, reuse_len: int) -> Int64:
    """Returns int64[H]: how many tokens of each half are predicted; the first has the odd one.

    Example: totals 85 and 4 give 43 42 2 2.
    """
    if not reuse_len:
        return totals
    return np.stack([totals - totals // 2, totals // 2], axis=1).ravel()
