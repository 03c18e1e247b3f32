"""Fine-tuning for answers: where in the second text of a row one begins and ends."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, pad

from schemas.columns import IGNORED
from schemas.records import Array
from trainer.metrics.spans import span_figures
from trainer.rows.filled_arrays import filled
from trainer.rows.layouts import Batch, Packed
from trainer.rows.masked_rows import MaskedRows
from trainer.rows.shard_rows import MappedShards
from trainer.tasks.gather import gather_rows
from trainer.tasks.guesses import Chosen, Guess
from trainer.tasks.labelled import ROW_IDS, Classifiers, LabelTask, column_of
from trainer.tasks.losses import LossTerm

LONGEST = 30
"""Tokens of a predicted answer at most, as in run_squad.py."""
_NOWHERE, _UNLABELLED = -1, -2
_LOWEST = torch.finfo(torch.float32).min / 4
"""A score that no token has; sums of two are finite."""


@dataclasses.dataclass(frozen=True)
class SpanTask(LabelTask):
    """The first and the last token of an answer; both are the first token of a row without one.

    Batches hold, for S sequences and L tokens of the longest row:
      span_cells: int64[S, L]; the tokens of each row, then -1.
      span_starts, span_ends: int64[S]; first and last token of the answer, from the begin of the
        row; -100 without a label or a row.
      span_context: int64[3, S]; where the second text begins and ends in the row, and which token
        of the context it begins with.

    Attributes:
      suffix: Special tokens at the end of a row.
    """

    suffix: int = 1

    model = "ForQuestionAnswering"
    main = "f1"

    @property
    def name(self) -> str:
        return "span"

    @property
    def outputs(self) -> int:
        return 2

    def labelled(self, shards: MappedShards) -> int:
        return int(np.count_nonzero(shards.values("answer_start") >= 0))

    def packed(self, masked: MaskedRows, layout: Packed) -> dict[str, Array]:
        offsets = masked.rows.tokens.offsets
        cells = np.full((layout.sequences, layout.longest), -1, np.int64)
        places = offsets[:-1, None] + np.arange(layout.longest)
        cells[: len(places)] = np.where(places < offsets[1:, None], places, -1)
        start, end = (column_of(masked, name) for name in ("answer_start", "answer_end"))
        unlabelled = start < 0
        last = np.where(unlabelled, IGNORED, np.maximum(end.astype(np.int64) - 1, 0))
        context = (
            masked.rows.second_segment_start,
            masked.rows.tokens.lengths - self.suffix,
            column_of(masked, "context_start"),
        )
        size = layout.sequences
        return {
            "span_cells": cells,
            "span_starts": filled(np.where(unlabelled, IGNORED, start), size, IGNORED),
            "span_ends": filled(last, size, IGNORED),
            "span_context": np.stack([filled(each, size, 0) for each in context]),
        }

    def logits(self, classifiers: Classifiers, hf: Any, hidden: Tensor, batch: Batch) -> Tensor:
        """Returns float[2, S, L]: scores of the first and of the last token."""
        cells = batch["span_cells"]
        found = gather_rows(hf.qa_outputs(hidden).float(), cells.clamp(min=0))
        return found.masked_fill(cells[..., None] < 0, _LOWEST).permute(2, 0, 1)

    def counts(self, batch: Batch) -> Tensor:
        return (batch["span_starts"] != IGNORED).sum()

    def term(self, logits: Tensor, batch: Batch) -> LossTerm:
        labels = batch["span_starts"], batch["span_ends"]
        losses = [
            cross_entropy(scores, each, ignore_index=IGNORED, reduction="sum")
            for scores, each in zip(logits, labels, strict=True)
        ]
        right = [
            scores.detach().argmax(-1) == each for scores, each in zip(logits, labels, strict=True)
        ]
        return LossTerm((losses[0] + losses[1]) / 2, (right[0] & right[1]).sum())

    def kept(self, logits: Tensor, batch: Batch) -> dict[str, Tensor]:
        begin, end, score = best_parts(logits, batch["span_context"])
        second, _, context = batch["span_context"]
        shift = context - second
        start, last = batch["span_starts"], batch["span_ends"]
        # The first token of a row is none of the second text.
        inside = start > 0
        rest = torch.where(start == IGNORED, _UNLABELLED, _NOWHERE)
        return {
            "rows": batch[ROW_IDS],
            "context_start": context,
            "begin": begin + shift,
            "end": end + shift,
            "score": score,
            "none": logits[0, :, 0] + logits[1, :, 0],
            "answer_begin": torch.where(inside, start + shift, rest),
            "answer_end": torch.where(inside, last + 1 + shift, rest),
        }

    def figures(self, kept: Mapping[str, Array]) -> dict[str, float]:
        return span_figures(kept)

    def guesses(self, logits: Tensor, batch: Batch, chosen: Chosen) -> list[Guess]:
        begins, ends, _ = best_parts(logits, batch["span_context"])
        ids = batch["input_ids"].flatten()

        def part(row: int, begin: int, end: int) -> str:
            cells = batch["span_cells"][row, begin:end]
            return chosen.text(ids[cells].tolist())

        def right(row: int) -> str:
            start, last = int(batch["span_starts"][row]), int(batch["span_ends"][row])
            # The first token of a row stands for no answer.
            return part(row, start, last + 1) if start > 0 else "no answer" if start == 0 else ""

        return [
            Guess(row, -1, right(row), ((part(row, int(begins[row]), int(ends[row])), None),))
            for row in chosen.rows
        ]


def best_parts(logits: Tensor, context: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Returns the best part of the second text of each row, of `LONGEST` tokens at most.

    Args:
      logits: float[2, S, L]; scores of first and last tokens.
      context: int64[3, S]; see `SpanTask`.

    Returns:
      int64[S] its begin, int64[S] the token behind it, and float[S] the sum of both scores.
    """
    places = torch.arange(logits.shape[-1], device=logits.device)
    inside = (places >= context[0][:, None]) & (places < context[1][:, None])
    first, last = logits.masked_fill(~inside, _LOWEST)
    ends = pad(last, (0, LONGEST - 1), value=_LOWEST).unfold(1, LONGEST, 1)
    best, length = ends.max(-1)
    score, begin = (first + best).max(-1)
    end = begin + length.gather(1, begin[:, None])[:, 0] + 1
    return begin, end, score
