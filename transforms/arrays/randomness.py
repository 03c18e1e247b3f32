"""Random generators, each keyed by a seed and a path; no other module of transforms makes one."""

import hashlib
import json
from typing import Any

import numpy as np
import numpy.typing as npt


def rng_for(seed: int, *path: str | int) -> np.random.Generator:
    """Returns the random generator of one step of one shard.

    The generator is seeded by a hash of seed and path. So different paths have independent streams,
    however similar the paths are, and no stream depends on the order in which others are used.

    >>> random_bits(rng_for(7, "bert", "pair", "train", 3, 0), 3).tolist()
    [2249568586, 2925095706, 3746816483]
    >>> random_bits(rng_for(7, "bert", "pair", "train", 3, 1), 3).tolist()
    [764226019, 1085988142, 3706802228]

    Args:
      seed: The seed of the build.
      path: Names and numbers of what the random numbers are for: recipe, step, split, shard, copy.

    Source: NumPy, "Parallel random number generation": one keyed seed per stream, never seed +
      index.
    """
    text = json.dumps([seed, *path])
    key = hashlib.blake2b(text.encode(), digest_size=16).digest()
    entropy = np.random.SeedSequence(int.from_bytes(key, "little"))
    return np.random.Generator(np.random.SFC64(entropy))


DRAWS = 1 << 32
"""How many values 32 random bits have."""


def threshold(probability: float) -> int:
    """Returns the number that 32 random bits are below with this probability."""
    return round(probability * DRAWS)


def random_bits(rng: np.random.Generator, count: int) -> npt.NDArray[np.uint32]:
    """Returns uint32[count] of random bits, taken directly from the bit generator.

    NumPy guarantees that the stream of a bit generator never changes, but not what the methods of
    `Generator` make of it. The raw stream also takes two thirds of their time.
    """
    raw = rng.bit_generator.random_raw((count + 1) // 2)
    return raw.astype("<u8", copy=False).view("<u4")[:count]


def random_key(rng: np.random.Generator) -> np.uint64:
    """Returns 64 random bits, to key the streams of a compiled loop."""
    return np.uint64(rng.bit_generator.random_raw())


def mixed_bits(states: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Returns 64 random bits of each state, by the finaliser of SplitMix64: a permutation.

    >>> mixed_bits(np.array([0x9E3779B97F4A7C15], np.uint64)).tolist()
    [16294208416658607535]

    Source: Steele et al. 2014, "Fast Splittable Pseudorandom Number Generators"; the first output
      of seed 0 is the one of the example.
    """
    states = (states ^ (states >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    states = (states ^ (states >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return states ^ (states >> np.uint64(31))


def shuffled(count: int, rng: np.random.Generator) -> npt.NDArray[Any]:
    """Returns a random order of `count` things, such as rows.

    It sorts random keys that hold their number in their low bits. All keys differ, so every machine
    sorts them alike, and the stream of a bit generator stays the same from version to version.
    """
    # 3 rows take 2 bits: keys 1011|00, 0100|01, 1110|10 are sorted to rows 1, 0, 2.
    bits = np.uint64(max(count - 1, 1).bit_length())
    low = (np.uint64(1) << bits) - np.uint64(1)
    keys = rng.bit_generator.random_raw(count) & ~low
    keys |= np.arange(count, dtype=np.uint64)
    keys.sort()
    keys &= low
    return keys.astype(np.uint32 if count <= 1 << 32 else np.uint64)


def random_below(rng: np.random.Generator, bound: int, count: int) -> npt.NDArray[np.int64]:
    """Returns int64[count] of random integers in [0, bound), uniform to within bound / 2**32."""
    return scaled_bits(random_bits(rng, count), np.uint64(bound))


def scaled_bits(
    bits: npt.NDArray[np.uint32], bounds: np.uint64 | npt.NDArray[np.uint64]
) -> npt.NDArray[np.int64]:
    """Scales random bits to integers in [0, bound), uniform to within bound / 2**32.

    A 32-bit number is read as a fraction of 2**32, so half of that gives half of the bound:

    >>> scaled_bits(np.array([0, 1 << 31, (1 << 32) - 1], np.uint32), np.uint64(10)).tolist()
    [0, 5, 9]
    """
    return ((bits.astype(np.uint64) * bounds) >> np.uint64(32)).astype(np.int64)
