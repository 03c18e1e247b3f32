"""Rows that leave an encoder at the first exit that is sure of them."""

import dataclasses
from collections.abc import Sequence

import torch
from torch import Tensor

from trainer.exits.stack import Stack
from trainer.exits.student import Student
from trainer.exits.uncertainty import uncertainty


@dataclasses.dataclass(frozen=True, eq=False)
class PackedRows:
    """Some rows, one after the other.

    Attributes:
      ids: int64[T].
      types: int64[T]; token types.
      lengths: int64[R]; tokens of each row, at least 1.
    """

    ids: Tensor
    types: Tensor
    lengths: Tensor

    @property
    def positions(self) -> Tensor:
        """int64[T]; the place of each token in its row."""
        begins = self.lengths.cumsum(0) - self.lengths
        places = torch.arange(len(self.ids), device=self.ids.device)
        return places - begins.repeat_interleave(self.lengths)


@dataclasses.dataclass(frozen=True, eq=False)
class Left:
    """How rows left.

    Attributes:
      logits: float32[R, N].
      layers: int64[R]; how many layers each was given.
    """

    logits: Tensor
    layers: Tensor


def leave(stack: Stack, students: Sequence[Student], rows: PackedRows, speed: float) -> Left:
    """Computes layer after layer, of the rows that are still there.

    A row leaves at the first layer whose student is sure of it: whose uncertainty is at most
    `speed`. What is left of the batch is packed anew, so that nothing more is computed of rows that
    have left.

    Args:
      stack: The model, in evaluation.
      students: Of all layers but the last; none to give every row all layers.
      rows: At least one.
      speed: From 0 to 1.

    Source: autoliuweijie/FastBERT run_fastbert.py:130-172 (it goes on while the uncertainty is
      greater than the speed).
    Differs: there rows are padded, and those that stay keep their padding.
    """
    last, device = len(stack.layers), rows.ids.device
    lengths, numbers = rows.lengths, torch.arange(len(rows.lengths), device=device)
    logits: Tensor | None = None
    layers = torch.full_like(lengths, last)
    hidden = stack.embed(rows.ids[None], rows.types[None], rows.positions[None])
    for layer in range(last):
        borders, longest = borders_of(lengths), int(lengths.max())
        hidden = stack.layer(layer, hidden, borders, longest)
        if layer < last - 1 and not students:
            continue
        found = (
            stack.classify(hidden, borders)
            if layer == last - 1
            else students[layer](hidden[0], borders, longest)
        ).float()
        logits = found.new_empty(len(layers), found.shape[-1]) if logits is None else logits
        # What a row is given here is replaced if it stays.
        logits[numbers] = found
        layers[numbers] = layer + 1
        stay = ~(uncertainty(found.softmax(-1)) <= speed) if layer < last - 1 else None
        if stay is None or not bool(stay.any()):
            break
        hidden = hidden[:, stay.repeat_interleave(lengths)]
        numbers, lengths = numbers[stay], lengths[stay]
    assert logits is not None
    return Left(logits, layers)


def borders_of(lengths: Tensor) -> Tensor:
    """Returns int32[R + 1]: where rows of these lengths begin, and the last one ends."""
    return torch.nn.functional.pad(lengths.cumsum(0), (1, 0)).int()
