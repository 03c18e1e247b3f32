"""Adds up the records of a part to the pairs of a shard, in a random order."""

import dataclasses

import numpy as np
import numpy.typing as npt

from schemas.records import Int64
from transforms.contract.pair_rule import PairRule
from transforms.kernels.pair_sums import (
    add_records,
    packed_hashes,
    sort_records,
    take_in_order,
)

UInt32 = npt.NDArray[np.uint32]


@dataclasses.dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs with their weights, in the order of their hashes: no pair is there twice.

    Attributes:
      words: uint32[P].
      contexts: uint32[P].
      weights: int64[P], in `PairRule.unit`.
    """

    words: UInt32
    contexts: UInt32
    weights: Int64

    def __len__(self) -> int:
        return len(self.words)


def add_pairs(records: UInt32, rule: PairRule, words: int, key: np.uint64) -> Pairs:
    """Returns the sums of records.

    Takes 100 bytes a record.

    Args:
      records: uint32[C, 3] of one part: all that there are of each pair in it, in any order.
      rule: If it is symmetric, a pair is given out in both orders.
      words: How many words there are.
      key: Of the order: a pair's hash decides its place, and two pairs never have the same.
    """
    most = len(records) * (2 if rule.symmetric else 1)
    begins, dealt = np.zeros(words + 2, np.int64), np.empty((len(records), 2), np.uint32)
    sort_records(records, rule.symmetric, begins, dealt)
    sums, touched = np.zeros(words, np.int64), np.empty(words + 1, np.uint32)
    hashes, pairs = np.empty(most, np.uint64), np.empty((most, 2), np.uint32)
    weights = np.empty(most, np.int64)
    count = add_records(begins, dealt, key, rule.symmetric, sums, touched, hashes, pairs, weights)
    bits, packed = max(count - 1, 0).bit_length(), np.empty(count, np.uint64)
    packed_hashes(hashes[:count], bits, packed)
    # Many times faster than to sort the numbers by the hashes.
    packed.sort()
    found = Pairs(np.empty(count, np.uint32), np.empty(count, np.uint32), np.empty(count, np.int64))
    taken = (found.words, found.contexts, found.weights)
    take_in_order(packed, bits, hashes, pairs, weights, taken)
    return found
