"""The files of counting, and how their parts are keyed."""

import numpy as np

from schemas.co_occurrences import PAIRS
from transforms.arrays.randomness import random_key, rng_for

_PART_BYTES = 3 << 20
_USUAL_WINDOW = 15
_MOST_PARTS = 1 << 14


def run_names(shards: int) -> list[str]:
    """Returns the paths of the runs of so many shards of rows, in the folder of a build."""
    return [f"{PAIRS}/run-{number:05d}-of-{shards:05d}" for number in range(shards)]


def part_count(text_bytes: int, window: int) -> int:
    """Returns how many shards of pairs there are.

    Text has 6 to 10 times its size of records, less in a small list of words, and about as much of
    pairs: so a shard of pairs has 15 to 40 MB. Text beyond 48 GiB makes larger shards, not more.

    >>> part_count(20_000_000, 15)
    7
    """
    return min(1 + text_bytes * window // (_USUAL_WINDOW * _PART_BYTES), _MOST_PARTS)


def pair_key(seed: int, recipe: str) -> np.uint64:
    """Returns the key of the order of pairs."""
    return random_key(rng_for(seed, recipe, "pairs"))
