"""What is said of a row: from logits to JSON values."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from schemas.label_kinds import CLASS
from schemas.records import Array, Int64
from trainer.predictions.rows import Chunk
from trainer.predictions.saved_model import SavedModel

_DIGITS = 6


@dataclasses.dataclass(frozen=True, eq=False)
class Predicted:
    """Predictions of the rows of a chunk.

    Attributes:
      logits: float32[R, N].
      layers: int64[R]; how many layers each row was given.
    """

    logits: Array
    layers: Int64


def answers(model: SavedModel, chunk: Chunk, found: Predicted) -> list[Mapping[str, Any] | None]:
    """Returns a prediction for each record of a chunk; None for one without a row."""
    said = _classes(model.names, found) if model.kind == CLASS else _numbers(found)
    records: list[Mapping[str, Any] | None] = [None] * len(chunk.records)
    for number, each in zip(chunk.record.tolist(), said, strict=True):
        records[number] = each
    return records


def _classes(names: Sequence[str], found: Predicted) -> list[Mapping[str, Any]]:
    """Returns the class of each row, its probability, and the layer at which the row left."""
    shifted = np.exp(found.logits - found.logits.max(axis=1, keepdims=True), dtype=np.float64)
    best = found.logits.argmax(axis=1)
    share = shifted.max(axis=1) / shifted.sum(axis=1)
    return [
        {"label": names[number], "probability": round(probability, _DIGITS), "exit_layer": layer}
        for number, probability, layer in zip(
            best.tolist(), share.tolist(), found.layers.tolist(), strict=True
        )
    ]


def _numbers(found: Predicted) -> list[Mapping[str, Any]]:
    return [{"value": value} for value in found.logits[:, 0].tolist()]
