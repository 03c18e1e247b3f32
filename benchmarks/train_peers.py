"""Measures training with the Trainer of Hugging Face `transformers`."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import datasets
import torch
import transformers
from transformers.trainer_pt_utils import LengthGroupedSampler

from benchmarks.train_rows import TrainRows, open_rows
from benchmarks.train_sides import Figures, Job, Side, Window, figures_of
from trainer.hardware import peak_memory_gib
from trainer.loader.batches import ArrowBatches
from trainer.optim import BETAS, EPS
from trainer.options import TrainOptions
from trainer.task_runs import PRETRAINING_RATE

_NEARLY_FULL = 0.95
_WORKERS = 8
_REPORTED_ARGUMENTS = (
    *("bf16", "optim", "torch_compile", "dataloader_num_workers"),
    "remove_unused_columns",
)
"""Arguments of the Trainer that the report shows."""
_GROUPED = "rows grouped by length (50 steps' rows at a time, the longest first)"


class TimedLoader:
    """A DataLoader that records waiting times and sizes of batches.

    Attributes:
      waited: Seconds that the trainer waited for batches.
      tokens: Real tokens of each batch.
      slots: Positions of each batch, including padding.
    """

    def __init__(self, loader: Any) -> None:
        self._loader = loader
        self.waited = 0.0
        self.tokens: list[int] = []
        self.slots: list[int] = []

    def __iter__(self) -> Iterator[Any]:
        batches = iter(self._loader)
        while True:
            began = time.perf_counter()
            batch = next(batches, None)
            self.waited += time.perf_counter() - began
            if batch is None:
                return
            self.tokens.append(int(batch["attention_mask"].sum()))
            self.slots.append(batch["attention_mask"].numel())
            yield batch

    def __len__(self) -> int:
        return len(self._loader)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)


class MeasuredTrainer(transformers.Trainer):
    """The Trainer, with a timed DataLoader.

    Attributes:
      loader: The `TimedLoader`, once training has begun.
      lengths: Lengths of the rows, to group rows of similar length; None for random order.
    """

    lengths: list[int] | None = None

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        if self.lengths is None:
            return super()._get_train_sampler(train_dataset)
        # As with `train_sampling_strategy="group_by_length"`. But that reads a column of lengths
        # row by row: 246,000 rows took minutes with `datasets` 5.2, before the first step.
        return LengthGroupedSampler(self.args.train_batch_size, lengths=self.lengths)

    def get_train_dataloader(self) -> Any:
        found: Any = super().get_train_dataloader()
        # Inside the wrapper of `accelerate`, which copies to the device and may wait for it.
        found.base_dataloader = self.loader = TimedLoader(found.base_dataloader)
        return found


class Clock(transformers.TrainerCallback):
    """Records the time at the ends of warm-up and measurements.

    Attributes:
      marks: Number of steps, time, and seconds waited for data.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self.trainer: Any = None
        self.marks: list[tuple[int, float, float]] = []

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        self.marks.append((0, time.perf_counter(), 0.0))

    def on_step_end(self, _: Any, state: Any, *__: Any, **___: Any) -> None:
        if self._job.ends_window(state.global_step):
            if self._job.device == "cuda":
                torch.cuda.synchronize()
            self.marks.append((state.global_step, time.perf_counter(), self.trainer.loader.waited))

    def windows(self) -> Iterator[Window]:
        loader = self.trainer.loader
        for (first, began, before), (last, ended, after) in zip(
            self.marks, self.marks[1:], strict=False
        ):
            yield Window(
                seconds=ended - began,
                tokens=sum(loader.tokens[first:last]),
                slots=sum(loader.slots[first:last]),
                waited=after - before,
            )


def measure_peer(job: Job, side: Side) -> Figures:
    """Trains as a user of `transformers` does; returns its figures."""
    transformers.utils.logging.set_verbosity_error()
    datasets.disable_progress_bars()
    batches = ArrowBatches(job.data, batch_tokens=job.batch_tokens, checksums=False)
    mean, longest = float(batches.lengths.mean()), float(batches.lengths.max())
    count = max(round(len(batches.lengths) / batches.steps(0)), 1)
    grouped = side.grouped
    if grouped is None:
        grouped = side.careful and mean < _NEARLY_FULL * longest
    tokenizer = transformers.AutoTokenizer.from_pretrained(job.exported)
    rows = open_rows(batches.corpus, job.exported, tokenizer, careful=side.careful)
    model = load_padded(job.weights, side.attention)
    arguments = _arguments(job, side, count, rows)
    clock = Clock(job)
    trainer = MeasuredTrainer(
        model=model,
        args=transformers.TrainingArguments(**arguments),
        train_dataset=rows.dataset,
        data_collator=rows.collate,
        processing_class=tokenizer,
        callbacks=[clock],
    )
    trainer.lengths = batches.lengths.tolist() if grouped else None
    clock.trainer = trainer
    trainer.train()
    notes = ", ".join(
        [
            f"{count} rows a step",
            f"attention {model.config._attn_implementation}",
            rows.description,
            _GROUPED if grouped else "rows at random",
            *(f"`{name}={arguments[name]}`" for name in _REPORTED_ARGUMENTS if name in arguments),
        ]
    )
    return figures_of(job, list(clock.windows()), peak_memory_gib(trainer.args.device), notes)


def load_padded(folder: Path, attention: str | None) -> Any:
    """Loads the model of a folder in its own class, for padded rows."""
    config = transformers.AutoConfig.from_pretrained(folder)
    kind = getattr(transformers, config.architectures[0])
    chosen = {"attn_implementation": attention} if attention else {}
    return kind.from_pretrained(folder, **chosen)


def _arguments(job: Job, side: Side, count: int, rows: TrainRows) -> Mapping[str, Any]:
    """Returns the arguments of the Trainer: first those that match our side, then others."""
    ours = TrainOptions(data="", model="", output="", lr=PRETRAINING_RATE)
    found: dict[str, Any] = {
        "output_dir": str(job.work / "peer"),
        "per_device_train_batch_size": count,
        "max_steps": job.last,
        "learning_rate": ours.lr,
        "weight_decay": ours.weight_decay,
        "max_grad_norm": ours.clip,
        "adam_beta1": BETAS[0],
        "adam_beta2": BETAS[1],
        "adam_epsilon": EPS,
        "bf16": job.precision == "bf16",
        "use_cpu": job.device == "cpu",
        "report_to": "none",
        "save_strategy": "no",
        "logging_strategy": "no",
        "disable_tqdm": True,
    }
    if side.careful:
        found |= {
            "optim": "adamw_torch_fused",
            "torch_compile": side.compile is not None,
            "dataloader_num_workers": _WORKERS if job.device == "cuda" else 0,
            "remove_unused_columns": not rows.keep_columns,
        }
    return found
