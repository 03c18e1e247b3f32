"""Predictions of a few rows, to be shown to people: what is right, and what a model thinks."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from schemas.columns import IGNORED
from schemas.records import Int64
from trainer.rows.layouts import Batch

MOST_GUESSES, MOST_TOKENS = 5, 96
"""Guesses at one place, and tokens of a row or of a target that are shown."""


class Guess(NamedTuple):
    """A prediction.

    Attributes:
      row: Place of the row among the rows of the batch.
      at: Place in the row, counted from its first token; -1 for a prediction of the whole row.
      right: What is right, as text; "" if that is not known.
      best: What the model thinks, the best first, with its probability; None where it has none.
      correct: Whether it is right, where that is more than a comparison of `best` and `right`.
    """

    row: int
    at: int
    right: str
    best: tuple[tuple[str, float | None], ...]
    correct: bool | None = None


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Chosen:
    """The rows of a batch whose predictions are shown.

    Rows in flows have an entry for each flow, see `trainer.report.sample_rows`.

    Attributes:
      rows: Their places in the batch.
      begins: int64[R]; the first slot of each of them in the flattened batch, ascending.
      ends: int64[R]; the slot behind the last one that is shown.
      most: Predictions of tokens that are shown of a row.
      words: Returns a token by its id, as people read it.
      text: Returns several tokens by their ids.
      classes: Names of classes by the name of the task, where the task does not know them.
      rng: For what is drawn; torch's generators are those of the training.
    """

    rows: tuple[int, ...]
    begins: Int64
    ends: Int64
    most: int
    words: Callable[[int], str]
    text: Callable[[Sequence[int]], str]
    classes: Mapping[str, Sequence[str]]
    rng: np.random.Generator

    # Rows of slots 0-3 and 4-7, targets at slots 1 2 3 5, most 2: targets 0, 2 and 3.
    def among(self, slots: Tensor, known: Tensor) -> Int64:
        """Returns int64[m]: the targets to show, by number; of many those evenly spaced.

        Args:
          slots: int64[M]; the slot of each target in the flattened batch.
          known: bool[M]; whether it is one.
        """
        places, counted = slots.cpu().numpy(), known.cpu().numpy()
        found = [np.zeros(0, np.int64)]
        for begin, end in zip(self.begins, self.ends, strict=True):
            inside = np.flatnonzero(counted & (places >= begin) & (places < end))
            spaced = np.linspace(0, len(inside) - 1, min(self.most, len(inside)))
            found.append(inside[spaced.round().astype(np.int64)])
        return np.concatenate(found)

    def named(self, slots: Tensor) -> Iterator[tuple[int, int]]:
        """Yields the row, and the place in it, of each of some slots that are shown."""
        for slot in slots.tolist():
            number = int(np.searchsorted(self.begins, slot, side="right")) - 1
            yield self.rows[number], int(slot - self.begins[number])


def token_guesses(
    slots: Tensor,
    labels: Tensor,
    logits: Callable[[Tensor], Tensor],
    chosen: Chosen,
    names: Callable[[int], str] | None = None,
) -> list[Guess]:
    """Returns predictions of tokens in the rows that are chosen.

    Args:
      slots: int64[M]; the slot of each target in the flattened batch.
      labels: int64[M]; -100 where there is none.
      logits: Returns float[m, V] for int64[m], numbers of targets.
      chosen: The rows.
      names: Of what is predicted; by default words of the vocabulary.
    """
    at = torch.from_numpy(chosen.among(slots, labels != IGNORED)).to(labels.device)
    if not len(at):
        return []
    right, best = labels[at].tolist(), best_of(logits(at), names or chosen.words)
    return [
        Guess(row, place, (names or chosen.words)(label), guesses)
        for (row, place), label, guesses in zip(chosen.named(slots[at]), right, best, strict=True)
    ]


def row_guesses(
    logits: Tensor, labels: Tensor, chosen: Chosen, names: Callable[[int], str]
) -> list[Guess]:
    """Returns the classes that are predicted of the rows that are chosen.

    Args:
      logits: float[S, C].
      labels: int64[S]; -100 without one.
      chosen: The rows.
      names: Of classes.
    """
    at = torch.tensor(chosen.rows, device=logits.device)
    right, best = labels[at].tolist(), best_of(logits[at], names)
    return [
        Guess(row, -1, "" if label == IGNORED else names(label), guesses)
        for row, label, guesses in zip(chosen.rows, right, best, strict=True)
    ]


def best_of(
    logits: Tensor, names: Callable[[int], str]
) -> list[tuple[tuple[str, float | None], ...]]:
    """Returns the most probable outcomes of each row of logits [m, C], and their probabilities."""
    shares, ids = logits.float().softmax(-1).topk(min(MOST_GUESSES, logits.shape[-1]))
    return [
        tuple((names(number), round(share, 4)) for number, share in zip(*row, strict=True))
        for row in zip(ids.tolist(), shares.tolist(), strict=True)
    ]


def name_in(names: Sequence[str]) -> Callable[[int], str]:
    """Returns what names a class by its number; numbers without a name stand for themselves."""
    return lambda number: names[number] if number < len(names) else str(number)


def choose(
    batch: Batch, count: int, order: Callable[[int], Int64]
) -> tuple[tuple[int, ...], Int64, Int64]:
    """Chooses rows of a batch: their places, first slots and the slots behind their last ones.

    Args:
      batch: Of any layout.
      count: Rows to choose at most.
      order: Returns a random order of so many things.
    """
    begins, ends = _borders(batch)
    real = np.flatnonzero((batch["row_ids"].cpu().numpy() >= 0) & (ends > begins))
    kept = np.sort(real[order(len(real)).astype(np.int64)][:count])
    return tuple(kept.tolist()), begins[kept], ends[kept]


def _borders(batch: Batch) -> tuple[Int64, Int64]:
    """Returns int64[S], int64[S]: where the rows of a batch begin and end in its flat slots."""
    if "cu_seqlens" in batch:
        borders = batch["cu_seqlens"].cpu().numpy().astype(np.int64)
        count = len(batch["row_ids"])
        return borders[:-1][:count], borders[1:][:count]
    lines, length = batch["input_ids"].shape
    begins = np.arange(lines, dtype=np.int64) * length
    mask = batch.get("attention_mask")
    sizes = np.full(lines, length) if mask is None else mask.sum(-1).cpu().numpy()
    return begins, begins + sizes
