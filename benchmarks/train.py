"""Compares our training step with the Trainer of Hugging Face `transformers`, on the same rows.

All sides start from the same weights, and train on the same number of real tokens per step in the
same precision, without attention dropout. Each side runs in a separate process. The figures are
medians of measurements after a warm-up, and count real tokens, not padding.
"""

import argparse
import dataclasses
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.processes import run_pinned
from benchmarks.report import describe_machine
from benchmarks.train_report import TrainMeasured, train_report
from benchmarks.train_sides import (
    COMPILED,
    LOADER,
    PARITY,
    SIDES,
    UNCOMPILED,
    Figures,
    Job,
    Parity,
    joined_figures,
)
from schemas.errors import UsageError
from schemas.program import one_sentence

_DEFAULTS = {
    "cuda": {"batch_tokens": 65536, "warmup_steps": 50, "steps": 200, "precision": "bf16"},
    "cpu": {"batch_tokens": 8192, "warmup_steps": 3, "steps": 10, "precision": "fp32"},
}
"""Defaults by device, with which a measurement takes minutes."""
_PACKAGES = ("torch", "transformers", "accelerate", "datasets", "pyarrow", "numpy")


def make_work(job: Job, model: str) -> None:
    """Writes what all sides share: initial weights, and the rows in the columns of Hugging Face.

    Raises:
      UsageError: If the model is not one of `transformers`, or does not fit the data.
    """
    from trainer.loader.open_corpus import open_local_corpus
    from trainer.models.encoder import Encoder
    from trainer.models.load import load_model
    from trainer.seeding import seed_torch

    corpus = open_local_corpus(job.data)
    seed_torch(0, "weights")
    longest = max(shard.max_length for split in corpus.splits.values() for shard in split)
    made = load_model(model, [corpus], longest)
    if not isinstance(made, Encoder):
        raise UsageError(
            f"--model {model} is not a model of transformers, so its Trainer cannot train it"
        )
    made.save_pretrained(job.weights)
    command = [sys.executable, "-m", "pipelines.cli", "export", str(job.data), "--to", "stream"]
    command += ["--copies", "first", "--split", "train", "--output", str(job.exported)]
    run_pinned(command, os.sched_getaffinity(0))


def run_side(job: Job, name: str) -> dict[str, Any]:
    """Measures one side in this process; returns its figures."""
    import torch

    torch.set_num_threads(job.threads)
    if name == LOADER:
        from benchmarks.train_ours import describe

        return describe(job)
    if name == PARITY:
        from benchmarks.train_parity import measure_parity

        return dataclasses.asdict(measure_parity(job))
    side = SIDES[name]
    if side.ours:
        from benchmarks.train_ours import measure_ours

        return measure_ours(job, side).to_json()
    from benchmarks.train_peers import measure_peer

    return measure_peer(job, side).to_json()


def measure(job: Job, names: Sequence[str]) -> TrainMeasured:
    """Measures every side in separate processes. A side that fails is reported and left out.

    On a GPU, one process makes all measurements of a side, because the GPU has no other load and
    compiling takes long. On a CPU, a process makes one measurement, and the sides alternate, in
    reverse order every other time, so that a machine that is temporarily slow favours no side.
    """
    rounds = 1 if job.device == "cuda" else job.repeat
    each = dataclasses.replace(job, repeat=job.repeat // rounds)
    failed: dict[str, str] = {}
    once = [LOADER, *(name for name in names if name == PARITY)]
    about, *parity = (_measure_one(each, name, failed) for name in once)
    sides = [name for name in names if name in SIDES]
    found: dict[str, list[Figures]] = {name: [] for name in sides}
    for number in range(rounds):
        for name in sides if number % 2 == 0 else reversed(sides):
            if name not in failed and (figures := _measure_one(each, name, failed)):
                found[name].append(Figures(**figures))
    return TrainMeasured(
        job=job,
        about=about,
        parity=Parity(**parity[0]) if parity and parity[0] else None,
        sides={name: joined_figures(found[name]) for name in sides if name not in failed},
        failed=failed,
    )


def _measure_one(job: Job, name: str, failed: dict[str, str]) -> dict[str, Any]:
    """Returns the figures of one process, or nothing after adding its error to `failed`."""
    print(f"measures {name}", file=sys.stderr, flush=True)
    try:
        output = run_pinned(_side_command(job, name), os.sched_getaffinity(0)).output
        found: dict[str, Any] = json.loads(output.splitlines()[-1])
    except RuntimeError as error:
        print(error, file=sys.stderr, flush=True)
        failed[name] = str(error).splitlines()[-1]
        return {}
    return found


def _side_command(job: Job, name: str) -> list[str]:
    # The Trainer of transformers uses all GPUs that are visible.
    device = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
    command = ["env", f"CUDA_VISIBLE_DEVICES={device}", sys.executable]
    command += ["-m", "benchmarks.train", "--side", name]
    for option in ("data", "work", "device", "precision", "batch_tokens"):
        command += [f"--{option.replace('_', '-')}", str(getattr(job, option))]
    for option in ("warmup_steps", "steps", "repeat", "threads"):
        command += [f"--{option.replace('_', '-')}", str(getattr(job, option))]
    return command


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.train", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="a finished build")
    parser.add_argument(
        "--model", default="bert-base", metavar="M", help="as of shardmill train (bert-base)"
    )
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    parser.add_argument("--precision", choices=["bf16", "fp32"], help="(GPU: bf16, CPU: fp32)")
    for name, help_text in (
        ("batch-tokens", "tokens of a step (GPU: 65536, CPU: 8192)"),
        ("warmup-steps", "steps before the measurements (GPU: 50, CPU: 3)"),
        ("steps", "steps of a measurement (GPU: 200, CPU: 10)"),
        ("threads", "of torch on the CPU, for every side (the cores)"),
    ):
        parser.add_argument(f"--{name}", type=int, metavar="N", help=help_text)
    parser.add_argument("--repeat", type=int, default=3, metavar="N", help="measurements (3)")
    parser.add_argument(
        "--compile", action="store_true", help="also on a CPU: compiled models (a GPU: always)"
    )
    parser.add_argument(
        "--only",
        nargs="+",
        choices=[PARITY, *SIDES],
        metavar="NAME",
        help=f"what to measure: {', '.join([PARITY, *SIDES])}",
    )
    parser.add_argument("--side", choices=[LOADER, PARITY, *SIDES], help=argparse.SUPPRESS)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    return parser


def parse_options(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parses the command line; other defaults depend on the device.

    Raises:
      UsageError: If there is no such device.
    """
    parser = _parser()
    given = parser.parse_args(argv)
    from trainer.processes import choose_device

    given.device = choose_device(given.device, 0).type
    given.threads = given.threads or len(os.sched_getaffinity(0))
    for name, value in _DEFAULTS[given.device].items():
        if getattr(given, name) is None:
            setattr(given, name, value)
    for name in ("batch_tokens", "warmup_steps", "steps", "repeat", "threads"):
        if getattr(given, name) < 1:
            option = f"--{name.replace('_', '-')}"
            parser.error(f"{option} must be at least 1, got {getattr(given, name)}")
    if given.only is None:
        compiled = given.compile or given.device == "cuda"
        given.only = [PARITY, *(COMPILED if compiled else UNCOMPILED)]
    return given


def job_of(given: argparse.Namespace, work: Path) -> Job:
    """Returns the job that all sides get."""
    return Job(
        data=given.data.resolve(),
        work=work,
        device=given.device,
        precision=given.precision,
        batch_tokens=given.batch_tokens,
        warmup_steps=given.warmup_steps,
        steps=given.steps,
        repeat=given.repeat,
        threads=given.threads,
    )


@one_sentence
def main(argv: Sequence[str] | None = None) -> int:
    """Measures and prints Markdown; returns 1 if losses differ or a side failed."""
    given = parse_options(argv)
    if given.side:
        print(json.dumps(run_side(job_of(given, given.work), given.side)))
        return 0
    with tempfile.TemporaryDirectory(prefix="shardmill-bench-") as folder:
        job = job_of(given, Path(folder))
        make_work(job, given.model)
        measured = measure(job, given.only)
    print(train_report(given.model, measured))
    where = f"{job.threads} thread(s) of torch on the CPU in every process"
    print(describe_machine(sorted(os.sched_getaffinity(0)), _PACKAGES, where))
    return int(bool(measured.failed) or not measured.agrees)


if __name__ == "__main__":
    sys.exit(main())
