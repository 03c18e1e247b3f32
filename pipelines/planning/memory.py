"""How many shards a local run builds at once."""

import math

from pipelines.planning.options import RunOptions
from schemas.errors import UsageError

_GIB = 1 << 30
# Measured (benchmarks/RESULTS.md, "Memory"): a worker takes its libraries, tables of words and a
# multiple of the text of the shard it builds; the local runner holds the compressed text of a wave
# several times over.
_WORKER_BYTES = 500 << 20
_SHARD_FACTOR = 6
_TOKENS_FACTOR = 1
_SHUFFLE_FACTOR = 2.2


def wave_shards(options: RunOptions, per_shard: float, recipes: int = 1) -> int:
    """Returns how many shards fit into the memory of a local run at once.

    The tokens of a shard are held while it is written by all recipes but the last.

    Raises:
      UsageError: if not even one does.
    """
    factor = _SHARD_FACTOR + (_TOKENS_FACTOR if recipes > 1 else 0)
    fixed = options.workers * (_WORKER_BYTES + factor * per_shard)
    held = _SHUFFLE_FACTOR * per_shard
    if options.workers > 1:
        # One process more, which launches; and what it holds passes to the workers.
        fixed += _WORKER_BYTES
        held += per_shard
    shards = int((options.memory_gib * _GIB - fixed) // held)
    if shards < 1:
        least = math.ceil((fixed + held) / _GIB * 10) / 10
        raise UsageError(
            f"--memory-gib {options.memory_gib:g} is too little for {options.workers} worker(s) "
            f"and shards of {per_shard / 1e6:.0f} MB of text: give at least {least:g}, fewer "
            "--workers or more --shards"
        )
    return shards
