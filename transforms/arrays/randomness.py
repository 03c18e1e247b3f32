"""The only place where a random generator is made."""

import hashlib
import json

import numpy as np
import numpy.typing as npt


def rng_for(seed: int, *path: str | int) -> np.random.Generator:
    """Returns the generator that belongs to one step of one shard.

    The path is hashed with the seed, so two different paths give independent streams however alike
    they look, and no stream depends on the order in which others were used.

    Args:
      seed: The seed of the build.
      path: Names and numbers that say what the draws are for, such as
        ("bert", "pair", "train", 3, 0): recipe, step, split, shard, copy.

    Source: NumPy, "Parallel random number generation": one keyed seed a stream, never seed + index.
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
    """Returns 32 random bits each, straight from the bit generator.

    NumPy promises that a bit generator's stream stays the same, which it does not of the methods of
    `Generator`, and the raw stream takes two thirds of their time.
    """
    raw = rng.bit_generator.random_raw((count + 1) // 2)
    return raw.astype("<u8", copy=False).view("<u4")[:count]


def random_below(rng: np.random.Generator, bound: int, count: int) -> npt.NDArray[np.int64]:
    """Returns numbers in [0, bound), uniform to within bound / 2**32."""
    return scaled_bits(random_bits(rng, count), np.uint64(bound))


def scaled_bits(
    bits: npt.NDArray[np.uint32], bounds: np.uint64 | npt.NDArray[np.uint64]
) -> npt.NDArray[np.int64]:
    """Turns 32 random bits each into numbers in [0, bound), uniform to within bound / 2**32."""
    return ((bits.astype(np.uint64) * bounds) >> np.uint64(32)).astype(np.int64)
