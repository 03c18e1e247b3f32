"""Fine-tuning on a GPU: the kernel for packed attention in bfloat16, eager and compiled."""

from pathlib import Path

import pytest
import torch

from tests.support.labelled_builds import labelled
from tests.support.task_runs import MODELS, config_of, loader, made
from tests.support.training_runs import records
from trainer.tasks.losses import total_loss
from trainer.train import main

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")

LEARN = ("--lr", "1e-2", "--batch-rows", "16", "--epochs", "6", "--log-every", "1")


def learner(folder: Path) -> Path:
    sizes = {"hidden_size": 32, "intermediate_size": 64, "initializer_range": 0.05}
    return config_of(folder, hidden_dropout_prob=0.0, **sizes)


@pytest.mark.parametrize("kind", MODELS)
def test_losses_are_those_of_the_cpu(kind: str, tmp_path: Path) -> None:
    model = made(tmp_path, kind).eval()
    batch = next(iter(loader(kind)))
    expected = total_loss(model(batch), model.counts(batch)).item()
    model, moved = model.cuda(), {name: each.cuda() for name, each in batch.items()}
    with torch.autocast("cuda", torch.bfloat16):
        found = total_loss(model(moved), model.counts(moved)).item()
    assert found == pytest.approx(expected, rel=0.05, abs=0.02)


@pytest.mark.parametrize("compiled", [(), ("--compile",)])
def test_a_task_is_learned(compiled: tuple[str, ...], tmp_path: Path) -> None:
    model = learner(tmp_path)
    given = ["--data", str(labelled("classify")), "--model", str(model)]
    given += ["--output", str(tmp_path / "run"), "--device", "cuda", *LEARN, *compiled]
    assert main(given) == 0
    assert max(each["accuracy"] for each in records(tmp_path / "run", "eval")) > 0.85


def test_several_tasks_are_learned(tmp_path: Path) -> None:
    given = ["--data", str(labelled("tag")), "--data", str(labelled("span"))]
    given += ["--data", str(labelled("rank")), "--model", str(learner(tmp_path))]
    given += ["--output", str(tmp_path / "run"), "--device", "cuda", *LEARN]
    assert main(given) == 0
    assert records(tmp_path / "run", "eval")[-1]["score"] > 0.7
