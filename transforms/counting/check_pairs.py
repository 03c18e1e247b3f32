"""Reads one shard of pairs and checks everything that its content shows."""

import dataclasses
from collections.abc import Collection, Iterator, Mapping

import numpy as np
import numpy.typing as npt

from schemas.arrow_columns import numpy_of
from schemas.co_occurrences import PAIR_SCHEMA, PairsEntry
from schemas.records import Bool, Int64
from schemas.wording import counted
from transforms.build.check_shard import Problem, open_batches
from transforms.contract.pair_rule import PairRule
from transforms.counting.add_pairs import Pairs
from transforms.files.checked_files import read_checked
from transforms.files.storage import join
from transforms.kernels.pair_sums import hash_pairs

Float64 = npt.NDArray[np.float64]
UInt32 = npt.NDArray[np.uint32]


@dataclasses.dataclass(frozen=True, eq=False)
class StoredPairs:
    """The pairs of a shard as they are stored.

    Attributes:
      words: uint32[P].
      contexts: uint32[P].
      values: float64[P].
    """

    words: UInt32
    contexts: UInt32
    values: Float64

    def weights(self, rule: PairRule) -> Int64:
        """Returns int64[P]: the nearest multiples of 1 / unit."""
        most = float(1 << 62)
        # What is no number becomes 0, which no pair weighs.
        whole = np.rint(np.nan_to_num(self.values) * rule.unit)
        return np.clip(whole, -most, most).astype(np.int64)


def read_pairs(folder: str, entry: PairsEntry, *, hashed: bool = True) -> StoredPairs:
    """Returns the pairs of a shard.

    Args:
      folder: Of the build.
      entry: Of the shard.
      hashed: Whether its sha256 is compared.

    Raises:
      UnreadableError: if it is not what its entry says, or no table of pairs.
    """
    path = join(folder, *entry.path.split("/"))
    content = read_checked(path, entry.path, entry.bytes, entry.sha256 if hashed else None)
    batches = open_batches(content, entry.path, PAIR_SCHEMA)
    columns = [
        np.concatenate([np.empty(0, kind), *(numpy_of(batch.column(name)) for batch in batches)])
        for name, kind in (("word", np.uint32), ("context", np.uint32), ("value", np.float64))
    ]
    return StoredPairs(*columns)


def check_pairs(
    pairs: StoredPairs,
    entry: PairsEntry,
    rule: PairRule,
    words: int,
    special: Collection[int],
    key: np.uint64,
    part: tuple[int, int],
) -> Iterator[Problem]:
    """Yields what is wrong with the pairs of a shard.

    Args:
      pairs: That it has.
      entry: What the manifest says of it.
      rule: By which they were counted.
      words: How many ids there are.
      special: Ids that are no words.
      key: Of their order.
      part: The number of the shard, and how many there are.
    """
    if len(pairs.words) != entry.records:
        found = f"records is {len(pairs.words)}, the manifest says {entry.records}"
        yield Problem("counts", f"{entry.path}: {found}")
    for sentence, wrong in _wrong(pairs, rule, words, special, key, part).items():
        if wrong.any():
            first = int(np.flatnonzero(wrong)[0])
            where = f"in {counted(int(wrong.sum()), 'record')}, first record {first}"
            yield Problem("invariants", f"{entry.path}: {sentence}, {where}")


def _wrong(
    pairs: StoredPairs,
    rule: PairRule,
    words: int,
    special: Collection[int],
    key: np.uint64,
    part: tuple[int, int],
) -> Mapping[str, Bool]:
    """Returns bool[P] for each thing that may be wrong with a pair."""
    hashes, where = np.empty(len(pairs.words), np.uint64), np.empty(len(pairs.words), np.int64)
    hash_pairs(pairs.words, pairs.contexts, key, part[1], hashes, where)
    weights = pairs.weights(rule)
    none = np.array(sorted(special), np.uint32)
    unordered = np.zeros(len(hashes), np.bool_)
    unordered[1:] = hashes[1:] <= hashes[:-1]
    found = {
        "an id is not in the vocabulary": np.maximum(pairs.words, pairs.contexts) >= words,
        "a special token is counted": np.isin(pairs.words, none) | np.isin(pairs.contexts, none),
        "a value is no sum of 1 / distance": (weights < 1) | (weights / rule.unit != pairs.values),
        "a pair is there twice, or out of its order": unordered,
        "a pair belongs to another shard": where != part[0],
    }
    if rule.symmetric:
        found["a pair has another value than its reverse"] = _lopsided(pairs)
    return found


def _lopsided(pairs: StoredPairs) -> Bool:
    """Returns bool[P]: the pairs whose reverse is missing or has another value.

    Sorted by word and context, pairs are what they are sorted by context and word, if all have
    their reverse. Where one is missing, others that are compared with it are found as well.
    """
    words, contexts = pairs.words.astype(np.uint64), pairs.contexts.astype(np.uint64)
    half = np.uint64(32)
    forward, backward = words << half | contexts, contexts << half | words
    here, there = np.argsort(forward), np.argsort(backward)
    wrong = np.zeros(len(here), np.bool_)
    wrong[here] = (forward[here] != backward[there]) | (pairs.values[here] != pairs.values[there])
    return wrong


def same_pairs(stored: StoredPairs, counted_again: Pairs, rule: PairRule) -> bool:
    """Returns whether pairs are exactly those that were counted again, in their order."""
    return (
        np.array_equal(stored.words, counted_again.words)
        and np.array_equal(stored.contexts, counted_again.contexts)
        and np.array_equal(stored.values, counted_again.weights / rule.unit)
    )
