"""The loader: batches of a finished build, in an order that is a pure function of its seed."""

import dataclasses
import functools
import os
from collections.abc import Iterator, Mapping
from typing import Any

from torch.utils.data import IterableDataset, get_worker_info

from schemas.errors import UsageError
from schemas.records import Array
from trainer.loader.batch_shapes import choose_layout, row_bounds
from trainer.loader.lanes import choose_lanes
from trainer.loader.open_split import map_split, opened_build
from trainer.loader.plans import PLANNERS, Plan, Planned
from trainer.loader.ranks import ranks_of
from trainer.rows.layouts import Batch
from trainer.rows.modes import drawn_mode, mode_context, mode_named
from trainer.rows.row_source import choose_source
from trainer.tasks.labelled import LabelTask
from trainer.tasks.members import batch_marks
from trainer.tasks.of_recipes import tasks_of
from transforms.arrays.randomness import rng_for
from transforms.build.corpus import Corpus
from transforms.contract.modes import Mode

COPIES = ("cycle", "dynamic")
_SIZES = ("tokens", "bytes")
EVALUATED = 8
"""Rows of a lane at least, where rows come in their own order: the first one has no memory."""


class ArrowBatches(IterableDataset[Batch]):
    """Batches of a split, made in this process from shards that are mapped into memory.

    Each iteration goes from the position of the loader to the end of the epoch; the next one is the
    next epoch, in another order. Every row comes exactly once an epoch, on one of the ranks. All
    ranks get the same number of batches, a multiple of `batches_per_step` over all of them: the
    last step of an epoch is filled with batches without rows.

    With the layout "lanes" the rows of a stream follow one another in a lane, see
    `trainer.loader.lanes`; a step has a row of each lane.

    Where the recipe has modes of attention, one is drawn for each step, on all ranks the same.

    It needs no worker processes. Use it as it is, or with
    `DataLoader(ArrowBatches(...), batch_size=None)`, also that of torchdata.

    Attributes:
      corpus: The build.
      layout: `trainer.rows.layouts.Packed`, `Padded` or `trainer.rows.lane_rows.Lanes`; they
        describe the tensors of a batch.
      lanes: Of all batches of a step; None with another layout.
      tasks: What is learned from them, see `trainer.tasks`.
    """

    def __init__(
        self,
        data: str | os.PathLike[str] | Corpus,
        *,
        batch_tokens: int,
        split: str = "train",
        layout: str = "packed",
        copies: str = "cycle",
        objective: str | None = None,
        seed: int = 0,
        shuffle: bool = True,
        rank: int | None = None,
        world_size: int | None = None,
        batches_per_step: int | None = None,
        checksums: bool = True,
        member: int | None = None,
        lanes: int | None = None,
        mode: str | None = None,
        rows: Array | None = None,
        steady: bool = False,
        batch_rows: int | None = None,
    ) -> None:
        """Opens the shards.

        Args:
          data: Output folder of `shardmill build`, or the corpus opened.
          batch_tokens: Tokens of a batch, padding included; no more are used than the rows have.
          split: "train" or "eval".
          layout: "packed" or "padded", or "lanes" where tokens are predicted from those before.
          copies: "cycle" takes the stored masks, copy (epoch mod copies); "dynamic" draws new ones.
          objective: Ignore the stored masks, and sample those of this recipe again in every
            epoch; `trainer.loader.other_objective.with_objective` makes a corpus with other fields.
          seed: Of the order, and of dynamic masks.
          shuffle: Take the rows in a random order, another one in every epoch.
          rank: Of this process; by default that of `torch.distributed`, or 0.
          world_size: Number of processes; by default that of `torch.distributed`, or 1.
          batches_per_step: Batches of an optimizer step, over all ranks; a multiple of
            `world_size`, which is the default.
          checksums: Compare the files with the manifest's sha256 first; else with its sizes alone.
          member: Number of the build in its mixture; batches then say of which member they are, and
            what its tasks are, see `trainer.tasks.members`.
          lanes: Of all batches of a step, a multiple of `batches_per_step`. By default as many as
            fit; if streams are taken in their own order, as many as have 8 rows each.
          mode: Show all rows in this mode of attention; by default it is drawn.
          rows: Numbers of the rows to take; by default all. Not for lanes.
          steady: Choose shapes that do not change with the rows if other ones are of their kind.
          batch_rows: Rows of a packed batch at most, or records, where each is several candidates.
            Batches then have few shapes, and not one.

        Raises:
          UsageError: if the shards are not what their manifest says, or an argument does not fit.
        """
        if copies not in COPIES:
            raise UsageError(f"copies must be {' or '.join(COPIES)}, got {copies!r}")
        self._seed, self._split, self._shuffle = seed, split, shuffle
        self._ranks = ranks_of(rank, world_size, batches_per_step)
        self.corpus = opened_build(data, objective)
        self.tasks = tasks_of(self.corpus.recipe)
        self._member, modes = member, self.corpus.recipe.modes
        self._modes = modes if mode is None else (mode_named(modes, mode),)
        self._mode: Mode | None = None
        self._shards = map_split(self.corpus, split, checksums)
        # That of pairs knows how long they are in an epoch, others need not.
        self._source: Any = choose_source(self._shards, self.corpus, copies, seed)
        self._bounds = row_bounds(self._shards, self.corpus, self._source)
        self.lanes = self._lanes(layout, lanes, batch_tokens)
        each = None if self.lanes is None else self.lanes // self._ranks.step
        shapes = layout, batch_tokens, self._bounds, self.corpus, split, each
        if batch_rows is not None and layout != "packed":
            raise UsageError(
                f"batch_rows are for the layout packed, got {batch_rows} with {layout!r}"
            )
        self.layout = choose_layout(*shapes, steady=steady, batch_rows=batch_rows)
        self._identity = {
            "data": self.corpus.checksum,
            "split": split,
            "layout": layout,
            "batch_tokens": batch_tokens,
            "batches_per_step": self._ranks.step,
            "copies": copies,
            "recipe": self.corpus.objective,
            "seed": seed,
            "shuffle": shuffle,
            "lanes": self.lanes,
            **({} if batch_rows is None else {"batch_rows": batch_rows}),
        }
        planned = Planned(
            shards=self._shards,
            source=self._source,
            bounds=self._bounds,
            layout=self.layout,
            batch_tokens=batch_tokens,
            step=self._ranks.step,
            lanes=self.lanes,
            in_order=self.corpus.recipe.order == "lanes",
            rows=rows,
            batch_rows=batch_rows,
        )
        self._made_plan = functools.partial(PLANNERS[layout], planned)
        self._epoch = self._batch = 0
        self._planned: tuple[int, Plan] | None = None

    def __getstate__(self) -> dict[str, Any]:
        # A plan is large, and soon made again.
        return {**self.__dict__, "_planned": None}

    def __len__(self) -> int:
        """Batches of a rank in the current epoch; another epoch may have a few more or less."""
        return self.steps(self._epoch) * self._ranks.step // self._ranks.size

    def __iter__(self) -> Iterator[Batch]:
        if (worker := get_worker_info()) is not None:
            # A worker has a copy of the loader: this one would never advance.
            raise UsageError(
                f"ArrowBatches needs no worker processes; num_workers must be 0, got "
                f"{worker.num_workers}"
            )
        epoch, plan = self._epoch, self._plan(self._epoch)
        last = self.steps(epoch) * self._ranks.step
        while self._epoch == epoch and self._batch < last:
            batch = self._batch + self._ranks.rank
            rows = plan.rows(batch)
            drawn = self._source.draw(rows[rows >= 0], epoch, batch)
            mode = self._drawn_mode(epoch)
            if mode is not None:
                drawn = dataclasses.replace(drawn, mode=mode)
            layout = plan.shaped(self.layout, batch)
            tensors = layout.tensors(drawn, rows, self.tasks, plan.reset(batch))
            self._batch += self._ranks.size
            if self._batch == last:
                self._epoch, self._batch = epoch + 1, 0
            self._mode = mode
            yield {**tensors, **batch_marks(self.tasks, self._member, mode)}

    @property
    def batches_per_step(self) -> int:
        """Batches of an optimizer step, over all ranks."""
        return self._ranks.step

    @property
    def lengths(self) -> Array:
        """int32[R]; tokens of every row."""
        return self._shards.lengths

    @property
    def labelled_rows(self) -> int:
        """How many rows have a label; 0 where rows have none."""
        task = self.tasks[0]
        return task.labelled(self._shards) if isinstance(task, LabelTask) else 0

    @property
    def context(self) -> float:
        """Average number of tokens that a token attends to.

        The memory of its lane is included, and modes of attention count in proportion.
        """
        found = self._source.context()
        if self._modes:
            found = mode_context(self._modes, self.lengths, self._shards.second_starts())
        return found if self.lanes is None else found + self.corpus.recipe.memory

    @property
    def tokens_per_byte(self) -> float | None:
        """Tokens of the split for each byte of its text; None where shards do not say it."""
        drawn = [shard.drawn for shard in self.corpus.shards(self._split)]
        tokens, size = (sum(each.get(f"stream.{of}", 0) for each in drawn) for of in _SIZES)
        return tokens / size if size else None

    @property
    def target_share(self) -> float:
        """Predictions of the vocabulary head for each token, at most."""
        names = [each.vocabulary_targets for each in self.tasks if each.vocabulary_targets]
        return self._bounds.predictions(names) if names else self._bounds.target_share

    def steps(self, epoch: int) -> int:
        """Returns the optimizer steps of an epoch."""
        return -(-len(self._plan(epoch)) // self._ranks.step)

    def state_dict(self) -> dict[str, Any]:
        """Returns the position of the loader: a few numbers, however much was read.

        Where there are modes of attention, it says which one the last batch is in.
        """
        last = {} if self._mode is None else {"mode": self._mode.name}
        return {**self._identity, **last, "epoch": self._epoch, "batch": self._batch}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continues from the state of another loader, also of another number of ranks.

        Raises:
          UsageError: if the state is of other data or another order, is not in it, or is within a
            step that these ranks cannot share.
        """
        for name, value in self._identity.items():
            if state.get(name) != value:
                raise UsageError(
                    f"this state was saved with another {name}: {state.get(name)!r} there, "
                    f"{value!r} here"
                )
        epoch, batch = (state.get(name) for name in ("epoch", "batch"))
        if not isinstance(epoch, int) or not isinstance(batch, int) or min(epoch, batch) < 0:
            raise UsageError(f"this is no state of a loader: epoch {epoch!r}, batch {batch!r}")
        if batch >= max(self.steps(epoch) * self._ranks.step, 1):
            raise UsageError(f"epoch {epoch} of {self.corpus.folder} has no batch {batch}")
        if batch % self._ranks.size:
            raise UsageError(
                f"{batch} batches were taken, which {self._ranks.size} processes cannot share; "
                "save at the end of a step"
            )
        self._epoch, self._batch = epoch, batch

    @property
    def tasks_vary(self) -> bool:
        """Whether a batch may lack a task that others have."""
        paired = any(task.of_pairs for task in self.tasks)
        return paired and any(not mode.pairs for mode in self._modes)

    def _drawn_mode(self, epoch: int) -> Mode | None:
        """Returns the mode of attention of the next batch; None if there are none."""
        if not self._modes:
            return None
        return drawn_mode(self._modes, self._seed, epoch, self._batch // self._ranks.step)

    def _lanes(self, layout: str, given: int | None, batch_tokens: int) -> int | None:
        """Returns the number of lanes of a step."""
        if layout != "lanes":
            if given is not None:
                raise UsageError(f"lanes are for the layout lanes, got {given} with {layout!r}")
            return None
        remembers = self.corpus.recipe.order == "lanes"
        return choose_lanes(
            self.corpus,
            self._split,
            given,
            batch_tokens=batch_tokens,
            step=self._ranks.step,
            least_rows=EVALUATED if remembers and not self._shuffle else 1,
        )

    def _plan(self, epoch: int) -> Plan:
        """Returns the batches of an epoch; the last plan is kept."""
        if self._planned is None or self._planned[0] != epoch:
            rng = rng_for(self._seed, "train-order", self._split, epoch) if self._shuffle else None
            self._planned = epoch, self._made_plan(epoch, rng)
        return self._planned[1]
