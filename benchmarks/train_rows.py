"""The rows as users of Hugging Face `transformers` read them, and their collator.

Rows of pairs are the columns of `shardmill export`, with stored masks, and are padded by
`DataCollatorForTokenClassification`. Other rows are those of the shards, and
`DataCollatorForLanguageModeling` samples masks.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import transformers

from schemas.shards import as_dataset
from transforms.build.corpus import Corpus

_SPECIAL = "special_tokens_mask"
_MULTIPLE = 8
"""Padded lengths are multiples of this, as the documentation of `transformers` recommends."""


@dataclasses.dataclass(frozen=True)
class TrainRows:
    """The training data of a Trainer.

    Attributes:
      dataset: Rows, not padded.
      collate: Makes a batch of rows.
      description: Collator and data, for the report.
      keep_columns: Whether the collator needs columns that the model does not take.
    """

    dataset: Any
    collate: Callable[[Sequence[Mapping[str, Any]]], Any]
    description: str
    keep_columns: bool = False


def open_rows(corpus: Corpus, exported: Path, tokenizer: Any, *, careful: bool) -> TrainRows:
    """Chooses dataset and collator for a recipe.

    Args:
      corpus: The build.
      exported: Output of `shardmill export --to stream --copies first` for it.
      tokenizer: The tokenizer of the build.
      careful: Find special tokens once, in advance, instead of in the collator.
    """
    multiple = _MULTIPLE if careful else None
    if corpus.recipe.pair.relations:
        rows = TrainRows(
            exported_rows(exported),
            transformers.DataCollatorForTokenClassification(tokenizer, pad_to_multiple_of=multiple),
            "`DataCollatorForTokenClassification` on the columns of `shardmill export`",
        )
    else:
        paths = [Path(corpus.folder, shard.path) for shard in corpus.shards("train")]
        rows = TrainRows(
            as_dataset(paths).select_columns(["input_ids"]),
            transformers.DataCollatorForLanguageModeling(tokenizer, pad_to_multiple_of=multiple),
            "`DataCollatorForLanguageModeling` on `as_dataset`",
        )
        if careful:
            rows = _with_special_tokens(rows, tokenizer)
    return rows


def exported_rows(folder: Path) -> Any:
    """Opens the output of `shardmill export --to stream`, in the order of the shards."""
    files = sorted((folder / "train").glob("*.arrow"))
    return datasets.concatenate_datasets([datasets.Dataset.from_file(str(each)) for each in files])


def _with_special_tokens(rows: TrainRows, tokenizer: Any) -> TrainRows:
    """Adds the mask of special tokens, which the collator needs, as a column."""
    special = np.array(tokenizer.all_special_ids)
    flags = []
    for ids in _id_chunks(rows.dataset):
        values = np.isin(ids.flatten().to_numpy(), special).astype(np.int8)
        offsets = np.concatenate([[0], np.cumsum(_lengths(ids))]).astype(np.int32)
        flags.append(pa.ListArray.from_arrays(pa.array(offsets), pa.array(values)))
    column = pa.chunked_array(flags)
    return dataclasses.replace(
        rows,
        dataset=rows.dataset.add_column(_SPECIAL, column, new_fingerprint="special"),
        description=f"{rows.description}, with `{_SPECIAL}`",
        keep_columns=True,
    )


def _id_chunks(dataset: Any) -> list[Any]:
    chunks: list[Any] = dataset.data.column("input_ids").chunks
    return chunks


def _lengths(ids: Any) -> Any:
    return ids.value_lengths().to_numpy()
