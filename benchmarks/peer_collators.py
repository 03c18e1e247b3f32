"""The names of the collators that `benchmarks.peers` measures."""

COLLATORS = ("masked", "permutation")
