"""Measures our training step, our data loader alone, and the device."""

import time
from collections.abc import Iterator
from typing import Any

import torch

from benchmarks.train_sides import Figures, Job, Side, Window, figures_of
from trainer.hardware import measured_peak, peak_memory_gib, stated_peak
from trainer.loader.batches import ArrowBatches
from trainer.loader.open_corpus import open_local_corpus
from trainer.loop import Loop
from trainer.models.load import load_model
from trainer.options import TrainOptions
from trainer.prepare import prepare
from trainer.processes import Processes, choose_device, joined
from trainer.stopping import StopSignal

_LOADER_SECONDS = 2.0
_WARMUP_SHARE = 0.1


def open_loop(job: Job, side: Side, processes: Processes) -> Loop:
    """Returns the training loop of `shardmill train`."""
    options = TrainOptions(
        data=str(job.data),
        model=str(job.weights),
        output=str(job.work / "run"),
        batch_tokens=job.batch_tokens,
        steps=job.last,
        warmup=round(_WARMUP_SHARE * job.last),
        device=job.device,
        precision=job.precision,
        compile=side.compile == "default",
        checksums=False,
    )
    loop = prepare(options, processes, StopSignal()).loop
    if side.compile not in {None, "default"}:
        loop.model = torch.compile(loop.plain, dynamic=False, mode=side.compile)
    return loop


def measure_ours(job: Job, side: Side) -> Figures:
    """Runs all steps; returns the figures of the warm-up and the measurements."""
    with joined(job.device) as processes:
        loop = open_loop(job, side, processes)
        windows = list(_windows(job, loop))
        attention = "varlen_attn" if (job.device, job.precision) == ("cuda", "bf16") else "SDPA"
        notes = (
            f"packed sequence of {job.batch_tokens:,} places, attention within rows: {attention}"
        )
        return figures_of(job, windows, peak_memory_gib(processes.device), notes)


def _windows(job: Job, loop: Loop) -> Iterator[Window]:
    slots = loop.batches.layout.limits.tokens
    began, taken, waited_before = time.perf_counter(), 0, 0.0
    for step, _, waited in loop.run(0, job.last):
        if job.ends_window(step):
            # Recording reads sums from the device, which synchronises with it.
            tokens = loop.meter.record(waited)["tokens"]
            now = time.perf_counter()
            yield Window(
                seconds=now - began,
                tokens=tokens,
                slots=slots * (step - taken),
                waited=waited - waited_before,
            )
            began, taken, waited_before = now, step, waited


def describe(job: Job) -> dict[str, Any]:
    """Describes what all sides share: rows, model and device; also the speed of our loader."""
    device = choose_device(job.device, 0)
    corpus = open_local_corpus(job.data)
    longest = max(shard.max_length for shard in corpus.shards("train"))
    batches = ArrowBatches(corpus, batch_tokens=job.batch_tokens, checksums=False)
    model = load_model(str(job.weights), [corpus], longest)
    dtype = torch.bfloat16 if job.precision == "bf16" else torch.float32
    lengths = batches.lengths.astype(float)
    context = float((lengths**2).sum() / lengths.sum())
    config = model.hf.config
    return {
        "recipe": corpus.recipe.name,
        "rows": len(lengths),
        "longest": longest,
        "mean_length": float(lengths.mean()),
        "architecture": type(model.hf).__name__,
        "layers": config.num_hidden_layers,
        "hidden": config.hidden_size,
        "parameters": sum(each.numel() for each in model.parameters()),
        "flops_per_token": model.flops_per_token(context, batches.target_share),
        "stated_peak": stated_peak(device, dtype),
        "measured_peak": measured_peak(device, dtype),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU",
        "loader_tokens_per_second": loader_rate(batches),
    }


def loader_rate(batches: ArrowBatches, seconds: float = _LOADER_SECONDS) -> float:
    """Returns real tokens per second of making batches in this thread, without using them."""
    stream = _forever(batches)
    # The first batch includes planning the epoch.
    next(stream)
    tokens, began, now = 0, time.perf_counter(), 0.0
    while now < began + seconds:
        tokens += int(next(stream)["num_tokens"])
        now = time.perf_counter()
    return tokens / (now - began)


def _forever(batches: ArrowBatches) -> Iterator[Any]:
    while True:
        yield from batches
