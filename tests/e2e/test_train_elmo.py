"""Runs of ELMo by the command line: lanes, resume, evaluations, and use of what is saved."""

import importlib
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from tests.support.sample_builds import corpus, shard_paths, stored_rows
from tests.support.training_runs import assert_same, records, saved, train, train_in_ranks
from trainer.models.elmo_vectors import ElmoVectors

Captured = pytest.CaptureFixture[str]
OPTIONS = ("--batch-tokens", "160", "--lr", "0.01", "--eval-every", "100")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four steps, of which every second is saved."""
    folder = tmp_path_factory.mktemp("elmo") / "run"
    options = (*OPTIONS, "--steps", "4", "--save-every", "2", "--keep", "9")
    assert train(corpus("elmo"), "elmo-tiny", folder, *options) == 0
    return folder


def test_figures_of_both_directions(run: Path) -> None:
    [*_, last], [evaluated] = records(run), records(run, "eval")
    for record in (last, evaluated):
        for name in ("forward", "reversed"):
            assert record[f"perplexity_{name}"] == pytest.approx(math.exp(record[f"loss_{name}"]))
        mean = (record["loss_forward"] + record["loss_reversed"]) / 2
        assert record["loss"] == pytest.approx(mean)
    rows = [row for path in shard_paths(corpus("elmo"), "eval") for row in stored_rows(path)]
    assert evaluated["count_forward"] + evaluated["count_reversed"] == 20 * len(rows)


def test_checkpoints_hold_the_state_of_all_lanes(run: Path) -> None:
    lanes = saved(run)["lanes"]
    assert {name: tuple(each.shape) for name, each in lanes.items()} == {
        "outputs": (8, 2, 32),
        "cells": (8, 2, 64),
    }
    assert all((each != 0).any(dim=(1, 2)).all() for each in lanes.values())


@pytest.mark.parametrize("optimizer", ["adamw", "adagrad"])
def test_a_run_that_is_resumed_is_the_same_to_the_bit(
    run: Path, optimizer: str, tmp_path: Path
) -> None:
    options = (*OPTIONS, "--steps", "4", "--save-every", "2", "--optimizer", optimizer)
    whole = run
    if optimizer != "adamw":
        whole = tmp_path / "whole"
        assert train(corpus("elmo"), "elmo-tiny", whole, *options) == 0
    checkpoint = whole / "checkpoints" / "step-00000002"
    again = (*options, "--resume", str(checkpoint))
    assert train(corpus("elmo"), "elmo-tiny", tmp_path / "again", *again) == 0
    assert_same(saved(whole), saved(tmp_path / "again"))
    assert [each["loss"] for each in records(whole)[2:]] == [
        each["loss"] for each in records(tmp_path / "again")
    ]


def test_what_is_saved_gives_vectors(run: Path) -> None:
    vectors = ElmoVectors.load(run / "latest" / "hf")
    one, two = vectors.layers([["The", "cat"], ["这", "是", "Qwxyz"]])
    assert (one.shape, two.shape) == ((3, 2, 64), (3, 3, 64))
    assert np.isfinite(one).all()


def unigram_loss() -> float:
    """Cross entropy of the eval split's targets under the word list's counts, with one added."""
    words = json.loads((corpus("elmo") / "counts.json").read_text("utf-8"))
    ids = json.loads((corpus("elmo") / "tokenizer.json").read_text("utf-8"))["model"]["vocab"]
    train_ids = [
        token
        for path in shard_paths(corpus("elmo"), "train")
        for row in stored_rows(path)
        for token in row["input_ids"][1:]
    ]
    counts = np.bincount(train_ids, minlength=len(ids)) + 1.0
    assert set(words) <= set(ids)
    held_out = [
        token
        for path in shard_paths(corpus("elmo"), "eval")
        for row in stored_rows(path)
        for token in row["input_ids"][1:]
    ]
    return float(-np.log(counts[held_out] / counts.sum()).mean())


def test_it_learns_more_than_how_frequent_words_are(tmp_path: Path) -> None:
    options = ("--batch-tokens", "640", "--lr", "0.02", "--steps", "60", "--log-every", "30")
    options += ("--eval-every", "1000", "--save-every", "1000", "--weight-decay", "0")
    assert train(corpus("elmo"), "elmo-tiny", tmp_path / "run", *options) == 0
    [evaluated] = records(tmp_path / "run", "eval")
    assert evaluated["loss"] < unigram_loss()


def test_rows_of_another_attention_are_refused(tmp_path: Path, capsys: Captured) -> None:
    assert train(corpus("elmo"), "gpt-tiny", tmp_path / "run") == 2
    message = capsys.readouterr().err
    assert "(elmo) need recurrent attention; train a model of type elmo on them" in message
    assert train(corpus("bert"), "elmo-tiny", tmp_path / "run") == 2
    assert "--model elmo-tiny has recurrent attention" in capsys.readouterr().err


def test_the_end_says_what_loads_the_model(run: Path, capsys: Captured) -> None:
    options = (*OPTIONS, "--steps", "4", "--save-every", "2", "--keep", "9")
    # Nothing is left to do.
    assert train(corpus("elmo"), "elmo-tiny", run, *options) == 0
    told, name = capsys.readouterr().out.rstrip().split("latest/hf: the model after 4 steps, for ")
    assert told == f"{run}/"
    module, kind, method = name.rsplit(".", 2)
    load = getattr(getattr(importlib.import_module(module), kind), method)
    assert isinstance(load(run / "latest" / "hf"), ElmoVectors)


def test_a_penalty_is_refused(tmp_path: Path, capsys: Captured) -> None:
    options = (*OPTIONS, "--steps", "1", "--label-smoothing", "0.1")
    assert train(corpus("elmo"), "elmo-tiny", tmp_path / "run", *options) == 2
    assert "--label-smoothing is for next tokens" in capsys.readouterr().err


def test_the_saved_tokenizer_gives_the_words_of_a_text_and_nothing_else(run: Path) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(run / "latest" / "hf")
    found = tokenizer("the a the")
    assert [*found] == ["input_ids", "attention_mask"]
    assert tokenizer.convert_ids_to_tokens(found["input_ids"]) == ["the", "a", "the"]


@pytest.mark.slow
def test_two_processes_train_what_one_does(run: Path, tmp_path: Path) -> None:
    """Words are drawn for a batch, so the two have the same batches."""
    options = (*OPTIONS, "--steps", "3", "--save-every", "3", "--batches-per-step", "2")
    assert train(corpus("elmo"), "elmo-tiny", tmp_path / "one", *options) == 0
    train_in_ranks(corpus("elmo"), "elmo-tiny", tmp_path / "two", *options)
    one, two = saved(tmp_path / "one"), saved(tmp_path / "two")
    for part in ("model", "lanes"):
        for name, tensor in one[part].items():
            torch.testing.assert_close(tensor, two[part][name], rtol=1e-3, atol=1e-4)
