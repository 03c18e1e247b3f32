"""The shards of pairs of a build of glove, handed out in pieces."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from schemas.arrow_columns import numpy_of
from schemas.checked_json import DamagedError
from schemas.co_occurrences import PAIR_SCHEMA, PairsEntry
from schemas.records import Array
from schemas.shards import map_file
from transforms.arrays.randomness import rng_for
from transforms.build.corpus import Corpus


class PairPiece(NamedTuple):
    """Some pairs, in the order of the shard.

    Attributes:
      words: uint32[N].
      contexts: uint32[N].
      values: float64[N].
    """

    words: Array
    contexts: Array
    values: Array


class PairShards:
    """The pairs to train on.

    Attributes:
      records: How many there are.
    """

    def __init__(self, corpus: Corpus) -> None:
        found = corpus.manifest.cooccurrences if corpus.manifest else None
        self._entries = found.shards if found else ()
        self._folder, self._ids = Path(corpus.folder), corpus.vocabulary.size
        self.records = found.records if found else 0

    @property
    def entries(self) -> tuple[PairsEntry, ...]:
        """What the manifest says of the shards."""
        return tuple(self._entries)

    def order(self, seed: int, epoch: int) -> list[int]:
        """Returns the numbers of all shards in the order of an epoch.

        Args:
          seed: Of the run.
          epoch: From 0 on.
        """
        rng = rng_for(seed, "vectors", "pairs", epoch)
        keys = rng.bit_generator.random_raw(len(self._entries))
        return np.argsort(np.atleast_1d(keys), kind="stable").tolist()

    def pieces(self, number: int) -> Iterator[PairPiece]:
        """Yields the pairs of a shard, some 100,000 at a time.

        Raises:
          DamagedError: if it is no shard of pairs, or has an id that is no word's.
        """
        path = self._folder.joinpath(*self._entries[number].path.split("/"))
        try:
            with map_file(str(path)) as file, pa.ipc.open_file(file) as reader:
                if not reader.schema.equals(PAIR_SCHEMA):
                    raise DamagedError(f"{path} is damaged: it is no shard of pairs of words")
                for place in range(reader.num_record_batches):
                    yield self._piece(path, reader.get_batch(place))
        except (pa.ArrowException, OSError) as error:
            raise DamagedError(f"{path} is damaged: {error}") from error

    def _piece(self, path: Path, batch: pa.RecordBatch) -> PairPiece:
        """Makes sure that loops find what they look up: files may be damaged."""
        batch.validate(full=True)
        words, contexts, values = (numpy_of(column) for column in batch.columns)
        if len(words) and max(int(words.max()), int(contexts.max())) >= self._ids:
            raise DamagedError(f"{path} is damaged: an id is not in the vocabulary")
        if not (values > 0).all():
            raise DamagedError(f"{path} is damaged: a value is not above 0")
        return PairPiece(words, contexts, values)
