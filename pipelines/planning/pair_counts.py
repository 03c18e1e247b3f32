"""What counts the pairs of words of a build."""

import dataclasses

from transforms.build.build_shards import ShardBuilder
from transforms.counting.names import part_count
from transforms.counting.pair_counter import PairCounter


def pair_counter(builder: ShardBuilder, text_bytes: int) -> PairCounter | None:
    """Returns what counts the pairs of a recipe; None if it does not ask for them.

    Args:
      builder: Of its rows.
      text_bytes: Of all text, about.
    """
    settings = builder.settings
    rule = settings.recipe.pair_rule
    counter = PairCounter.of(
        settings.recipe,
        settings.vocabulary,
        settings.seed,
        builder.plan.train,
        part_count(text_bytes, rule.window) if rule else 0,
        builder.output,
    )
    return counter and dataclasses.replace(counter, owner=builder.owner)
