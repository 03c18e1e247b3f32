"""A run of the trainer: steps, and the logs, evaluations and checkpoints between them."""

import dataclasses
import functools
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from schemas.manifest_checks import REPORT
from schemas.software import software_versions
from schemas.terminal import is_quiet
from schemas.wording import counted
from trainer.checkpoint_files import MODEL, Best
from trainer.curves.records import SAMPLE_EVENT
from trainer.evaluate import evaluate
from trainer.feed import Feed, Taken
from trainer.kept_checkpoints import BEST, LATEST, Checkpoints
from trainer.log import JsonLines, Lines, Log, SampleLines, TensorBoard, summary_writer
from trainer.loop import Loop, State
from trainer.memory import State as LaneState
from trainer.meter import derived
from trainer.options import TrainOptions
from trainer.probes.probe import Probes
from trainer.processes import Processes
from trainer.report.about import About
from trainer.report.samples import Sampler
from trainer.rows.layouts import Batch
from trainer.run_folder import begin_run
from trainer.run_report import snapshot_of, write_cards, write_report
from trainer.saved_options import save_options
from trainer.stopping import StopSignal

_OF_LOADER = ("objective", "stage", "epoch", "window", "replay")
"""What the log says of where the loader is."""


@dataclasses.dataclass(kw_only=True)
class Run:
    """A prepared run.

    Attributes:
      options: Of the user, with all defaults filled in.
      steps: Total steps; None if there is no end.
      tokenizer: Files of the tokenizer to save beside the model, by name.
      processes: All that train.
      loop: Computes the steps.
      feed: Takes them.
      checkpoints: Where it saves.
      begin: Steps that are already done.
      name: The id of the run that the folder holds; None if it holds none yet.
      identity: What a checkpoint must share to be resumed.
      notices: Notes for the user, logged at the beginning.
      best: The best evaluation so far, by the main figures of the model; None if there is none.
      probes: Of the model; None without.
      about: Its data and its machine.
      sampler: Of predictions, in the first process; None in others.
    """

    options: TrainOptions
    steps: int | None
    tokenizer: Mapping[str, str]
    processes: Processes
    loop: Loop
    feed: Feed
    checkpoints: Checkpoints
    begin: int
    name: str | None
    identity: Mapping[str, Any]
    notices: list[str]
    about: About
    best: Best | None = None
    probes: Probes | None = None
    sampler: Sampler | None = None

    def train(self, stop: StopSignal) -> int:
        """Takes the remaining steps; returns the exit status."""
        best = None if self.best is None else self.best.step
        if not self.processes.from_first(lambda: self.checkpoints.fix_best(best)):
            self.best = None
        logs = self._open_logs()
        note = functools.partial(_note, logs)
        done = self.begin
        try:
            for notice in self.notices:
                note(self.begin, notice)
            for taken in self.feed.steps(self.begin, stop, note):
                done = taken.step
                self._after(logs, taken)
                if taken.signal:
                    again = "the same command resumes from here"
                    note(done, f"stopped by signal {taken.signal}; {again}")
                    return 128 + taken.signal
        finally:
            for log in logs:
                log.close()
        if self.processes.first:
            self._say_where(done)
        return 0

    def _after(self, logs: list[Log], taken: Taken) -> None:
        """Logs, evaluates and saves after a step as far as it is time to, and at the end."""
        options, step = self.options, taken.step
        ends = bool(taken.signal) or taken.last
        if self.loop.meter.pending and (ends or step % options.log_every == 0):
            _write(logs, self._figures(taken))
        with self.loop.meter.paused():
            better = False
            if taken.last or (taken.new and _is_time(options.eval_every, taken)):
                better = self._evaluate(logs, step)
            if step and (ends or better or _is_time(options.save_every, taken)):
                lanes = self.loop.memory.gathered(self.processes)
                save = functools.partial(self._save, logs, step, taken.state, lanes)
                self.processes.first_does(save)

    def _say_where(self, done: int) -> None:
        """Says where the model lies."""
        latest = Path(self.options.output, LATEST)
        # A run that was resumed from elsewhere with no step to take has saved nothing.
        place = latest if latest.exists() else Path(self.options.resume)
        loaded_by = self.loop.plain.loaded_by
        use = f", for {loaded_by}" if loaded_by else ""
        for folder in _model_folders(place / MODEL):
            sys.stdout.write(f"{folder}: the model after {counted(done, 'step')}{use}\n")
        if self.best is not None:
            figures = ", ".join(f"{name} {x:.4f}" for name, x in self.best.figures.items())
            where = Path(self.options.output, BEST, MODEL)
            after = counted(self.best.step, "step")
            sys.stdout.write(f"{where}: the best evaluation, {figures} after {after}\n")

    def _open_logs(self) -> list[Log]:
        if not self.processes.first:
            return []
        run = Path(self.options.output)
        if self.options.tensorboard:
            # What is not installed is told before there is a folder.
            summary_writer()
        if self.name is None:
            self.name = begin_run(run)
        self.checkpoints.clear()
        self.checkpoints.fix_latest()
        save_options(run, self.options)
        logs: list[Log] = [JsonLines(run, self.begin), SampleLines(run, self.begin)]
        if not is_quiet():
            logs.insert(0, Lines(self.steps, self.loop.plain.main_figures))
        if self.options.tensorboard:
            logs.append(TensorBoard(run, self.begin))
        return logs

    def _figures(self, taken: Taken) -> dict[str, Any]:
        """Returns the record of the steps since the last one."""
        loop, step, state = self.loop, taken.step, taken.state
        figures = loop.meter.record(taken.waited)
        left = {}
        if self.steps is not None:
            left = {"seconds_left": (self.steps - step) * figures["step_ms_p50"] / 1000}
        return {
            "event": "train",
            "step": step,
            **{name: state[name] for name in _OF_LOADER if name in state},
            **figures,
            **derived(figures, self.feed.tokens_per_byte),
            "lr": loop.lr,
            "gradient_norm": float(loop.gradient_norm),
            "skipped": int(loop.skipped),
            **left,
        }

    def _evaluate(self, logs: list[Log], step: int) -> bool:
        """Evaluates the model; returns whether it is better than any before."""
        loop, figures = self.loop, dict[str, Any]()
        held_out, about = self.feed.held_out()
        for member, batches in held_out.items():
            autocast = loop.autocast()
            look = functools.partial(self._sample, logs, step, member)
            found = evaluate(
                loop.model, loop.plain, batches, self.processes, autocast, member, look
            )
            whose = f"{member}/" if member else ""
            figures |= {f"{whose}{name}": value for name, value in found.items()}
        main = {
            name: figures[name]
            for member, figure in self.loop.plain.main_figures.items()
            if (name := f"{member}/{figure}".removeprefix("/")) in figures
        }
        if main:
            figures["score"] = sum(main.values()) / len(main)
        figures |= self._probe()
        if figures:
            _write(logs, {"event": "eval", "step": step, **about, **figures})
        if not step or not main or (self.best and figures["score"] <= self.best.score):
            return False
        self.best = Best(step=step, score=figures["score"], figures=main)
        return True

    def _sample(self, logs: list[Log], step: int, member: str, batch: Batch) -> None:
        """Writes what the model predicts of some rows of a batch."""
        for sample in self.sampler.taken(batch, member) if self.sampler else ():
            _write(logs, {"event": SAMPLE_EVENT, "step": step, **sample})

    def _probe(self) -> dict[str, float]:
        """Returns the figures of the probes, in the first process alone; others wait for it."""
        figures: dict[str, float] = {}
        if self.probes is not None:
            loop, probes = self.loop, self.probes
            self.processes.first_does(
                lambda: figures.update(
                    probes.figures(loop.plain, loop.autocast(), self.processes.device)
                )
            )
        return figures

    def _save(self, logs: list[Log], step: int, state: State, lanes: LaneState) -> None:
        """Saves a checkpoint; the logs are on the disk before it."""
        meta = {
            "run": self.name,
            "step": step,
            "loader": {**state, "tokens": self.loop.tokens},
            "identity": dict(self.identity),
            "options": dataclasses.asdict(self.options),
            "software": {
                **software_versions("torch", "transformers", "shardmill"),
                "python": sys.version.split()[0],
            },
            **({} if self.best is None else {"best": dataclasses.asdict(self.best)}),
            "about": dataclasses.asdict(self.about),
        }
        tensors = {
            "model": self.loop.plain.state_dict(),
            "optimizer": self.loop.optimizer.state_dict(),
            "lanes": dict(lanes),
        }
        for log in logs:
            log.sync()
        run = Path(self.options.output)
        self.checkpoints.save(meta, tensors, functools.partial(self._export, meta))
        try:
            write_report(run)
        except (OSError, ValueError) as error:
            # The run goes on without a page.
            _note(logs, step, f"{run / REPORT} is not written: {error}")

    def _export(self, meta: Mapping[str, Any], folder: Path) -> None:
        """Writes the model, the tokenizer as `from_pretrained` finds them, and a card."""
        self.loop.plain.save_pretrained(folder)
        places = _model_folders(folder)
        for place in places:
            for name, content in self.tokenizer.items():
                (place / name).write_text(content, "utf-8")
        snapshot = snapshot_of(Path(self.options.output), meta, self.about)
        write_cards(folder, places, snapshot, self.loop.plain.loaded_by)


def _is_time(every: int | None, taken: Taken) -> bool:
    """Returns whether a step is one of every so many, or of None the last one of an epoch."""
    if every is not None:
        return taken.step % every == 0
    state = taken.state
    return bool(state.get("epoch_over", state.get("batch") == 0))


def _model_folders(folder: Path) -> list[Path]:
    """Returns the folder of a model, or those in it if it is of several models."""
    return sorted(path.parent for path in folder.glob("*/config.json")) or [folder]


def _write(logs: list[Log], record: Mapping[str, Any]) -> None:
    for log in logs:
        if record["event"] in log.events:
            log.write(record)


def _note(logs: list[Log], step: int, message: str) -> None:
    _write(logs, {"event": "note", "step": step, "message": message})
