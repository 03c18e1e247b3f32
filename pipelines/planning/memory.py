"""Whether a local run fits into memory, and how many shards it builds at once."""

import math

from pipelines.planning.options import TextOptions
from pipelines.running.work import Shuffle
from schemas.errors import UsageError
from schemas.wording import counted
from transforms.records.shard_text import ShardPlan

_GIB = 1 << 30
# Measured (benchmarks/RESULTS.md, "Memory"): a process takes its libraries, tables of words and a
# multiple of the text of the shard it builds; a shuffle in memory holds the compressed text of a
# wave several times over.
_PROCESS_BYTES = 500 << 20
_SHARD_FACTOR = 6
_TOKENS_FACTOR = 1
_SHUFFLE_FACTOR = 2.2
# Of the text behind a shard of pairs, while it is added up.
_PAIRS_FACTOR = 40


def wave_shards(
    options: TextOptions,
    plan: ShardPlan,
    text_bytes: int,
    shuffle: Shuffle,
    recipes: int = 1,
    *,
    advice: str = "fewer --workers or more --shards",
) -> int:
    """Returns how many shards are built at once.

    The tokens of a shard are held while it is written by all recipes but the last.

    Args:
      options: How much memory there is for how many workers.
      plan: The shards.
      text_bytes: Of all of them, about.
      shuffle: Where their text lies.
      recipes: That are built of a shard.
      advice: What needs less memory.

    Raises:
      UsageError: if this machine has to build them, and not even one fits for each worker.
    """
    if shuffle is Shuffle.ELSEWHERE:
        return len(plan.shards)
    per_shard = text_bytes / plan.train
    factor = _SHARD_FACTOR + (_TOKENS_FACTOR if recipes > 1 else 0)
    fixed = options.workers * (_PROCESS_BYTES + factor * per_shard)
    held = _SHUFFLE_FACTOR * per_shard if shuffle is Shuffle.MEMORY else 0.0
    room = options.memory_gib * _GIB - fixed - held
    if room < 0:
        least = math.ceil((fixed + held) / _GIB * 10) / 10
        raise UsageError(
            f"--memory-gib {options.memory_gib:g} is too little for "
            f"{counted(options.workers, 'worker')} "
            f"and shards of {per_shard / 1e6:.0f} MB of text: give at least {least:g}, or "
            f"{advice}"
        )
    return 1 + int(room // held) if held else len(plan.shards)


def check_pairs(options: TextOptions, parts: int, text_bytes: int, shuffle: Shuffle) -> None:
    """Makes sure that shards of pairs can be added up.

    Args:
      options: How much memory there is for how many workers.
      parts: How many of these shards there are; of a very large text each has more.
      text_bytes: Of all text, about.
      shuffle: Where text lies; on other machines, memory is theirs.

    Raises:
      UsageError: if this machine has to add them up, and not even one fits for each worker.
    """
    needed = options.workers * (_PROCESS_BYTES + _PAIRS_FACTOR * text_bytes / parts) / _GIB
    if shuffle is not Shuffle.ELSEWHERE and needed > options.memory_gib:
        raise UsageError(
            f"--memory-gib {options.memory_gib:g} is too little for "
            f"{counted(options.workers, 'worker')} that add up pairs of words: give at least "
            f"{math.ceil(needed * 10) / 10:g}, or fewer --workers"
        )
