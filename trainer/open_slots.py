"""Opens the loaders of a run on a stream: those of slots, and those of evaluation splits."""

from collections.abc import Mapping
from typing import Any

from schemas.checked_json import DamagedError
from trainer.loader.batches import ArrowBatches
from trainer.loader.open_corpus import shard_problem
from trainer.loader.stream_folder import StreamFolder
from trainer.loader.stream_slots import Slots, Split, WindowsCorpus, windows_corpus
from trainer.open_loaders import modes_of
from trainer.options import TrainOptions
from trainer.processes import Processes

EVALUATED = 8
"""Windows whose evaluation splits are measured, those without rows included."""


class SlotLoaders:
    """Loaders of a stream. All processes open the same ones, in the same order.

    Attributes:
      stream: Of which the same windows are known in all processes.
      options: Of the user, with all defaults filled in.
      processes: All that train.
      slots: How rows are dealt.
    """

    def __init__(
        self, stream: StreamFolder, options: TrainOptions, processes: Processes, layout: str
    ) -> None:
        """Opens nothing yet; `layout` is that of the batches."""
        self.stream, self.options, self.processes = stream, options, processes
        self.slots = Slots(options.seed, options.mix_windows or 1)
        self._layout, self._checked = layout, set[str]()

    def train(self, slot: int, visit: int = 0, batch: int = 0) -> ArrowBatches:
        """Opens a slot for the pass of this number, after so many batches."""
        corpus = self._checked_corpus(self.slots.windows(self.stream, slot), "train")
        loader = self._batches(corpus, slot=slot)
        loader.load_state_dict({**loader.state_dict(), "epoch": visit, "batch": batch})
        return loader

    def held_out(self, end: int) -> tuple[Mapping[str, ArrowBatches], Mapping[str, Any]]:
        """Returns the evaluation splits of the last windows before one, and which these are."""
        stream = self.stream
        windows = [
            window for window in range(max(end - EVALUATED, 0), end) if stream.rows(window, "eval")
        ]
        if not windows:
            return {}, {}
        corpus = self._checked_corpus(windows, "eval")
        modes = modes_of(corpus, training=False)
        found = {mode or "": self._batches(corpus, mode=mode) for mode in modes}
        about = {"first_window": windows[0], "last_window": windows[-1], "windows": len(windows)}
        return found, about

    def _checked_corpus(self, windows: list[int], split: Split) -> WindowsCorpus:
        """Opens windows, whose files are compared with their manifests once a run."""
        corpus = self.processes.all_do(lambda: windows_corpus(self.stream, windows, split))
        new = {f"{corpus.folder}/{shard.path}": shard for shard in corpus.shards(split)}
        new = {path: shard for path, shard in new.items() if path not in self._checked}
        mine = list(new.values())[self.processes.rank :: self.processes.size]
        shards = [(corpus.folder, shard) for shard in mine]
        problem = shard_problem(shards, checksums=self.options.checksums)
        self.processes.agree(DamagedError(problem) if problem else None)
        self._checked |= set(new)
        return corpus

    def _batches(
        self, corpus: WindowsCorpus, slot: int | None = None, mode: str | None = None
    ) -> ArrowBatches:
        """Returns a loader of a slot, or of an evaluation split if there is none."""
        options, training = self.options, slot is not None
        return self.processes.all_do(
            lambda: ArrowBatches(
                corpus,
                split="train" if training else "eval",
                batch_tokens=options.batch_tokens or 0,
                layout=self._layout,
                copies=options.copies if training else "cycle",
                seed=options.seed if slot is None else self.slots.slot_seed(slot),
                shuffle=training,
                rank=self.processes.rank,
                world_size=self.processes.size,
                batches_per_step=options.batches_per_step if training else self.processes.size,
                checksums=False,
                mode=mode,
                steady=True,
                batch_rows=options.batch_rows,
                rows=None if slot is None else self.slots.rows(self.stream, slot),
            )
        )
