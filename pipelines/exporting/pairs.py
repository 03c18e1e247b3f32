"""Pairs of words for an export: the words as text."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from schemas.arrow_columns import numbers
from schemas.checked_json import DamagedError
from schemas.co_occurrences import PairsEntry
from schemas.word_list import words_by_id
from transforms.build.corpus import Corpus
from transforms.counting.check_pairs import read_pairs
from transforms.files.checked_files import UnreadableError

NAMED_PAIR_SCHEMA = pa.schema(
    [
        pa.field("word", pa.string(), nullable=False),
        pa.field("context", pa.string(), nullable=False),
        pa.field("value", pa.float64(), nullable=False),
    ]
)
_BATCH_ROWS = 1 << 16


def named_pairs(corpus: Corpus, entry: PairsEntry) -> Iterator[pa.RecordBatch]:
    """Yields the pairs of a shard in their order, as batches of `NAMED_PAIR_SCHEMA`.

    Raises:
      DamagedError: if the shard is not what the manifest says, or has an id without a word.
    """
    try:
        pairs = read_pairs(corpus.folder, entry)
    except UnreadableError as error:
        raise DamagedError(f"{corpus.folder}: {error.args[1]}") from error
    names = pa.array(words_by_id(corpus.tokenizer_json), pa.string())
    if len(pairs.words) and int(np.maximum(pairs.words, pairs.contexts).max()) >= len(names):
        raise DamagedError(f"{corpus.folder}: {entry.path} is damaged: an id is no word's")
    for begin in range(0, len(pairs.words), _BATCH_ROWS):
        own = slice(begin, begin + _BATCH_ROWS)
        words, contexts = (names.take(numbers(each[own])) for each in (pairs.words, pairs.contexts))
        columns = [words, contexts, numbers(pairs.values[own])]
        yield pa.record_batch(columns, schema=NAMED_PAIR_SCHEMA)
