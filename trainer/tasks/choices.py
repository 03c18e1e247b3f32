"""Fine-tuning for choices: which of the candidates of a record is the right one."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from schemas.columns import IGNORED
from schemas.records import Array, Int64
from trainer.rows.filled_arrays import filled
from trainer.rows.layouts import Batch, Packed
from trainer.rows.masked_rows import MaskedRows
from trainer.rows.shard_rows import MappedShards
from trainer.tasks.gather import gather_rows
from trainer.tasks.guesses import Chosen, Guess, best_of, name_in
from trainer.tasks.labelled import ROW_IDS, Classifiers, LabelTask, column_of, first_tokens
from trainer.tasks.losses import LossTerm, cross_entropy_term
from transforms.arrays.ragged import positions_in_row

_LOWEST = torch.finfo(torch.float32).min
_SHOWN = 80
"""Characters of a candidate that name it at most."""


class ChoiceTask(LabelTask):
    """One candidate of several, by a softmax over their scores; each is a row.

    All rows of a record are in one batch. Batches hold, for G places and C candidates at most:
      choice_rows: int64[G, C]; the rows of each record, by their places in the batch, then -1.
      choice_labels: int64[G]; the place of the right one among them; -100 without a label or a
        record.
    """

    model = "ForMultipleChoice"
    main = "accuracy"
    whole_records = True

    @property
    def name(self) -> str:
        return "rank"

    @property
    def outputs(self) -> int:
        return 1

    def labelled(self, shards: MappedShards) -> int:
        return int(np.count_nonzero(shards.values("label") == 1))

    def packed(self, masked: MaskedRows, layout: Packed) -> dict[str, Array]:
        record, candidates, label = (
            column_of(masked, name).astype(np.int64) for name in ("record", "candidates", "label")
        )
        sizes = candidates[record_begins(record, candidates)]
        lines = np.repeat(np.arange(len(sizes)), sizes)
        columns = positions_in_row(sizes)
        rows = np.full((layout.rows, max(int(sizes.max(initial=1)), 1)), -1, np.int64)
        rows[lines, columns] = np.arange(len(record))
        right = np.full(len(sizes), IGNORED, np.int64)
        right[lines[label == 1]] = columns[label == 1]
        return {"choice_rows": rows, "choice_labels": filled(right, layout.rows, IGNORED)}

    def logits(self, classifiers: Classifiers, hf: Any, hidden: Tensor, batch: Batch) -> Tensor:
        """Returns float[G, C]: the score of each candidate."""
        rows = batch["choice_rows"]
        scores = classifiers.choices(hf, first_tokens(hidden, batch)).float()
        found = gather_rows(scores, rows.clamp(min=0))[..., 0]
        return found.masked_fill(rows < 0, _LOWEST)

    def counts(self, batch: Batch) -> Tensor:
        return (batch["choice_labels"] != IGNORED).sum()

    def term(self, logits: Tensor, batch: Batch) -> LossTerm:
        return cross_entropy_term(logits, batch["choice_labels"])

    def kept(self, logits: Tensor, batch: Batch) -> dict[str, Tensor]:
        first = batch["choice_rows"][:, 0]
        return {
            "rows": torch.where(first < 0, -1, batch[ROW_IDS][first.clamp(min=0)]),
            "labels": batch["choice_labels"],
            "predicted": logits.argmax(-1),
        }

    def figures(self, kept: Mapping[str, Array]) -> dict[str, float]:
        known = kept["labels"] != IGNORED
        if not known.any():
            return {}
        return {"accuracy": float((kept["labels"] == kept["predicted"])[known].mean())}

    def guesses(self, logits: Tensor, batch: Batch, chosen: Chosen) -> list[Guess]:
        """A record is shown by one of its rows; candidates are named by what only they have."""
        lines, labels = batch["choice_rows"].tolist(), batch["choice_labels"].tolist()
        found: dict[int, Guess] = {}
        for row in chosen.rows:
            group = next(number for number, members in enumerate(lines) if row in members)
            members = [member for member in lines[group] if member >= 0]
            names = name_in(_own_texts(members, batch, chosen))
            [best] = best_of(logits[group : group + 1, : len(members)], names)
            right = "" if labels[group] == IGNORED else names(labels[group])
            found.setdefault(group, Guess(row, -1, right, best))
        return [*found.values()]


def _own_texts(rows: Sequence[int], batch: Batch, chosen: Chosen) -> list[str]:
    """Returns the text of each of some rows, without what all of them begin with."""
    tokens, borders = batch["input_ids"].flatten().tolist(), batch["cu_seqlens"].tolist()
    lists = [tokens[borders[row] : borders[row + 1]] for row in rows]
    common = next(
        (place for place, ids in enumerate(zip(*lists, strict=False)) if len({*ids}) > 1), 0
    )
    return [
        f"{number}: {chosen.text(each[common:-1])}"[:_SHOWN] for number, each in enumerate(lists, 1)
    ]


# Records 4 4 0 0 0 of 2, 2, 1, 2, 2 candidates: begins 0 2 3. The last two are of another shard.
def record_begins(record: Int64, candidates: Int64) -> Int64:
    """Returns the first rows of records whose rows are all there.

    Args:
      record: int64[R]; their numbers, which another shard may go on with.
      candidates: int64[R]; the rows of each one's record.
    """
    changes = (np.diff(record, prepend=-1) != 0) | (np.diff(candidates, prepend=-1) != 0)
    runs = np.diff(np.append(np.flatnonzero(changes), len(record)))
    return np.flatnonzero(positions_in_row(runs) % np.maximum(candidates, 1) == 0)
