"""Copies ranges of arrays, see `transforms.arrays.ragged`."""

from schemas.records import Array, Int64
from transforms.kernels.compiled import compiled


@compiled
def copy_all(old: Array, new: Array, sources: Int64, targets: Int64, lengths: Int64) -> None:
    """Copies ranges of values from one array to another.

    Example, ranges of 2 and 1 values from places 3 and 0 to places 0 and 3:
      old 1 2 3 4 5
      new 4 5 . 1

    Args:
      old: [N]; the values.
      new: [M] of the same type.
      sources: int64[R]; first index of each range in `old`.
      targets: int64[R]; first index of each range in `new`.
      lengths: int64[R].
    """
    for number in range(len(lengths)):
        source, target, length = sources[number], targets[number], lengths[number]
        # Indices into a slice are never negative, so this becomes a vectorised copy.
        given, found = old[source : source + length], new[target : target + length]
        for index in range(length):
            found[index] = given[index]
