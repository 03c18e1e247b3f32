"""Counts the pairs of a build: a run for each shard of rows, then a shard for each part of them."""

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.arrow_columns import numbers
from schemas.checked_json import DamagedError
from schemas.co_occurrences import PAIR_SCHEMA, PAIRS, PairsEntry, pair_shards
from schemas.lock import WORK_FOLDER
from schemas.manifest_parts import ShardEntry
from schemas.sealed import open_sealed
from schemas.vocabulary import Vocabulary
from transforms.build.write_shard import (
    file_sizes,
    read_entries_as,
    write_arrow,
    write_entry,
)
from transforms.contract.pair_rule import PairRule
from transforms.counting.add_pairs import Pairs, add_pairs
from transforms.counting.count_rows import count_rows
from transforms.counting.names import pair_key, run_names
from transforms.counting.row_words import read_row_words
from transforms.counting.runs import read_part, write_run
from transforms.files.checked_files import file_sha256
from transforms.files.storage import is_local, join
from transforms.files.work_folder import (
    Note,
    check_owner,
    note_name,
    read_bytes,
    work_path,
    write_note,
)
from transforms.objectives.recipe import Recipe

UInt32 = npt.NDArray[np.uint32]

_BATCH_ROWS = 1 << 17


@dataclasses.dataclass(frozen=True, kw_only=True)
class PairCounter:
    """Counts pairs of words that stand near each other in the training rows.

    What a part holds is decided by the pairs alone, so the values of its shard do not depend on
    how rows were dealt out, and its order does not either.

    Attributes:
      output: Folder of the build.
      rule: What a pair counts.
      words: How many ids there are.
      key: Of the order, see `names.pair_key`.
      parts: How many shards of pairs there are.
      shards: How many shards of rows there are.
      rows: Their entries, once they are finished.
      owner: What the folder must be known by, see `work_folder.check_owner`.
    """

    output: str
    rule: PairRule
    words: int
    key: np.uint64
    parts: int
    shards: int
    rows: Sequence[ShardEntry] = ()
    owner: str = ""

    @classmethod
    def of(
        cls, recipe: Recipe, vocabulary: Vocabulary, seed: int, shards: int, parts: int, output: str
    ) -> "PairCounter | None":
        """Returns what counts the pairs of a recipe; None if it does not ask for them."""
        if recipe.pair_rule is None:
            return None
        return cls(
            output=output,
            rule=recipe.pair_rule,
            words=vocabulary.size,
            key=pair_key(seed, recipe.name),
            parts=parts,
            shards=shards,
        )

    @property
    def runs(self) -> list[str]:
        """The paths of all runs, in the folder."""
        return run_names(self.shards)

    @property
    def files(self) -> list[str]:
        """The paths of all shards of pairs, in the folder."""
        return [f"{shard.name}.arrow" for shard in pair_shards(self.parts)]

    def blocks(self, number: int) -> Iterator[tuple[UInt32, npt.NDArray[np.int64]]]:
        """Yields the records of a shard of rows, see `count_rows`.

        Raises:
          DamagedError: if it is not what was written.
        """
        ids, offsets = read_row_words(self.output, self.rows[number], self.words)
        yield from count_rows(ids, offsets, self.rule, self.words, self.key, self.parts)

    def count(self, number: int) -> str:
        """Counts a shard of rows, and writes its run; returns the path.

        Raises:
          DamagedError: if the rows are not what was written.
          OSError: if the run cannot be written.
        """
        name = self.runs[number]

        def before_rename(sha256: str, size: int) -> None:
            check_owner(self.output, self.owner)
            write_note(self.output, Note(path=name, bytes=size, sha256=sha256))

        write_run(self.blocks(number), join(self.output, *name.split("/")), before_rename)
        return name

    def sums(self, part: int) -> Pairs:
        """Returns the pairs of a part of all runs.

        Raises:
          DamagedError: if a run is not what was written.
        """
        return self.sums_of([join(self.output, *name.split("/")) for name in self.runs], part)

    def sums_of(self, paths: Sequence[str], part: int) -> Pairs:
        """Returns the pairs of a part of runs that lie anywhere; see `sums`."""
        found = [read_part(path, self.parts, part) for path in paths]
        for path, records in zip(paths, found, strict=True):
            if len(records) and int(records[:, :2].max()) >= self.words:
                raise DamagedError(f"{path} is damaged: an id is not in the vocabulary")
        records = np.concatenate(found)
        del found
        return add_pairs(records, self.rule, self.words, self.key)

    def add_up(self, part: int) -> str:
        """Adds up a part of all runs, and writes its shard; returns the path.

        Raises:
          DamagedError: if a run is not what was written.
          OSError: if the shard cannot be written.
        """
        shard, pairs = pair_shards(self.parts)[part], self.sums(part)
        name = self.files[part]

        def before_rename(sha256: str, size: int) -> None:
            entry = PairsEntry(path=name, records=len(pairs), bytes=size, sha256=sha256)
            write_entry(self.output, shard, entry, self.owner)

        path = join(self.output, *name.split("/"))
        write_arrow(_batches(pairs, self.rule.unit), PAIR_SCHEMA, path, before_rename)
        return name

    def entries(self, *, hashed: bool = True) -> list[PairsEntry | None]:
        """Returns the entry of each finished shard of pairs, see `write_shard.read_entries`."""
        return read_entries_as(PairsEntry, self.output, pair_shards(self.parts), hashed=hashed)

    def missing_runs(self) -> list[int]:
        """Returns the numbers of the runs that are not there as they were written."""
        noted = file_sizes(join(self.output, WORK_FOLDER))
        sizes = file_sizes(join(self.output, PAIRS))
        kept = {
            name
            for name in self.runs
            if note_name(name) in noted and self._is_whole(name, sizes.get(name.split("/")[1]))
        }
        return [number for number, name in enumerate(self.runs) if name not in kept]

    def noted_runs(self) -> int:
        """Returns how many runs are finished, by their notes."""
        there = file_sizes(join(self.output, WORK_FOLDER))
        return sum(note_name(name) in there for name in self.runs)

    def noted_shards(self) -> int:
        """Returns how many shards of pairs are finished, by their entries."""
        there = file_sizes(join(self.output, WORK_FOLDER))
        return sum(note_name(name) in there for name in self.files)

    def _is_whole(self, name: str, size: int | None) -> bool:
        """Returns whether a run of this size is what its note says; one in a store is not read."""
        noted, path = work_path(self.output, note_name(name)), join(self.output, *name.split("/"))
        try:
            note = open_sealed(read_bytes(noted), Note, noted)
        except DamagedError:
            return False
        if (note.path, note.bytes) != (name, size):
            return False
        return not is_local(path) or file_sha256(path) == note.sha256


def _batches(pairs: Pairs, unit: int) -> Iterator[pa.RecordBatch]:
    """Yields record batches of `PAIR_SCHEMA`; without pairs there is none."""
    for begin in range(0, len(pairs), _BATCH_ROWS):
        own = slice(begin, begin + _BATCH_ROWS)
        words, contexts = numbers(pairs.words[own]), numbers(pairs.contexts[own])
        values = numbers(pairs.weights[own] / unit)
        yield pa.record_batch([words, contexts, values], schema=PAIR_SCHEMA)
