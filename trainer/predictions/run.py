"""Predicts chunk after chunk, and writes what was said of each record."""

import json
import sys
import time
from collections.abc import Iterable, Sequence
from typing import BinaryIO

import numpy as np
import torch

from schemas.errors import UsageError
from schemas.label_kinds import NUMBER
from schemas.terminal import is_quiet
from schemas.wording import counted
from trainer.predictions.answers import KINDS
from trainer.predictions.builds import BuildChunks
from trainer.predictions.encode import TextRows, row_length
from trainer.predictions.files import FileChunks
from trainer.predictions.options import PredictOptions
from trainer.predictions.rows import Chunk, Predicted, RowArrays
from trainer.predictions.saved_model import SavedModel
from trainer.predictions.summary import Summary

_LINE_SECONDS = 10.0
_CLEAR = "\r\x1b[2K"


class Predictor:
    """A model that is given rows in batches.

    Attributes:
      batch_tokens: Tokens that are computed at once.
    """

    def __init__(self, model: SavedModel, options: PredictOptions, device: torch.device) -> None:
        default = 65536 if device.type == "cuda" else 8192
        self._model, self._device = model, device
        self.batch_tokens = options.batch_tokens or default
        self._half = options.precision == "bf16"

    def predict(self, rows: RowArrays) -> Predicted:
        """Returns what the model says of rows, in their order."""
        of_tokens = self._model.of_tokens
        count = len(rows.types) if of_tokens else len(rows)
        logits = np.empty((count, self._model.outputs), np.float32)
        layers = np.zeros(len(rows), np.int64)
        for numbers in rows.batches(self.batch_tokens):
            packed = rows.take(numbers, self._device)
            with torch.autocast(self._device.type, torch.bfloat16, enabled=self._half):
                left = self._model.predict(packed)
            logits[rows.tokens(numbers) if of_tokens else numbers] = left.logits.cpu().numpy()
            layers[numbers] = left.layers.cpu().numpy()
        return Predicted(logits, layers, self._model.has_exits)


def longest_row(options: PredictOptions, model: SavedModel) -> int:
    """Returns how many tokens rows of texts have at most.

    Raises:
      UsageError: if the model has positions for fewer than were asked for.
    """
    longest = options.max_seq_length or row_length(options.model) or model.longest
    if longest > model.longest and options.max_seq_length:
        raise UsageError(
            f"--max-seq-length {longest}: --model {options.model} has positions for "
            f"{model.longest} tokens; ask for at most so many"
        )
    return min(longest, model.longest)


def open_chunks(options: PredictOptions, model: SavedModel, longest: int | None) -> Iterable[Chunk]:
    """Opens what is to be predicted.

    Args:
      options: Of the user.
      model: That predicts.
      longest: See `longest_row`; None for a build.

    Raises:
      UsageError: if there is nothing, or it does not fit the model.
    """
    if options.data is not None:
        chunks = BuildChunks(options)
        chunks.check(model)
        return chunks
    assert longest is not None
    return FileChunks(options, model.kind, TextRows(options.model, longest))


def write_predictions(
    file: BinaryIO, chunks: Iterable[Chunk], predictor: Predictor, model: SavedModel, name: str
) -> Summary:
    """Writes a line for each record, in their order, with its prediction in a field of this name.

    How far it is goes to standard error.
    """
    summary, progress = Summary(model), _Progress()
    for chunk in chunks:
        began = time.perf_counter()
        found = predictor.predict(chunk.rows)
        _check_logits(model, found)
        summary.add(chunk, found, time.perf_counter() - began)
        answers = KINDS[model.kind].answers(model.names, chunk, found)
        for record, said in zip(chunk.records, answers, strict=True):
            # Tables have dates and the like, too.
            line = json.dumps({**record, name: said}, ensure_ascii=False, default=str)
            # A text that is no Unicode can only be written as escapes.
            file.write(line.encode("utf-8", "backslashreplace") + b"\n")
        progress.show(summary)
    progress.close()
    return summary


def _check_logits(model: SavedModel, found: Predicted) -> None:
    """Refuses scores that are no numbers, of which no class is the greatest."""
    if model.kind != NUMBER and not np.isfinite(found.logits).all():
        raise UsageError(
            f"--model {model.folder} gives scores that are no finite numbers (NaN or infinite), so "
            "nothing can be predicted; its weights are damaged, or its training diverged: give "
            "another checkpoint"
        )


class _Progress:
    """How far it is: on a terminal a line that is overwritten, elsewhere one now and then."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._last = time.monotonic()

    def show(self, summary: Summary) -> None:
        now = time.monotonic()
        if self._terminal or now - self._last >= _LINE_SECONDS:
            self._last = now
            rate = f"{summary.rows_per_second:,.0f} rows/s"
            text = f"{counted(summary.records, 'record')}, {rate}"
            _write([_CLEAR, text] if self._terminal else [text, "\n"])

    def close(self) -> None:
        if self._terminal:
            _write([_CLEAR])


def _write(parts: Sequence[str]) -> None:
    if not is_quiet():
        sys.stderr.write("".join(parts))
        sys.stderr.flush()
