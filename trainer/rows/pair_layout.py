"""Batches of pairs: sources for an encoder, and targets for a decoder, side by side."""

import dataclasses
from collections.abc import Iterable

import numpy as np
import torch

from schemas.columns import IGNORED
from schemas.records import Array, Bool, Int64
from trainer.rows.filled_arrays import filled, keep_memory, on_lines
from trainer.rows.layouts import Batch, BatchPart, Limits
from trainer.rows.pair_rows import PairRows
from transforms.arrays.ragged import read_only


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pairs:
    """Every pair on its own line; sources are padded to one length, and targets to another one.

    A batch holds, for B `rows`, S `source`, T `target` and M `targets`:
      input_ids, attention_mask: int64[B, S]; the mask is 1 for tokens. A line without a row attends
        to its first padding token, so that no softmax is empty.
      decoder_input_ids: int64[B, T].
      labels: int64[B, T]; the token that is predicted from each of them, -100 where none is.
      target_positions: int64[M]; cells of the flattened labels that may be predicted, then -1.

    Where rows have them:
      decoder_position_ids: int64[B, T]; positions of the decoder's tokens, from 0.
      target_places: int64[M]; place of the predicted token in its span, parallel to
        `target_positions`.
      cross_attention_mask: int64[B, S]; what the decoder attends to, where that is less than what
        the encoder does.

    And in any case:
      row_ids: int64[B]; number of the row in its split, -1 where there is none.
      num_tokens: int64[]; tokens of sources and of targets, without padding.

    `transformers` takes the first four tensors as they are.

    Attributes:
      rows: B.
      pad: Id of the padding token.
      source: S.
      target: T.
      targets: M.
    """

    rows: int
    pad: int
    source: int
    target: int
    targets: int

    @property
    def limits(self) -> Limits:
        cells = self.rows * (self.source + self.target)
        return Limits(rows=self.rows, tokens=cells, targets=self.rows * self.target)

    def tensors(
        self,
        drawn: PairRows,
        rows: Int64,
        parts: Iterable[BatchPart] = (),
        reset: Bool | None = None,
    ) -> Batch:
        """Returns a batch.

        Args:
          drawn: The rows.
          rows: int64[R]; their numbers in the split.
          parts: Add nothing to pairs.
          reset: None; no row goes on where another one ended.
        """
        keep_memory()
        found = {
            **self._sources(drawn),
            **self._targets(drawn),
            "row_ids": filled(rows, self.rows, -1),
            "num_tokens": np.array(drawn.tokens),
        }
        return {name: torch.from_numpy(array) for name, array in found.items()}

    def _sources(self, drawn: PairRows) -> dict[str, Array]:
        from transforms.kernels.lines import lay_sources

        source, shape = drawn.source, (self.rows, self.source)
        self._check(source.lengths, self.source, "source")
        ids, mask = np.empty(shape, np.int64), np.empty(shape, np.int64)
        lay_sources((read_only(source.offsets), read_only(source.values)), self.pad, ids, mask)
        found = {"input_ids": ids, "attention_mask": mask}
        if drawn.hidden is not None:
            hidden = on_lines(shape, np.arange(len(source)), source.offsets, drawn.hidden, 0)
            found["cross_attention_mask"] = mask * (1 - hidden)
        return found

    def _targets(self, drawn: PairRows) -> dict[str, Array]:
        from transforms.kernels.lines import lay_targets

        given, shape = drawn.decoder_input, (self.rows, self.target)
        self._check(given.lengths, self.target, "target")
        if len(given.values) > self.targets:
            raise ValueError(f"{len(given.values)} targets do not fit into {self.targets}")
        ids, labels = np.empty(shape, np.int64), np.empty(shape, np.int64)
        cells = np.empty(self.targets, np.int64)
        values = read_only(given.values), read_only(drawn.labels)
        fillers = self.pad, IGNORED
        lay_targets((read_only(given.offsets), *values), fillers, (ids, labels), cells)
        found = {"decoder_input_ids": ids, "labels": labels, "target_positions": cells}
        if drawn.decoder_positions is not None:
            lines = np.arange(len(given))
            positions = on_lines(shape, lines, given.offsets, drawn.decoder_positions, 0)
            found["decoder_position_ids"] = positions
        if drawn.target_places is not None:
            found["target_places"] = filled(drawn.target_places, self.targets, 0)
        return found

    def _check(self, lengths: Int64, longest: int, what: str) -> None:
        """Refuses rows that do not fit: loops write without looking."""
        if len(lengths) > self.rows or lengths.max(initial=0) > longest:
            raise ValueError(
                f"{len(lengths)} rows with a {what} of up to {lengths.max(initial=0)} tokens do "
                f"not fit into {self.rows} lines of {longest}"
            )
