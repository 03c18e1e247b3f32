"""`shardmill export --to megatron`: the documents of a build as Megatron-LM reads them."""

import functools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from pipelines.exporting.format import File, Notes
from pipelines.folder.corpus import open_shard
from schemas.errors import UsageError
from schemas.exported import MEGATRON_NAME
from schemas.records import Int64
from transforms.arrays.ragged import Ragged
from transforms.build.corpus import Corpus
from transforms.build.megatron import index_parts, stream_documents, token_type
from transforms.build.write_shard import HashingFile
from transforms.contract.stored import StoredBatch


class Megatron:
    """Indexed datasets: of each split a file of tokens, and its index.

    One pair of files a split, since a name of both without suffix is what Megatron-LM is given for
    each split. Each file is written in a pass of its own over the shards, so that one can be there
    without the other when an export is resumed.
    """

    summary = "the documents of gpt as an indexed dataset, OUT/SPLIT_text_document.bin and .idx"
    of_documents = True
    empty_splits = False
    hub_files = ""
    reader = (
        "from megatron.core.datasets.indexed_dataset import IndexedDataset\n\n"
        'data = IndexedDataset("train_text_document")'
    )

    def files(self, corpus: Corpus, copies: int, splits: Sequence[str]) -> Mapping[str, File]:
        _refuse_others(corpus)
        found: dict[str, File] = {}
        for split in splits:
            name = MEGATRON_NAME.format(split=split)
            rows = sum(shard.rows for shard in corpus.shards(split))
            # A row is counted once, with its tokens.
            found[f"{name}.bin"] = File(rows, functools.partial(self._write_tokens, corpus, split))
            found[f"{name}.idx"] = File(0, functools.partial(self._write_index, corpus, split))
        return found

    def _write_tokens(self, corpus: Corpus, split: str, sink: HashingFile, done: Notes) -> None:
        kind = token_type(corpus.vocabulary.size)
        for documents in _documents(corpus, split):
            sink.write(np.ascontiguousarray(documents.values, kind))

    def _write_index(self, corpus: Corpus, split: str, sink: HashingFile, done: Notes) -> None:
        parts = _documents(corpus, split)
        lengths: list[Int64] = [each.lengths.astype(np.int32) for each in parts]
        for part in index_parts(lengths, token_type(corpus.vocabulary.size)):
            sink.write(part)


MEGATRON = Megatron()


def _refuse_others(corpus: Corpus) -> None:
    """Raises UsageError for a build whose rows are not documents one after the other."""
    recipe = corpus.recipe
    if recipe.next_tokens is None:
        raise UsageError(
            f"--to megatron writes the documents of causal language models, and {recipe.name} is "
            "none; build gpt of the same text"
        )
    if recipe.segment.streams != 1:
        raise UsageError(
            "--to megatron puts documents together again from rows that follow one another, and "
            "these are packed by best fit; build them with --set segment.packing=consecutive"
        )


def _documents(corpus: Corpus, split: str) -> Iterator[Ragged]:
    """Yields the documents of a split, some at a time.

    Raises:
      UsageError: if none is whole.
    """
    recipe, vocabulary = corpus.recipe, corpus.vocabulary
    found = False
    for shard in corpus.shards(split):
        with open_shard(corpus, shard, whole=True) as reader:
            batches = (
                StoredBatch.of(reader.get_batch(number), recipe.rules, vocabulary)
                for number in range(reader.num_record_batches)
            )
            overlap = recipe.segment.predicted_only
            for documents in stream_documents(batches, overlap, vocabulary.eod):
                found = True
                yield documents
    if not found:
        raise UsageError(
            f"no document of the split {split} is whole in its rows, and Megatron-LM reads no "
            "empty file; export another split with --split, or build with shorter rows or fewer "
            "shards"
        )
