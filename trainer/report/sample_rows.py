"""What samples of predictions show of rows: their tokens, their targets, and where these stand."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from schemas.columns import IGNORED
from schemas.records import Int64
from trainer.rows.flows import RANKS
from trainer.rows.layouts import Batch
from trainer.tasks.guesses import MOST_TOKENS
from transforms.contract.modes import FAR


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class RowTokens:
    """The tokens of a few rows of a batch, and the slots in which predictions of them are shown.

    Attributes:
      text: Ids that are seen of each row, or of its source.
      target: Ids of the target of each row, -100 for none; () without targets.
      rows: For each run of slots the place of its row in the batch.
      begins: int64[R]; the first slot of each run.
      ends: int64[R]; the slot behind its last one.
    """

    text: Sequence[Sequence[int]]
    target: Sequence[Sequence[int]]
    rows: tuple[int, ...]
    begins: Int64
    ends: Int64


def row_tokens(batch: Batch, rows: tuple[int, ...], begins: Int64, ends: Int64) -> RowTokens:
    """Returns the tokens of rows; what is longer than `MOST_TOKENS` is cut.

    Args:
      batch: Of any layout.
      rows: Their places in the batch.
      begins: int64[R]; their first slots in the flattened batch.
      ends: int64[R]; the slots behind their last ones.
    """
    if RANKS in batch:
        return _flow_tokens(batch, rows, begins, ends)
    ends = np.minimum(ends, begins + MOST_TOKENS)
    target: list[list[int]] = []
    if "decoder_input_ids" in batch:
        labels = batch["labels"][list(rows)].cpu().numpy()
        target = [_without_end(each)[:MOST_TOKENS].tolist() for each in labels]
    return RowTokens(
        text=_ids(batch, begins, ends), target=target, rows=rows, begins=begins, ends=ends
    )


# A row from slot 10 with ranks 0 0 | 1 2 3 | FAR x 6: its source is in slots 10-11, what a decoder
# would be given in 12-14, and the queries of its two flows are in 15-17 and 18-20.
def _flow_tokens(batch: Batch, rows: tuple[int, ...], begins: Int64, ends: Int64) -> RowTokens:
    """Returns the source and the target of rows in flows, and a run of slots for each flow."""
    ranks = batch[RANKS][0].cpu().numpy()
    own = [ranks[begin:end] for begin, end in zip(begins, ends, strict=True)]
    sources = np.array([(each == 0).sum() for each in own], np.int64)
    targets = np.array([((each > 0) & (each != FAR)).sum() for each in own], np.int64)
    flows = (ends - begins - sources) // np.maximum(targets, 1) - 1
    places = [number for number, count in enumerate(flows) for _ in range(count)]
    order = np.array([1 + flow for count in flows for flow in range(count)], np.int64)
    first = (begins + sources)[places] + order * targets[places]
    known = batch["labels"].cpu().numpy() != IGNORED
    at = batch["target_positions"].cpu().numpy()[known]
    labels = batch["labels"].cpu().numpy()[known]
    queries = begins + sources + targets
    shown = queries + np.minimum(targets, MOST_TOKENS)
    return RowTokens(
        text=_ids(batch, begins, begins + np.minimum(sources, MOST_TOKENS)),
        target=[
            labels[(at >= begin) & (at < end)].tolist()
            for begin, end in zip(queries, shown, strict=True)
        ],
        rows=tuple(rows[number] for number in places),
        begins=first,
        ends=first + np.minimum(targets, MOST_TOKENS)[places],
    )


def _ids(batch: Batch, begins: Int64, ends: Int64) -> list[list[int]]:
    seen = batch["input_ids"].flatten().cpu().numpy()
    return [seen[begin:end].tolist() for begin, end in zip(begins, ends, strict=True)]


# Labels 5 -100 6 -100 -100 -> 5 -100 6
def _without_end(labels: Int64) -> Int64:
    """Returns the labels up to the last one that is known."""
    known = np.flatnonzero(labels != IGNORED)
    return labels[: known[-1] + 1 if len(known) else 0]
