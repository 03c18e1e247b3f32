"""Runs whose models remember the rows before."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from pipelines.build import main as build
from tests.support.remembering_model import NAME, Remembering
from tests.support.sample_builds import SAMPLE, corpus, tokenizer_file
from tests.support.stream_builds import rows_of_split, streams, xlnet
from tests.support.training_runs import (
    assert_same,
    records,
    saved,
    tiny_config,
    train,
    train_in_ranks,
)

Captured = pytest.CaptureFixture[str]
OPTIONS = ("--batch-tokens", "320", "--batches-per-step", "4", "--lr", "0.02", "--eval-every", "10")


def data() -> Path:
    return streams("transformer-xl", "memory=32")


def xlnet_config(folder: Path, attention: str) -> Path:
    fields = {
        "model_type": "xlnet",
        "attn_type": attention,
        **{"d_model": 32, "n_layer": 2, "n_head": 2, "d_inner": 64, "vocab_size": 3072},
        **{"mem_len": None, "reuse_len": None, "dropout": 0.1},
    }
    path = folder / "config.json"
    path.write_text(json.dumps(fields), "utf-8")
    return path


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one process: 45 steps, into the third epoch, evaluations and all."""
    folder = tmp_path_factory.mktemp("alone")
    options = (*OPTIONS, "--steps", "45", "--save-every", "15", "--keep", "9")
    assert train(data(), NAME, folder / "run", *options) == 0
    return folder / "run"


def test_figures(alone: Path) -> None:
    told = records(alone)
    assert {record["epoch"] for record in told} == {0, 1, 2}
    assert told[-1]["loss_lm"] < told[0]["loss_lm"] - 0.5
    [*_, last] = records(alone, "eval")
    for record in (told[-1], last):
        loss = torch.tensor(record["loss_lm"], dtype=torch.float64)
        assert record["perplexity"] == pytest.approx(float(loss.exp()))
        assert 0.1 < record["bits_per_byte"] < 8
    entry = json.loads((data() / "manifest.json").read_text("utf-8"))["splits"]["eval"]["shards"][0]
    share = entry["drawn"]["stream.tokens"] / entry["drawn"]["stream.bytes"]
    assert last["bits_per_byte"] == pytest.approx(last["loss_lm"] / 0.6931471805599453 * share)
    # Every row is evaluated once.
    assert last["count_lm"] == 32 * rows_of_split(data(), "eval")


def test_checkpoints_hold_the_state_of_all_lanes(alone: Path) -> None:
    lanes = saved(alone)["lanes"]
    assert lanes["mean"].shape == (40, 16)
    assert lanes["seen"].shape == (40,)
    # Every lane is somewhere in its run.
    assert (lanes["seen"] > 0).all()
    assert (lanes["seen"] % 32 == 0).all()


def test_a_run_that_is_resumed_is_the_same_to_the_bit(alone: Path, tmp_path: Path) -> None:
    checkpoint = alone / "checkpoints" / "step-00000015"
    options = (*OPTIONS, "--steps", "45", "--save-every", "15", "--resume", str(checkpoint))
    assert train(data(), NAME, tmp_path / "run", *options) == 0
    assert_same(saved(alone), saved(tmp_path / "run"))
    assert [r["loss"] for r in records(alone)[15:]] == [
        r["loss"] for r in records(tmp_path / "run")
    ]


def test_evaluations_leave_what_is_remembered_alone(alone: Path, tmp_path: Path) -> None:
    options = (*OPTIONS, "--eval-every", "7", "--steps", "45", "--save-every", "45")
    assert train(data(), NAME, tmp_path / "run", *options) == 0
    assert_same(saved(alone), saved(tmp_path / "run"))


def test_without_its_state_a_run_would_go_on_otherwise(alone: Path, tmp_path: Path) -> None:
    """So the tests above would fail if the state were lost."""
    from trainer.checkpoint import Checkpoint

    load = Checkpoint.load
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkpoint, "load", lambda *given: (load(*given), {})[1])
        checkpoint = alone / "checkpoints" / "step-00000015"
        options = (*OPTIONS, "--steps", "45", "--save-every", "15", "--resume", str(checkpoint))
        assert train(data(), NAME, tmp_path / "run", *options) == 0
    assert not torch.equal(saved(alone)["model"]["out.weight"], _weights(tmp_path / "run"))


def _weights(run: Path) -> Any:
    return saved(run)["model"]["out.weight"]


def assert_close(one: Path, other: Path) -> None:
    for part in ("model", "lanes"):
        found = [saved(run)[part] for run in (one, other)]
        assert found[0].keys() == found[1].keys()
        for name, tensor in found[0].items():
            torch.testing.assert_close(tensor, found[1][name], rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_two_processes_train_what_one_does_and_one_goes_on(alone: Path, tmp_path: Path) -> None:
    options = (*OPTIONS, "--save-every", "15", "--keep", "9")
    train_in_ranks(data(), NAME, tmp_path / "two", *options, "--steps", "45")
    assert_close(alone, tmp_path / "two")
    for event in ("train", "eval"):
        pairs = zip(records(alone, event), records(tmp_path / "two", event), strict=True)
        for one, two in pairs:
            assert one["tokens"] == two["tokens"]
            assert one["loss"] == pytest.approx(two["loss"], rel=1e-4)
    checkpoint = tmp_path / "two" / "checkpoints" / "step-00000030"
    again = (*options, "--steps", "45", "--resume", str(checkpoint))
    assert train(data(), NAME, tmp_path / "one", *again) == 0
    assert_close(alone, tmp_path / "one")


@pytest.mark.parametrize("attention", ["uni", "bi"])
def test_models_of_transformers_go_on_exactly(attention: str, tmp_path: Path) -> None:
    folder, model = data() if attention == "uni" else xlnet(), xlnet_config(tmp_path, attention)
    options = ("--batch-tokens", "200", "--batches-per-step", "2", "--save-every", "3")
    assert train(folder, model, tmp_path / "one", *options, "--steps", "6") == 0
    checkpoint = tmp_path / "one" / "checkpoints" / "step-00000003"
    again = (*options, "--steps", "6", "--resume", str(checkpoint))
    assert train(folder, model, tmp_path / "two", *again) == 0
    assert saved(tmp_path / "one")["lanes"]["mems"].abs().sum() > 0
    assert_same(saved(tmp_path / "one"), saved(tmp_path / "two"))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--lanes", "6"], "lanes must be a multiple of the 4 batches_per_step, got 6"),
        (["--lanes", "44"], "lanes must be at most 40: 10 rows of 32 tokens fit into batch_tokens"),
        (["--lanes", "4000"], "lanes must be at most"),
        (["--batch-tokens", "31"], "--batch-tokens must be at least 32, the longest row of"),
    ],
)
def test_lanes_that_cannot_be(
    options: list[str], told: str, tmp_path: Path, capsys: Captured
) -> None:
    assert train(data(), NAME, tmp_path / "run", *OPTIONS, *options) == 2
    captured = capsys.readouterr().err
    assert told in captured
    assert "reading" not in captured
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_lanes_of_rows_or_models_without_them(tmp_path: Path, capsys: Captured) -> None:
    run = tmp_path / "run"
    assert train(streams("gpt"), NAME, run, *OPTIONS, "--lanes", "8") == 2
    assert "and gpt takes its rows in random order; leave lanes out" in capsys.readouterr().err
    model = tiny_config(tmp_path)
    assert train(corpus("bert"), model, run, *OPTIONS, "--lanes", "8") == 2
    told = f"--lanes 8 is for a model that takes rows in lanes, and {model} takes each row on its"
    assert told in capsys.readouterr().err


def test_a_model_with_lanes_takes_shuffled_rows(tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert train(streams("gpt"), NAME, run, *OPTIONS, "--steps", "3") == 0
    assert set(saved(run)["lanes"]["seen"].tolist()) == {32}


def test_other_lanes_are_another_run(tmp_path: Path, capsys: Captured) -> None:
    run = tmp_path / "run"
    assert train(data(), NAME, run, *OPTIONS, "--lanes", "8", "--steps", "2") == 0
    assert saved(run)["lanes"]["seen"].shape == (8,)
    shutil.copytree(run, tmp_path / "again", symlinks=True)
    assert train(data(), NAME, run, *OPTIONS, "--lanes", "12", "--steps", "4") == 2
    assert "is of another run (lanes 8 there, 12 here); name another" in capsys.readouterr().err
    # Those of the checkpoint, if none are given.
    assert train(data(), NAME, tmp_path / "again", *OPTIONS, "--steps", "4") == 0
    assert saved(tmp_path / "again")["lanes"]["seen"].shape == (8,)


def test_models_that_cannot_be_trained_in_lanes(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    monkeypatch.setattr(Remembering, "layout", "packed")
    assert train(data(), NAME, run, *OPTIONS) == 2
    told = f"--model {NAME} remembers the rows before, so its layout must be lanes, and is packed"
    assert told in capsys.readouterr().err
    assert train(xlnet(), NAME, run, *OPTIONS) == 2
    assert "layout must be lanes for xlnet, got 'packed'" in capsys.readouterr().err


def test_a_mixture_has_no_lanes(tmp_path: Path, capsys: Captured) -> None:
    folder, run = tmp_path / "mixture", tmp_path / "run"
    members = ["--members", "gpt,transformer-xl", "--max-seq-length", "32"]
    text = ["--input", f"{SAMPLE}/*.txt", "--tokenizer", str(tokenizer_file("wordpiece+eod"))]
    assert build(["mixture", *members, *text, "--shards", "1", "--output", str(folder)]) == 0
    capsys.readouterr()
    assert train(folder, NAME, run, *OPTIONS) == 2
    assert (
        f"--model {NAME} takes rows in lanes, and a step of a mixture would break them; train it "
        f"on a member, such as {folder}/gpt"
    ) in capsys.readouterr().err
