"""What a discriminator says of single tokens of a few rows: original, or replaced."""

import numpy as np
import torch
from torch import Tensor

from schemas.columns import IGNORED
from trainer.rows.layouts import Batch
from trainer.tasks.guesses import Chosen, Guess

_KEPT = 3
"""For so many tokens that may be replaced, one that is left as it is is shown too."""


def targets_of_rows(batch: Batch, chosen: Chosen) -> Tensor:
    """Returns int64[m]: the numbers of the targets of rows that are chosen, cut or not.

    Args:
      batch: Of `trainer.rows.layouts.Packed`.
      chosen: The rows.
    """
    slots, labels = batch["target_positions"], batch["labels"]
    lines = torch.searchsorted(batch["cu_seqlens"][1:].long(), slots, right=True)
    rows = torch.tensor(chosen.rows, dtype=torch.int64, device=slots.device)
    return (torch.isin(lines, rows) & (labels != IGNORED)).nonzero().flatten()


def drawn_by(logits: Tensor, rng: np.random.Generator) -> Tensor:
    """Samples an id from the softmax of each row of logits [m, V], without torch's generators.

    Returns:
      int64[m].
    """
    below = torch.from_numpy(rng.random(len(logits))).to(logits.device)
    ends = logits.double().softmax(-1).cumsum(-1)
    # The last end may be less than 1 by rounding.
    return torch.searchsorted(ends, below[:, None]).flatten().clamp(max=logits.shape[-1] - 1)


def detected(
    odds: Tensor, original: Tensor, seen: Tensor, batch: Batch, chosen: Chosen
) -> list[Guess]:
    """Returns what is thought of tokens that may be replaced, and of a few that are left.

    Each says which token the discriminator sees; what is right is the original token.

    Args:
      odds: float[T]; log-odds that a token is replaced.
      original: int64[T]; the text.
      seen: int64[T]; the text with tokens replaced.
      batch: Of `trainer.rows.layouts.Packed`.
      chosen: The rows.
    """
    slots, labels = batch["target_positions"], batch["labels"]
    drawn = slots[torch.from_numpy(chosen.among(slots, labels != IGNORED)).to(slots.device)]
    every = torch.arange(len(seen), device=seen.device)
    left = torch.ones_like(seen, dtype=torch.bool)
    left[slots[labels != IGNORED]] = False
    kept = torch.from_numpy(chosen.among(every, left)[_KEPT // 2 :: _KEPT]).to(slots.device)
    at = torch.cat([drawn, kept]).sort().values
    shares = odds[at].double().sigmoid().tolist()
    found = []
    for (row, place), share, was, now in zip(
        chosen.named(at), shares, original[at].tolist(), seen[at].tolist(), strict=True
    ):
        replaced, word = share > 0.5, chosen.words(now)
        said = f"{word}: {'replaced' if replaced else 'original'}"
        best = ((said, round(share if replaced else 1 - share, 4)),)
        found.append(Guess(row, place, chosen.words(was), best, correct=replaced == (was != now)))
    return found
