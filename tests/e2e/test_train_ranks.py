"""The number of processes changes nothing but the order of sums."""

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.support.sample_builds import corpus
from tests.support.training_runs import (
    records,
    saved,
    start_ranks,
    tiny_config,
    torchrun,
    train,
    train_in_ranks,
)

OPTIONS = ("--batch-tokens", "512", "--batches-per-step", "4", "--eval-every", "5")


def assert_close(one: dict[str, Any], other: dict[str, Any]) -> None:
    for name, tensor in one["model"].items():
        torch.testing.assert_close(tensor, other["model"][name], rtol=1e-4, atol=1e-5)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one process: 20 steps, into the second epoch, dropout and all."""
    folder = tmp_path_factory.mktemp("alone")
    model = tiny_config(folder)
    options = (*OPTIONS, "--steps", "25", "--save-every", "10", "--keep", "5")
    assert train(corpus("bert-wwm"), model, folder / "run", *options) == 0
    return folder


@pytest.mark.slow
def test_two_processes_train_what_one_does(alone: Path, tmp_path: Path) -> None:
    options = (*OPTIONS, "--steps", "25", "--save-every", "10")
    model = alone / "config.json"
    told = torchrun(corpus("bert-wwm"), model, tmp_path / "run", *options)
    assert told.count("the model after 25 steps") == 1
    assert_close(saved(alone / "run"), saved(tmp_path / "run"))
    pairs = zip(records(alone / "run"), records(tmp_path / "run"), strict=True)
    for one, two in pairs:
        assert one["tokens"] == two["tokens"]
        assert one["epoch"] == two["epoch"]
        assert one["loss"] == pytest.approx(two["loss"], rel=1e-4)
        assert one["padding"] == pytest.approx(two["padding"])
        assert one["gradient_norm"] == pytest.approx(two["gradient_norm"], rel=1e-3)
    assert {record["epoch"] for record in records(alone / "run")} >= {0, 1}
    evaluations = zip(
        records(alone / "run", "eval"), records(tmp_path / "run", "eval"), strict=True
    )
    for one, two in evaluations:
        assert one["count_mlm"] == two["count_mlm"]
        assert one["loss"] == pytest.approx(two["loss"], rel=1e-4)


@pytest.mark.slow
def test_two_processes_go_on_where_one_stopped(alone: Path, tmp_path: Path) -> None:
    checkpoint = alone / "run" / "checkpoints" / "step-00000010"
    options = (*OPTIONS, "--steps", "25", "--resume", str(checkpoint))
    model = alone / "config.json"
    train_in_ranks(corpus("bert-wwm"), model, tmp_path / "run", *options)
    assert_close(saved(alone / "run"), saved(tmp_path / "run"))


@pytest.mark.slow
def test_two_processes_train_both_models_of_electra_as_one_does(tmp_path: Path) -> None:
    sizes = {"model_type": "electra", "embedding_size": 32, "max_position_embeddings": 512}
    model = tiny_config(tmp_path, **sizes)
    options = (*OPTIONS, "--steps", "6", "--eval-every", "6")
    assert train(corpus("electra"), model, tmp_path / "one", *options) == 0
    train_in_ranks(corpus("electra"), model, tmp_path / "two", *options)
    assert_close(saved(tmp_path / "one"), saved(tmp_path / "two"))
    for event in ("train", "eval"):
        pairs = zip(records(tmp_path / "one", event), records(tmp_path / "two", event), strict=True)
        for one, two in pairs:
            for name in ("loss", "loss_rtd", "replaced_found", "originals_kept", "accuracy_rtd"):
                assert one[name] == pytest.approx(two[name], rel=1e-4), name


def test_processes_that_cannot_share_a_step_are_refused(tmp_path: Path) -> None:
    runs = start_ranks(
        corpus("bert-wwm"),
        tiny_config(tmp_path),
        tmp_path / "run",
        *["--batch-tokens", "512", "--batches-per-step", "3", "--steps", "2"],
    )
    for run in runs:
        assert run.ended(120) == 2
    assert "batches_per_step must be a multiple of the 2 processes, got 3" in runs[0].written()
    assert not (tmp_path / "run").exists()
