"""Probes are logged at evaluations, and change nothing of a run."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.labelled_builds import labelled
from tests.support.sample_builds import corpus
from tests.support.training_runs import (
    assert_same,
    records,
    saved,
    tiny_config,
    train,
    train_in_ranks,
)

OPTIONS = (
    *("--batch-tokens", "512", "--eval-every", "2", "--save-every", "2"),
    *("--schedule", "constant", "--warmup", "0"),
)
TASKS = ("classify", "regress", "tag")
FIGURES = {
    *("probe/classify/accuracy", "probe/classify/macro_f1", "probe/regress/pearson"),
    *("probe/tag/accuracy", "probe/tag/macro_f1"),
}


@pytest.fixture(scope="module")
def probes(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The options of all probes, whose folders have names of their own."""
    folder = tmp_path_factory.mktemp("tasks")
    for task in TASKS:
        (folder / task).symlink_to(labelled(task))
    return [each for task in TASKS for each in ("--probe", str(folder / task))]


@pytest.fixture(scope="module")
def probed(probes: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of four steps, with dropout."""
    folder = tmp_path_factory.mktemp("probed")
    model = tiny_config(folder, hidden_size=16, num_hidden_layers=1)
    options = (*OPTIONS, "--steps", "4", "--probe-rows", "60", *probes)
    assert train(corpus("bert-wwm"), model, folder / "run", *options) == 0
    return folder / "run"


def evaluations(run: Path) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in record.items() if name.startswith("probe/")}
        for record in records(run, "eval")
    ]


def test_every_evaluation_has_the_figures_of_all_probes(probed: Path) -> None:
    found = evaluations(probed)
    assert [record["step"] for record in records(probed, "eval")] == [2, 4]
    assert all(each.keys() == FIGURES for each in found)
    assert all(0 <= each["probe/tag/accuracy"] <= 1 for each in found)
    # Even a model that is hardly trained tells words apart.
    assert found[-1]["probe/classify/accuracy"] > 0.75
    # They follow the weights.
    assert found[0]["probe/regress/pearson"] != found[1]["probe/regress/pearson"]


def test_a_run_is_the_same_without_probes(probed: Path, tmp_path: Path) -> None:
    options = (*OPTIONS, "--steps", "4")
    model = probed.parent / "config.json"
    assert train(corpus("bert-wwm"), model, tmp_path / "run", *options) == 0
    assert_same(saved(probed), saved(tmp_path / "run"))
    for event in ("train", "eval"):
        plain, other = records(tmp_path / "run", event), records(probed, event)
        names = ("step", "loss", "accuracy_mlm", "gradient_norm")
        assert [[each.get(name) for name in names] for each in plain] == [
            [each.get(name) for name in names] for each in other
        ]


def test_a_resumed_run_has_the_same_figures(
    probed: Path, probes: list[str], tmp_path: Path
) -> None:
    model, run = probed.parent / "config.json", tmp_path / "run"
    # Probes may be added when a run is resumed.
    assert train(corpus("bert-wwm"), model, run, *OPTIONS, "--steps", "2") == 0
    options = (*OPTIONS, "--steps", "4", "--probe-rows", "60", *probes)
    assert train(corpus("bert-wwm"), model, run, *options) == 0
    assert evaluations(run) == [{}, evaluations(probed)[1]]
    assert_same(saved(probed), saved(run))


def test_the_discriminator_of_electra_is_probed(probes: list[str], tmp_path: Path) -> None:
    sizes = {"embedding_size": 16, "hidden_size": 16, "max_position_embeddings": 512}
    model = tiny_config(tmp_path, model_type="electra", **sizes)
    options = (*OPTIONS, "--steps", "1", *probes)
    assert train(corpus("electra"), model, tmp_path / "run", *options) == 0
    [found] = evaluations(tmp_path / "run")
    assert found.keys() == FIGURES


def test_one_of_several_processes_probes_for_all(
    probed: Path, probes: list[str], tmp_path: Path
) -> None:
    options = (*OPTIONS, "--steps", "1", "--batches-per-step", "2", *probes[:2])
    train_in_ranks(corpus("bert-wwm"), probed.parent / "config.json", tmp_path / "run", *options)
    [found] = evaluations(tmp_path / "run")
    assert found.keys() == {"probe/classify/accuracy", "probe/classify/macro_f1"}


def test_a_model_that_is_fine_tuned_is_probed_for_another_task(
    probes: list[str], tmp_path: Path
) -> None:
    model = tiny_config(tmp_path, hidden_size=16, num_hidden_layers=1)
    options = ("--batch-tokens", "512", "--steps", "2", "--eval-every", "1", *probes)
    assert train(labelled("classify"), model, tmp_path / "run", *options) == 0
    found = evaluations(tmp_path / "run")
    assert [each.keys() for each in found] == [FIGURES, FIGURES]
