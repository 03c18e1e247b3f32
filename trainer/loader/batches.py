"""The loader: batches of a finished build, in an order that is a pure function of few numbers."""

import functools
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch.distributed as dist
from torch.utils.data import IterableDataset, get_worker_info

from schemas.columns import ENTITY_IDS
from schemas.errors import UsageError
from schemas.records import Array
from trainer.loader.batch_plan import EpochPlan, pack_batches, shuffled
from trainer.loader.open_corpus import open_local_corpus, shard_problem
from trainer.loader.other_objective import with_objective
from trainer.rows.layouts import Batch, BatchLayout, Packed, Padded
from trainer.rows.masked_rows import FreshMasks, Masks, StoredMasks
from trainer.rows.shard_rows import MappedShards
from trainer.tasks.of_recipes import tasks_of
from transforms.arrays.randomness import rng_for
from transforms.build.corpus import Corpus

LAYOUTS = ("packed", "padded")
COPIES = ("cycle", "dynamic")


class ArrowBatches(IterableDataset[Batch]):
    """Batches of a split, made in this process from shards that are mapped into memory.

    Each iteration goes from where the loader stands to the end of the epoch; the next one is the
    next epoch, in another order. Every row comes exactly once an epoch, on one of the ranks. All
    ranks get the same number of batches, a multiple of `batches_per_step` over all of them: the
    last step of an epoch is filled with batches without rows.

    It needs no worker processes. Use it as it is, or with
    `DataLoader(ArrowBatches(...), batch_size=None)`, also that of torchdata.

    Attributes:
      corpus: The build.
      layout: `trainer.rows.layouts.Packed` or `Padded`; they describe the tensors of a batch.
      tasks: What is learned of them, see `trainer.tasks`.
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
    ) -> None:
        """Opens the shards.

        Args:
          data: Output folder of `shardmill build`, or the corpus opened.
          batch_tokens: Tokens of a batch, padding included; no more are used than the rows have.
          split: "train" or "eval".
          layout: "packed" or "padded".
          copies: "cycle" takes the stored masks, copy (epoch mod copies); "dynamic" draws new ones.
          objective: Take none of the stored masks, and draw those of this recipe anew in every
            epoch; `trainer.loader.other_objective.with_objective` makes a corpus with other fields.
          seed: Of the order, and of dynamic masks.
          shuffle: Take the rows in a random order, another one in every epoch.
          rank: Of this process; by default that of `torch.distributed`, or 0.
          world_size: Number of processes; by default that of `torch.distributed`, or 1.
          batches_per_step: Batches of an optimizer's step, over all ranks; a multiple of
            `world_size`, which is the default.
          checksums: Hold the files to the manifest's sha256 first; else to its sizes alone.

        Raises:
          UsageError: if the shards are not what their manifest says, or an argument does not fit.
        """
        self.corpus = data if isinstance(data, Corpus) else open_local_corpus(data)
        if objective is not None:
            self.corpus = with_objective(self.corpus, objective)
        self._rank = _default(rank, dist.get_rank, 0)
        self._world_size = _default(world_size, dist.get_world_size, 1)
        self._step = self._world_size if batches_per_step is None else batches_per_step
        self._seed, self._split, self._shuffle = seed, split, shuffle
        if copies not in COPIES:
            raise UsageError(f"copies must be {' or '.join(COPIES)}, got {copies!r}")
        if not 0 <= self._rank < self._world_size:
            raise UsageError(f"rank must be in [0, {self._world_size}), got {self._rank}")
        if self._step < 1 or self._step % self._world_size:
            raise UsageError(
                f"batches_per_step must be a multiple of the {self._world_size} processes, "
                f"got {self._step}"
            )
        entries = self.corpus.shards(split)
        if problem := shard_problem(self.corpus.folder, entries, checksums=checksums):
            raise UsageError(problem)
        recipe, vocabulary = self.corpus.recipe, self.corpus.vocabulary
        self.tasks = tasks_of(recipe)
        paths = [Path(self.corpus.folder, entry.path) for entry in entries]
        self._shards = MappedShards(paths, self.corpus.stored_as, vocabulary)
        self._most_targets, *self._most_others = (
            corruption.select.most_tokens(self._shards.lengths, recipe.max_seq_length)
            for corruption in recipe.corrupt
        )
        aligned = ENTITY_IDS in recipe.annotations
        self._aligned = self._shards.marked(ENTITY_IDS) if aligned else None
        self._masks: Masks
        if copies == "cycle" and recipe.stored and self.corpus.built is None:
            self._masks = StoredMasks(self._shards, recipe, seed)
            # Less room than a selector must have that bounds a row by nothing but its length.
            most = self._shards.most_selected()
            self._most_targets = np.minimum(self._most_targets, most)
        else:
            self._masks = FreshMasks(self._shards, recipe, vocabulary, seed)
        self.layout = self._make_layout(layout, batch_tokens)
        self._identity = {
            "data": self.corpus.checksum,
            "split": split,
            "layout": layout,
            "batch_tokens": batch_tokens,
            "batches_per_step": self._step,
            "copies": copies,
            "recipe": self.corpus.objective,
            "seed": seed,
            "shuffle": shuffle,
        }
        self._epoch = self._batch = 0
        self._plan = functools.lru_cache(maxsize=1)(self._make_plan)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_plan": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._plan = functools.lru_cache(maxsize=1)(self._make_plan)

    def __len__(self) -> int:
        """Batches of a rank in the current epoch; another epoch may have a few more or less."""
        return self.steps(self._epoch) * self._step // self._world_size

    def __iter__(self) -> Iterator[Batch]:
        if (worker := get_worker_info()) is not None:
            # A worker has a copy of the loader, that goes on while this one stays.
            raise UsageError(
                f"ArrowBatches needs no worker processes; num_workers must be 0, got "
                f"{worker.num_workers}"
            )
        epoch, plan = self._epoch, self._plan(self._epoch)
        last = self.steps(epoch) * self._step
        while self._epoch == epoch and self._batch < last:
            batch = self._batch + self._rank
            rows = plan.rows(batch)
            tensors = self.layout.tensors(self._masks.draw(rows, epoch, batch), rows, self.tasks)
            self._batch += self._world_size
            if self._batch == last:
                self._epoch, self._batch = epoch + 1, 0
            yield tensors

    @property
    def lengths(self) -> Array:
        """int32[R]; tokens of every row."""
        return self._shards.lengths

    @property
    def context(self) -> float:
        """Tokens that a token attends to, on average."""
        lengths = self.lengths.astype(float)
        return float((lengths**2).sum() / lengths.sum())

    @property
    def target_share(self) -> float:
        """Share of the tokens that is to be predicted, at most."""
        return float(self._most_targets.sum()) / max(float(self.lengths.sum()), 1.0)

    def steps(self, epoch: int) -> int:
        """Returns the optimizer's steps of an epoch."""
        return -(-len(self._plan(epoch)) // self._step)

    def state_dict(self) -> dict[str, Any]:
        """Returns where the loader stands: a few numbers, whatever was read."""
        return {**self._identity, "epoch": self._epoch, "batch": self._batch}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes where another loader stood, also one of another number of ranks.

        Raises:
          UsageError: if the state is of other data or another order, of no place in it, or of one
            within a step that these ranks cannot share.
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
        if batch >= max(self.steps(epoch) * self._step, 1):
            raise UsageError(f"epoch {epoch} of {self.corpus.folder} has no batch {batch}")
        if batch % self._world_size:
            raise UsageError(
                f"{batch} batches were taken, which {self._world_size} processes cannot share; "
                "save at the end of a step"
            )
        self._epoch, self._batch = epoch, batch

    def _make_plan(self, epoch: int) -> EpochPlan:
        count = len(self._shards)
        order: Array = np.arange(count, dtype=np.uint32)
        if self._shuffle:
            order = shuffled(count, rng_for(self._seed, "train-order", self._split, epoch))
        lengths, limits = self._shards.lengths, self.layout.limits
        return pack_batches(order, lengths, self._most_targets, limits, self._aligned)

    def _make_layout(self, name: str, batch_tokens: int) -> BatchLayout:
        """Chooses shapes that hold batches of rows as they are, with some room to spare."""
        if name not in LAYOUTS:
            raise UsageError(f"layout must be {' or '.join(LAYOUTS)}, got {name!r}")
        lengths = self._shards.lengths
        longest = int(lengths.max(initial=1))
        if batch_tokens < longest:
            raise UsageError(
                f"batch_tokens must be at least {longest}, the longest row of "
                f"{self.corpus.folder}/{self._split}, got {batch_tokens}"
            )
        # A batch has no room for more than all rows.
        tokens = min(batch_tokens, max(_rounded(int(lengths.sum())), longest))
        pad = self.corpus.vocabulary.roles.get("pad", 0)
        task = self.corpus.recipe.pair.task
        label = None if task is None else task.label
        if name == "padded":
            count = max(min(batch_tokens // longest, len(lengths)), 1)
            return Padded(rows=count, longest=longest, pad=pad, pair_label=label)
        rows = tokens * len(lengths) / max(float(lengths.sum()), 1.0)
        most = int(self._most_targets.max(initial=1))
        return Packed(
            tokens=tokens,
            targets=_rounded(1.0625 * self.target_share * tokens + most),
            rows=_rounded(1.25 * rows + 1),
            longest=longest,
            pad=pad,
            pair_label=label,
            capacities=self._capacities(tokens, _rounded(1.25 * rows + 1)),
            **self._aligned_capacities(tokens),
        )

    def _aligned_capacities(self, tokens: int) -> dict[str, int]:
        """Returns the most tokens that are aligned with entities, in so much and in a row."""
        if self._aligned is None:
            return {}
        most = int(self._aligned.max(initial=1))
        share = float(self._aligned.sum()) / max(float(self._shards.lengths.sum()), 1.0)
        return {"aligned": _rounded(1.0625 * share * tokens + most), "row_aligned": most}

    def _capacities(self, tokens: int, rows: int) -> dict[str, int]:
        """Returns the most targets of each corruption after the first, in so much."""
        names = [corruption.targets.name for corruption in self.corpus.recipe.corrupt[1:]]
        lengths = self._shards.lengths
        return {
            name: _rounded(
                min(tokens * (most / lengths).max(initial=0), rows * most.max(initial=0)) + 1
            )
            for name, most in zip(names, self._most_others, strict=True)
        }


def _default(given: int | None, ask: Any, otherwise: int) -> int:
    """Returns what was given, or what `torch.distributed` says if it is in use."""
    if given is not None:
        return given
    return int(ask()) if dist.is_available() and dist.is_initialized() else otherwise


def _rounded(number: float) -> int:
    """Returns the next multiple of 8, which the units of a GPU like."""
    return 8 * math.ceil(number / 8)
