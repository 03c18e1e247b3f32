"""Training in modes of attention: every mode is learned, and a run resumes with the same ones."""

import dataclasses
from pathlib import Path

import pytest
import torch

from tests.support.sample_builds import corpus
from tests.support.synthetic_builds import build_folder
from tests.support.training_runs import (
    LEARN,
    assert_same,
    learner,
    records,
    saved,
    tiny_config,
    train,
    train_in_ranks,
)
from transforms.objectives import OBJECTIVES

UNILM = OBJECTIVES["unilm"]
NAMES = [mode.name for mode in UNILM.modes]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Short rows of made-up text."""
    folder = tmp_path_factory.mktemp("modes") / "data"
    recipe = dataclasses.replace(UNILM, max_seq_length=40, copies=1)
    build_folder(folder, recipe, shards=2, documents=60)
    return folder


def test_the_loss_falls_in_every_mode(data: Path, tmp_path: Path) -> None:
    model, output = learner(tmp_path, layers=1, type_vocab_size=6), tmp_path / "run"
    options = (*LEARN, "--batch-tokens", "512", "--steps", "50")
    assert train(data, model, output, *options, "--eval-every", "1000") == 0
    steps = records(output)
    # Each step is in one mode, and its figures are named after it.
    modes = [[name for name in NAMES if f"{name}/loss" in step] for step in steps]
    assert {len(found) for found in modes} == {1}
    for name in NAMES:
        losses = [step[f"{name}/loss_mlm"] for step in steps if f"{name}/loss_mlm" in step]
        assert len(losses) >= 4
        # It begins with a guess among 3072 tokens, ln 3072 = 8.
        assert losses[-1] < losses[0] - 1
    paired = {name for step in steps for name in NAMES if f"{name}/accuracy_nsp" in step}
    assert paired == {NAMES[0]}


def test_every_mode_is_evaluated_on_the_same_rows(tmp_path: Path) -> None:
    model = tiny_config(
        tmp_path, type_vocab_size=6, max_position_embeddings=512, num_hidden_layers=1
    )
    options = ("--batch-tokens", "2048", "--steps", "1")
    assert train(corpus("unilm"), model, tmp_path / "run", *options) == 0
    [found] = records(tmp_path / "run", "eval")
    assert len({found[f"{name}/count_mlm"] for name in NAMES}) == 1
    assert found[f"{NAMES[0]}/count_mlm"] > 100
    assert len({found[f"{name}/loss_mlm"] for name in NAMES}) == len(NAMES)
    assert {f"{name}/accuracy_mlm" for name in NAMES} <= found.keys()
    assert [name for name in NAMES if f"{name}/count_nsp" in found] == NAMES[:1]


OPTIONS = ("--batch-tokens", "256", "--batches-per-step", "2", "--save-every", "4", "--keep", "9")


@pytest.mark.slow
def test_a_run_goes_on_in_the_modes_that_it_would_have_had(data: Path, tmp_path: Path) -> None:
    model = tiny_config(tmp_path, type_vocab_size=6)
    options = (*OPTIONS, "--steps", "8")
    assert train(data, model, tmp_path / "straight", *options) == 0
    half = ("--resume", str(tmp_path / "straight" / "checkpoints" / "step-00000004"))
    assert train(data, model, tmp_path / "again", *options, *half) == 0
    assert_same(saved(tmp_path / "straight"), saved(tmp_path / "again"))
    # Of two processes each has one of the batches of a step.
    train_in_ranks(data, model, tmp_path / "ranks", *options, *half)
    found = saved(tmp_path / "ranks")["model"]
    for name, tensor in saved(tmp_path / "straight")["model"].items():
        torch.testing.assert_close(tensor, found[name], rtol=1e-4, atol=1e-5)
