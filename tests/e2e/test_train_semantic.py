"""Discourse relations and the relevance of titles, trained by models of ERNIE with task numbers."""

from pathlib import Path

import pytest

from pipelines.cli import main as shardmill
from tests.support.sample_builds import OPTIONS, SAMPLE, records_file, tokenizer_file
from tests.support.training_runs import records, tiny_config, train

Captured = pytest.CaptureFixture[str]
SMALL = ("--shards", "2", "--max-seq-length", "64", "--copies", "2", "--eval-fraction", "0")
MIXED = ("--members", "ernie2-capitals,ernie2-discourse=4")


def build(recipe: str, folder: Path, text: str, *options: str) -> Path:
    given = ["--input", text, "--tokenizer", str(tokenizer_file("wordpiece")), *SMALL, *options]
    assert shardmill(["build", recipe, "--output", str(folder), *given]) == 0
    return folder


def assert_learned(run: Path, part: str, share: float) -> None:
    losses = [record[part] for record in records(run) if part in record]
    assert sum(losses[-5:]) < share * sum(losses[:5])


def test_relevance_is_learned(tmp_path: Path) -> None:
    recipe = "ernie2-relevance"
    data = build(recipe, tmp_path / "data", str(records_file()), *OPTIONS[recipe])
    model = tiny_config(tmp_path, model_type="ernie", hidden_dropout_prob=0.0)
    options = ("--batch-tokens", "1024", "--steps", "250", "--lr", "2e-3", "--log-every", "5")
    # From some weights relevance is learned later than that: nothing in the text tells it but the
    # words that query and title share.
    assert train(data, model, tmp_path / "run", *options, "--seed", "1") == 0
    assert_learned(tmp_path / "run", "loss_relevance", 0.75)


def test_a_mixture_learns_discourse_relations(tmp_path: Path, capsys: Captured) -> None:
    _, markers = OPTIONS["ernie2-discourse"]
    markers = markers.replace("pair", "ernie2-discourse:pair")
    data = build("mixture", tmp_path / "data", f"{SAMPLE}/*.txt", *MIXED, "--set", markers)
    options = ("--batch-tokens", "2048", "--steps", "50", "--lr", "3e-3")
    few = tiny_config(tmp_path, model_type="ernie", use_task_id=True, task_type_vocab_size=1)
    assert train(data, few, tmp_path / "run", *options) == 2
    assert "task_type_vocab_size 1, and the mixture has 2 members" in capsys.readouterr().err
    model = tiny_config(tmp_path, model_type="ernie", use_task_id=True)
    assert train(data, model, tmp_path / "run", *options) == 0
    assert_learned(tmp_path / "run", "ernie2-discourse/loss_discourse", 0.75)


def test_a_member_without_rows_is_named(tmp_path: Path, capsys: Captured) -> None:
    options = (*MIXED, "--set", "ernie2-discourse:pair.markers=xyzzy,plugh")
    data = build("mixture", tmp_path / "data", f"{SAMPLE}/*.txt", *options)
    capsys.readouterr()
    assert train(data, tiny_config(tmp_path), tmp_path / "run", "--steps", "1") == 2
    said = capsys.readouterr().err
    assert "ernie2-discourse has no rows to train on; build the mixture without it" in said
