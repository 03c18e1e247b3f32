"""How a causal model continues the beginning of a row, for people to read."""

from collections.abc import Callable

import torch
from torch import Tensor

from trainer.rows.layouts import Batch
from trainer.tasks.guesses import Chosen, Guess

CONTINUATION = "continuation"
"""What a continuation is called among the tasks of samples."""
_GIVEN, _WRITTEN = 16, 16
"""Tokens that are given, at most and at most half of the row, and tokens that are written."""


def continued(
    batch: Batch, chosen: Chosen, following: Callable[[Tensor], Tensor]
) -> dict[str, list[Guess]]:
    """Returns the continuation of the first row that is chosen; nothing if it is too short.

    The most probable token is taken each time, so nothing is drawn. As many tokens are written as
    the row has, so the model never sees more than in training.

    Args:
      batch: Of any layout whose rows are runs of slots.
      chosen: The rows.
      following: Returns float[V], the logits of the token behind ids int64[n].
    """
    if not chosen.rows:
        return {}
    row = batch["input_ids"].flatten()[int(chosen.begins[0]) : int(chosen.ends[0])]
    given = min(_GIVEN, len(row) // 2)
    right = row[given : given + _WRITTEN]
    if not given:
        return {}
    ids = row[:given]
    for _ in range(len(right)):
        ids = torch.cat([ids, following(ids).argmax(-1, keepdim=True)])
    said = chosen.text(ids[given:].tolist())
    guess = Guess(chosen.rows[0], given, chosen.text(right.tolist()), ((said, None),))
    return {CONTINUATION: [guess]}
