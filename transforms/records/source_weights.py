"""Weights of sources: how often each document is there, by its key and the seed alone.

A weight w of a source asks for floor(w) copies of each of its documents, and for one more of a
share w - floor(w) of them, chosen by a keyed hash of the content key. So neither files, nor
workers, nor the order of anything change which they are.

* The copies of a document are numbered from 0 on. Copy 0 has the key of the content. The others
  are repetitions: the upper half of their key is the same, so that all copies are in one split; the
  lower half is hashed with the number of the copy, so that they lie in different shards and are no
  duplicates of each other.
* A document that is held out for evaluation is never repeated. It may be left out by a weight below
  1, as any other.
* The share is chosen by one number of a document, whichever source it is in. So of a document that
  several sources have, there are as many copies as the largest of their weights asks for.
"""

import dataclasses

import numpy as np

from schemas.records import Array, Int64
from transforms.arrays.randomness import mixed_bits, random_key, rng_for

UNIT = 1_000_000
"""Weights are whole numbers of millionths, so that no threshold depends on a float."""
_STEP = 0x9E3779B97F4A7C15
_MOST = (1 << 64) - 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class SourceWeights:
    """How often the documents of each source are wanted.

    Attributes:
      millionths: The weight of each source, by its number, times `UNIT`.
      seed: Of the build.
      eval_below: Upper halves of keys below this are held out, see
        `transforms.records.shard_text.ShardPlan`.
    """

    millionths: tuple[int, ...]
    seed: int
    eval_below: int = 0

    @property
    def plain(self) -> bool:
        """Whether every document is wanted once."""
        return all(each == UNIT for each in self.millionths)

    def copies(self, keys: Array, sources: Array) -> Int64:
        """Returns int64[D]: how many copies of each document there are.

        Args:
          keys: uint8[D, 16] content keys.
          sources: uint16[D]; the numbers of their sources.
        """
        halves = np.ascontiguousarray(keys).view("<u8").reshape(-1, 2)
        key = random_key(rng_for(self.seed, "sources", "sample"))
        drawn = mixed_bits(halves[:, 0] ^ mixed_bits(halves[:, 1] ^ key))
        whole = np.array([each // UNIT for each in self.millionths], np.int64)
        below = np.array([_threshold(each) for each in self.millionths], np.uint64)
        copies = whole[sources] + (drawn < below[sources])
        held_out = halves[:, 1] < np.uint64(self.eval_below)
        return np.where(held_out, np.minimum(copies, 1), copies)


def repeated_keys(keys: Array, copy: int) -> Array:
    """Returns uint8[D, 16]: the keys of a repetition of documents.

    Args:
      keys: uint8[D, 16] content keys.
      copy: Which repetition, from 1 on.
    """
    halves = np.array(np.ascontiguousarray(keys).view("<u8").reshape(-1, 2), "<u8")
    halves[:, 0] = mixed_bits(halves[:, 0] + np.uint64(copy * _STEP & _MOST))
    return halves.view(np.uint8).reshape(-1, 16)


def _threshold(millionths: int) -> int:
    """Returns what 64 random bits are below for the part of a weight behind its point."""
    return ((millionths % UNIT) << 64) // UNIT
