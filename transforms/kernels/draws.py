"""Random numbers for compiled loops: SplitMix64, a stream for every row.

A stream is its state, a uint64: add `STEP` and mix to draw 64 bits. The key of a copy comes from
the keyed generator of its step and copy (`transforms.arrays.randomness.random_key`), and that of a
row is computed from it, so a row's draws depend on nothing but seed, path, copy and row.

Source: Steele et al. 2014, "Fast Splittable Pseudorandom Number Generators".
"""

import numpy as np

from transforms.kernels.compiled import compiled

STEP = np.uint64(0x9E3779B97F4A7C15)
"""Of the state, from one draw to the next."""

_FACTOR_1, _FACTOR_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S27, _S30, _S31, _S32 = np.uint64(27), np.uint64(30), np.uint64(31), np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)


@compiled
def mixed(state: np.uint64) -> np.uint64:
    """Returns 64 random bits of a state, by the finaliser of SplitMix64."""
    state = (state ^ (state >> _S30)) * _FACTOR_1
    state = (state ^ (state >> _S27)) * _FACTOR_2
    return state ^ (state >> _S31)


@compiled
def stream_of(key: np.uint64, row: int) -> np.uint64:
    """Returns the first state of a row's stream."""
    return mixed(key + np.uint64(row) * STEP)


@compiled
def low_bits(bits: np.uint64) -> np.int64:
    """Returns 32 of 64 random bits, to compare with a threshold."""
    return np.int64(bits & _LOW)


@compiled
def high_bits(bits: np.uint64) -> np.int64:
    """Returns the other 32 of 64 random bits."""
    return np.int64(bits >> _S32)


@compiled
def below(bits: np.uint64, bound: int | np.int64) -> np.int64:
    """Scales the other 32 of 64 random bits to [0, bound), uniform to within bound / 2**32."""
    return np.int64(((bits >> _S32) * np.uint64(bound)) >> _S32)
