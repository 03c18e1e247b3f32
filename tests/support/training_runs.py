"""Small runs of `shardmill train`, here or in processes of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

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


def start(
    data: Path, model: Path | str, output: Path, *options: str, processes: int = 1
) -> subprocess.Popen[str]:
    """Starts a run in a process of its own, or under torchrun in several."""
    launcher = [sys.executable, "-m"]
    if processes > 1:
        torchrun = ["torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
        launcher += [*torchrun, "-m"]
    return subprocess.Popen(
        [*launcher, "trainer.train", *arguments(data, model, output, *options)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> str:
    """Waits for a run that must succeed; returns what it wrote."""
    written, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return written + errors


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
