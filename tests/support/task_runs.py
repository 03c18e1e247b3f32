"""What tests of fine-tuning share: tiny encoders of every family, and rows as `transformers` has
them."""

import functools
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tests.support.labelled_builds import labelled
from tests.support.training_runs import tiny_config
from trainer.loader.batches import ArrowBatches
from trainer.loader.open_corpus import open_local_corpus
from trainer.models.load import load_model
from trainer.models.task_encoder import TaskEncoder
from trainer.rows.layouts import Batch
from trainer.seeding import seed_torch
from transforms.build.corpus import Corpus

FAMILIES = ("albert", "bert", "electra", "ernie", "roberta", "xlm-roberta")
MODELS = {
    "classify": "AutoModelForSequenceClassification",
    "pair": "AutoModelForSequenceClassification",
    "regress": "AutoModelForSequenceClassification",
    "tag": "AutoModelForTokenClassification",
    "span": "AutoModelForQuestionAnswering",
    "rank": "AutoModelForMultipleChoice",
}
SMALL = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "intermediate_size": 32,
    "embedding_size": 16,
    "max_position_embeddings": 64,
    # A larger variance makes differences show.
    "initializer_range": 0.2,
}


@functools.cache
def opened(kind: str) -> Corpus:
    return open_local_corpus(labelled(kind))


def config_of(folder: Path, family: str = "bert", **changes: Any) -> Path:
    """Writes the configuration of a very small encoder."""
    return tiny_config(folder, model_type=family, **{**SMALL, **changes})


def made(folder: Path, kind: str, family: str = "bert", **changes: Any) -> TaskEncoder:
    """Makes a model with new weights for a kind of made-up records."""
    seed_torch(1, "weights")
    model: TaskEncoder = load_model(str(config_of(folder, family, **changes)), [opened(kind)], 48)
    return model


def loader(kind: str, split: str = "eval", rows: int | None = 8, **changes: Any) -> ArrowBatches:
    fields: dict[str, Any] = {
        "split": split,
        "batch_tokens": 2048,
        "batch_rows": rows,
        "shuffle": False,
        "checksums": False,
        "rank": 0,
        "world_size": 1,
    }
    return ArrowBatches(opened(kind), **{**fields, **changes})


def rows_of(batch: Batch) -> list[dict[str, Tensor]]:
    """Returns the rows of a packed batch as `transformers` is given them, each alone."""
    borders = batch["cu_seqlens"].tolist()
    count = int((batch["row_ids"] >= 0).sum())
    return [
        {
            name: batch[name][:, borders[row] : borders[row + 1]]
            for name in ("input_ids", "token_type_ids")
        }
        for row in range(count)
    ]


def unpacked(model: Any) -> Any:
    """Returns a model of `transformers` with its own attention, without dropout."""
    model.set_attn_implementation("eager")
    return model.eval()


def mean(values: list[Tensor]) -> Tensor:
    return torch.stack(values).mean()
