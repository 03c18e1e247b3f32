"""Tasks of a local run that counts words: shards one by one, then partitions of all their words."""

import dataclasses
from pathlib import Path

from pipelines.running.memory import give_memory_back
from pipelines.running.spill import ChunkWriter, read_chunks
from transforms.build.count_shards import WordCounter, add_counts
from transforms.tokens.word_counts import CountSum


@dataclasses.dataclass(kw_only=True)
class CountJob:
    """Counts the words of shards, and spills the counts by partition.

    Attributes:
      counter: Counts those of a shard.
      folder: Of the spilled text.
      counts: Where the counts go.
      shards: How many there are.
    """

    counter: WordCounter
    folder: Path
    counts: Path
    shards: int

    def begin(self, worker: int) -> None:
        """See `jobs.Job`."""
        self._spill = ChunkWriter(self.counts, worker, self.counter.partitions)

    def process(self, task: int) -> None:
        """Counts the words of the shard of a number."""
        counts = [*self.counter.count(task, read_chunks(self.folder, self.shards, task))]
        self._spill.write(counts)
        give_memory_back()

    def finish(self) -> None:
        """See `jobs.Job`."""
        self._spill.close()


@dataclasses.dataclass(frozen=True, kw_only=True)
class AddUpJob:
    """Adds up what was spilled of partitions.

    Attributes:
      counter: Writes the counts of a partition.
      counts: Where they were spilled.
    """

    counter: WordCounter
    counts: Path

    def begin(self, worker: int) -> None:
        """See `jobs.Job`."""

    def process(self, task: int) -> None:
        """Writes the counts of the partition of a number."""
        spilled = read_chunks(self.counts, self.counter.partitions, task)
        self.counter.write(task, add_counts(CountSum(), spilled))
        give_memory_back()

    def finish(self) -> None:
        """See `jobs.Job`."""
