"""Small runs of `shardmill train`, here or in processes of their own."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from tests.support.forked import Forked
from trainer.train import main

ROOT = Path(__file__).resolve().parents[2]


def tiny_config(folder: Path, **changes: Any) -> Path:
    """Writes the configuration of a very small BERT for corpora of the tests."""
    fields = {
        "model_type": "bert",
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "vocab_size": 3072,
        "max_position_embeddings": 128,
        "pad_token_id": 0,
    }
    path = folder / "config.json"
    path.write_text(json.dumps({**fields, **changes}), "utf-8")
    return path


def learner(folder: Path, layers: int = 2, **changes: Any) -> Path:
    """Writes the configuration of a small BERT that learns short rows of the sample in seconds."""
    sizes = {"hidden_size": 64, "num_attention_heads": 4, "intermediate_size": 128}
    fields = {**sizes, "num_hidden_layers": layers, "hidden_dropout_prob": 0.0, **changes}
    return tiny_config(folder, **fields)


ONE_THREAD = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
LEARN = ("--lr", "2e-3", "--schedule", "constant", "--warmup", "10", "--weight-decay", "0")
"""Options with which `learner` learns in few steps."""


def arguments(data: Path, model: Path | str, output: Path, *options: str) -> list[str]:
    """Returns the options of a run on the CPU that logs every step."""
    return [
        *["--data", str(data), "--model", str(model), "--output", str(output)],
        *["--device", "cpu", "--log-every", "1", "--lr", "1e-3", *options],
    ]


def train(data: Path, model: Path | str, output: Path, *options: str) -> int:
    """Trains in this process; returns the exit status."""
    return main(arguments(data, model, output, *options))


def start(data: Path, model: Path | str, output: Path, *options: str) -> Forked:
    """Starts a run in a process of its own."""
    return Forked(main, arguments(data, model, output, *options), ONE_THREAD)


def start_ranks(
    data: Path, model: Path | str, output: Path, *options: str, processes: int = 2
) -> list[Forked]:
    """Starts a run in several processes, with what torchrun tells each of them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
    given = arguments(data, model, output, *options)
    ranks = {**ONE_THREAD, **place, "WORLD_SIZE": str(processes)}
    return [
        Forked(main, given, {**ranks, "RANK": str(rank), "LOCAL_RANK": str(rank)})
        for rank in range(processes)
    ]


def train_in_ranks(data: Path, model: Path | str, output: Path, *options: str) -> str:
    """Trains in two processes, which must succeed; returns what the first of them wrote."""
    runs = start_ranks(data, model, output, *options)
    for run in runs:
        assert run.ended() == 0, run.written()
    return runs[0].written()


def torchrun(data: Path, model: Path | str, output: Path, *options: str) -> str:
    """Trains in two processes that torchrun starts, as users do; returns what they wrote."""
    launcher = ["torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    run = subprocess.run(
        [
            *[sys.executable, "-m", *launcher, "-m", "trainer.train"],
            *arguments(data, model, output, *options),
        ],
        cwd=ROOT,
        env={**os.environ, **ONE_THREAD},
        timeout=300,
        check=False,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout + run.stderr


def records(output: Path, event: str = "train") -> list[dict[str, Any]]:
    """Returns the records of a log, of one kind."""
    lines = (output / "log.jsonl").read_text("utf-8").splitlines()
    return [record for record in map(json.loads, lines) if record["event"] == event]


def saved(output: Path) -> dict[str, Any]:
    """Returns what the newest checkpoint holds of model and optimizer."""
    loaded: dict[str, Any] = torch.load(output / "latest" / "state.pt", weights_only=True)
    return loaded


def steps_saved(output: Path) -> list[str]:
    return sorted(path.name for path in (output / "checkpoints").iterdir())


def assert_same(one: Any, other: Any) -> None:
    """Compares nested tensors bit by bit."""
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_same(one[key], other[key])
    elif isinstance(one, list):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            assert_same(a, b)
    else:
        assert one == other
