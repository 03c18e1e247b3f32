"""Compares our losses with those of the padded model of `transformers`, on the same rows.

Our rows are packed by our loader and trained by our loop. Theirs are the columns of
`shardmill export`, padded by their collator, with the loss of the model itself. Only the optimizer
settings are shared. Dropout is off in both.
"""

import dataclasses
import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
import transformers

from benchmarks.train_ours import open_loop
from benchmarks.train_peers import load_padded
from benchmarks.train_rows import exported_rows
from benchmarks.train_sides import Job, Parity, Side
from trainer.loader.batches import ArrowBatches
from trainer.loop import Loop
from trainer.optim import adamw, parameter_groups
from trainer.options import TrainOptions
from trainer.processes import joined
from trainer.task_runs import PRETRAINING_RATE

STEPS = 5
LIMITS: Mapping[str, float] = {"bf16": 1e-3, "fp32": 1e-5}
"""Maximum difference between the losses of a step, by precision."""


def measure_parity(job: Job, theirs: Path | None = None) -> Parity:
    """Trains both models for a few steps.

    Args:
      job: Data, weights and precision.
      theirs: Other weights for the padded model, to test that the comparison detects this.
    """
    job = dataclasses.replace(job, warmup_steps=STEPS, steps=1, repeat=1)
    with joined(job.device) as processes:
        loop = open_loop(job, Side(ours=True), processes)
        rows = [
            batch["row_ids"][batch["row_ids"] >= 0]
            for batch in itertools.islice(iter(_again(job, loop.batches)), STEPS)
        ]
        _without_dropout(loop.plain)
        ours = list(_our_losses(loop))
        padded = load_padded(theirs or job.weights, "sdpa").to(processes.device)
        _without_dropout(padded)
        others = list(_their_losses(job, loop, padded, rows))
    return Parity(ours=ours, theirs=others, limit=LIMITS[job.precision])


def _again(job: Job, batches: ArrowBatches) -> ArrowBatches:
    """Returns a loader of the same batches, so that reading them does not advance the original."""
    found = ArrowBatches(
        job.data,
        batch_tokens=job.batch_tokens,
        seed=int(batches.state_dict()["seed"]),
        checksums=False,
    )
    found.load_state_dict(batches.state_dict())
    return found


def _without_dropout(model: torch.nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0


def _our_losses(loop: Loop) -> Iterator[float]:
    for _, _, waited in loop.run(0, STEPS):
        yield loop.meter.record(waited)["loss"]


def _their_losses(job: Job, loop: Loop, model: Any, rows: list[torch.Tensor]) -> Iterator[float]:
    """Yields the losses of the padded model, trained with the learning rates of our loop."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(job.exported)
    collate = transformers.DataCollatorForTokenClassification(tokenizer)
    dataset = exported_rows(job.exported)
    usual = TrainOptions(data="", model="", output="", lr=PRETRAINING_RATE)
    optimizer = adamw(parameter_groups(model, usual.weight_decay), usual.lr)
    model.train()
    for step, chosen in enumerate(rows):
        batch = collate([dataset[row] for row in chosen.tolist()])
        takes = {"input_ids", "attention_mask", "token_type_ids", "labels", "next_sentence_label"}
        moved = {name: batch[name].to(model.device) for name in takes & set(batch)}
        for group in optimizer.param_groups:
            group["lr"] = loop.rate(step, 0)
        with loop.autocast():
            loss = model(**moved).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), loop.clip)
        optimizer.step()
        optimizer.zero_grad()
        yield loss.item()
