"""What is said of predictions in the end."""

import numpy as np

from schemas.records import Int64
from schemas.wording import counted
from trainer.predictions.answers import KINDS, Judged
from trainer.predictions.rows import Chunk, Predicted
from trainer.predictions.saved_model import SavedModel


class Summary:
    """Counts what was predicted.

    Attributes:
      records: So far, those without any text included.
      empty: Records without any text.
      rows: That were computed.
      cut: Rows whose text was too long.
      seconds: Spent on rows, reading and writing left out.
      by_layer: int64[L]; rows that left after layer 1, 2 and so on.
    """

    def __init__(self, model: SavedModel) -> None:
        self._model = model
        self.records = self.empty = self.rows = self.cut = self._limit = 0
        self.seconds = self._spent = self._full = 0.0
        self.by_layer: Int64 = np.zeros(model.layers, np.int64)
        self._judged: list[Judged] = []

    def add(self, chunk: Chunk, found: Predicted, seconds: float) -> None:
        """Adds a chunk, whose rows took so many seconds."""
        lengths = chunk.rows.ids.lengths
        self.records += len(chunk.records)
        self.empty += len(chunk.records) - len(chunk.begins)
        self.rows += len(lengths)
        self.cut += chunk.rows.cut
        self._limit = chunk.rows.limit
        self.seconds += seconds
        self._spent += self._model.flops(lengths, found.layers)
        self._full += self._model.flops(lengths)
        self.by_layer += np.bincount(found.layers - 1, minlength=len(self.by_layer))
        if chunk.labels is not None:
            kind = KINDS[self._model.kind]
            judged = kind.judged(chunk.labels, chunk, found)
            # Rows of different chunks are different ones.
            self._judged.append(judged._replace(rows=judged.rows + self.records))

    @property
    def mean_layers(self) -> float:
        """Layers that a row was given, on average."""
        layers = np.arange(1, len(self.by_layer) + 1)
        return float((layers * self.by_layer).sum()) / max(self.rows, 1)

    @property
    def saved(self) -> float:
        """Share of the operations of the model without exits that was saved."""
        return 1 - self._spent / self._full if self._full else 0.0

    @property
    def rows_per_second(self) -> float:
        return self.rows / max(self.seconds, 1e-9)

    def figures(self) -> dict[str, float]:
        """Returns how well the labels of rows were predicted; nothing if there are none."""
        parts = [np.concatenate(each) for each in zip(*self._judged, strict=True)]
        if not parts or not len(parts[0]):
            return {}
        return KINDS[self._model.kind].figures(Judged(*parts), self._model.names)

    def lines(self) -> list[str]:
        """Returns all of it, for people."""
        first = [f"{counted(self.records, 'record')}, {self.rows_per_second:,.0f} rows/s"]
        if self.cut:
            first.append(f"{counted(self.cut, 'text')} cut to {self._limit} tokens")
        if self.empty:
            first.append(f"{self.empty:,} without text, which have no prediction")
        found = [", ".join(first)]
        if figures := self.figures():
            found.append(", ".join(f"{name} {value:.4f}" for name, value in figures.items()))
        if self._model.has_exits:
            share = 100 / max(self.rows, 1)
            found += [
                f"layer {layer:3}  {count:10,} rows  {count * share:5.1f}%"
                for layer, count in enumerate(self.by_layer.tolist(), 1)
            ]
            found.append(
                f"{self.mean_layers:.2f} of {self._model.layers} layers on average, "
                + _saving(self.saved)
            )
        return found


def _saving(share: float) -> str:
    """Says which share of the operations was saved; rows that stay to the end cost the exits."""
    return f"{share:.1%} of the FLOPs saved" if share >= 0 else f"{-share:.1%} more FLOPs"
