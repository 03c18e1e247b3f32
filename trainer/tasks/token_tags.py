"""Fine-tuning for tags: a class for each word, predicted from its first token."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from schemas.columns import IGNORED
from schemas.records import Array
from trainer.metrics.entities import tag_figures
from trainer.rows.filled_arrays import filled
from trainer.rows.layouts import Batch, Packed
from trainer.rows.masked_rows import MaskedRows
from trainer.rows.shard_rows import MappedShards
from trainer.tasks.guesses import Chosen, Guess, name_in, token_guesses
from trainer.tasks.labelled import ROW_IDS, Classifiers, LabelTask, lists_of
from trainer.tasks.losses import LossTerm, cross_entropy_term

_LABELS = "token_labels"


class TagTask(LabelTask):
    """A class of several for the first token of each word.

    Batches hold `token_labels`, int64[T]; -100 where nothing is predicted.
    """

    model = "ForTokenClassification"
    main = "f1"

    @property
    def name(self) -> str:
        return "tag"

    def labelled(self, shards: MappedShards) -> int:
        lists = shards.rows(np.arange(len(shards))).values["labels"]
        marked = np.append(0, np.cumsum(lists_of(lists).values >= 0))
        return int(np.count_nonzero(np.diff(marked[lists_of(lists).offsets])))

    def packed(self, masked: MaskedRows, layout: Packed) -> dict[str, Array]:
        found = lists_of(masked.rows.values["labels"]).values.astype(np.int64)
        return {_LABELS: filled(np.where(found < 0, IGNORED, found), layout.tokens, IGNORED)}

    def logits(self, classifiers: Classifiers, hf: Any, hidden: Tensor, batch: Batch) -> Tensor:
        found: Tensor = hf.classifier(hf.dropout(hidden))
        return found

    def counts(self, batch: Batch) -> Tensor:
        return (batch[_LABELS] != IGNORED).sum()

    def term(self, logits: Tensor, batch: Batch) -> LossTerm:
        return cross_entropy_term(logits, batch[_LABELS])

    # Rows 7 and 9 of 2 and 1 tokens with labels 1 . 0 -> rows 7 -1 9
    def kept(self, logits: Tensor, batch: Batch) -> dict[str, Tensor]:
        labels = batch[_LABELS]
        tokens = torch.arange(len(labels), device=labels.device)
        lines = torch.searchsorted(batch["cu_seqlens"][1:].long(), tokens, right=True)
        rows = torch.where(labels == IGNORED, -1, batch[ROW_IDS][lines])
        return {"rows": rows, "labels": labels, "predicted": logits.argmax(-1)}

    def figures(self, kept: Mapping[str, Array]) -> dict[str, float]:
        if not len(kept["rows"]):
            return {}
        return tag_figures(kept["rows"], kept["labels"], kept["predicted"], self.names)

    def guesses(self, logits: Tensor, batch: Batch, chosen: Chosen) -> list[Guess]:
        labels = batch[_LABELS]
        slots = torch.arange(len(labels), device=labels.device)
        return token_guesses(slots, labels, logits.__getitem__, chosen, name_in(self.names))
