"""A run that is stopped and resumed is bit-identical to one that was not stopped."""

import functools
import json
import resource
import signal
from pathlib import Path

import pytest

from tests.support.forked import Forked
from tests.support.sample_builds import copy_of, corpus
from tests.support.training_runs import (
    ONE_THREAD,
    arguments,
    assert_same,
    records,
    saved,
    start,
    steps_saved,
    tiny_config,
    train,
)
from trainer.train import main

Captured = pytest.CaptureFixture[str]
SMALL = ("--batch-tokens", "512", "--eval-every", "1000")


def wait_for_step(run: Forked, output: Path, step: int) -> None:
    """Waits until a step is in the log, which holds more than steps."""
    log, line = output / "log.jsonl", f'"event": "train", "step": {step}, '
    run.wait_for(lambda: log.exists() and line in log.read_text("utf-8"))


STEPS = (*SMALL, "--steps", "60", "--save-every", "1000")


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 60 steps that nobody stopped."""
    folder = tmp_path_factory.mktemp("straight")
    assert train(corpus("bert-wwm"), tiny_config(folder), folder / "run", *STEPS) == 0
    return folder / "run"


@pytest.mark.slow
@pytest.mark.parametrize("stopped_by", [signal.SIGTERM, signal.SIGINT])
def test_60_steps_are_20_and_the_rest(
    stopped_by: signal.Signals, straight: Path, tmp_path: Path, capsys: Captured
) -> None:
    data, model = corpus("bert-wwm"), tiny_config(tmp_path)
    stopped = start(data, model, tmp_path / "stopped", *STEPS)
    wait_for_step(stopped, tmp_path / "stopped", 20)
    stopped.send(stopped_by)
    assert stopped.ended(60) == 128 + stopped_by
    assert "the same command resumes from here" in stopped.written()
    [step] = steps_saved(tmp_path / "stopped")
    assert 20 <= int(step.removeprefix("step-")) < 60
    assert train(data, model, tmp_path / "stopped", *STEPS) == 0
    assert f"resumed from {tmp_path}/stopped/checkpoints/{step}" in capsys.readouterr().err
    assert_same(saved(straight), saved(tmp_path / "stopped"))
    losses = [[r["loss"] for r in records(run)] for run in (straight, tmp_path / "stopped")]
    assert len(losses[0]) == 60
    assert losses[0] == losses[1]


def test_a_killed_run_goes_on_from_its_last_checkpoint(tmp_path: Path) -> None:
    data, output = corpus("roberta"), tmp_path / "run"
    model = tiny_config(tmp_path, model_type="roberta", max_position_embeddings=600, pad_token_id=1)
    options = (*SMALL, "--steps", "30", "--save-every", "10")
    process = start(data, model, output, *options)
    wait_for_step(process, output, 15)
    process.send(signal.SIGKILL)
    assert process.ended() == -signal.SIGKILL
    half = output / "checkpoints" / ".step-00000020.0123456789ab.tmp"
    half.mkdir()
    (half / ".unfinished").touch()
    (half / "state.pt").write_bytes(b"half")
    assert train(data, model, output, *options) == 0
    assert steps_saved(output) == ["step-00000010", "step-00000020", "step-00000030"]
    assert train(data, model, tmp_path / "straight", *options) == 0
    assert_same(saved(output), saved(tmp_path / "straight"))
    assert [record["step"] for record in records(output)] == list(range(1, 31))


@pytest.mark.parametrize("optimizer", ["adamw", "lamb"])
@pytest.mark.parametrize("copies", ["cycle", "dynamic"])
def test_every_way_to_train_goes_on_exactly(copies: str, optimizer: str, tmp_path: Path) -> None:
    data, model = corpus("bert-wwm"), tiny_config(tmp_path)
    options = (*SMALL, "--copies", copies, "--optimizer", optimizer, "--batches-per-step", "3")
    options = (*options, "--save-every", "7", "--keep", "9", "--schedule", "cosine")
    assert train(data, model, tmp_path / "straight", *options, "--steps", "14") == 0
    # Seven steps are within an epoch; the schedule is that of all 14.
    straight = tmp_path / "straight" / "checkpoints" / "step-00000007"
    again = (*options, "--steps", "14", "--resume", str(straight))
    assert train(data, model, tmp_path / "again", *again) == 0
    assert_same(saved(tmp_path / "straight"), saved(tmp_path / "again"))


def test_a_finished_run_has_nothing_left_to_do(tmp_path: Path, capsys: Captured) -> None:
    data, model = corpus("bert-wwm"), tiny_config(tmp_path)
    for _ in range(2):
        assert train(data, model, tmp_path / "run", *SMALL, "--steps", "3") == 0
        assert (
            "run/latest/hf: the model after 3 steps, for from_pretrained\n"
            in capsys.readouterr().out
        )
    assert steps_saved(tmp_path / "run") == ["step-00000003"]


def test_more_steps_may_be_asked_for(tmp_path: Path, capsys: Captured) -> None:
    data, model = corpus("bert-wwm"), tiny_config(tmp_path)
    assert train(data, model, tmp_path / "run", *SMALL, "--steps", "3") == 0
    assert train(data, model, tmp_path / "run", *SMALL, "--steps", "5") == 0
    assert "steps is 5, was 3" in capsys.readouterr().err
    assert [record["step"] for record in records(tmp_path / "run")] == [1, 2, 3, 4, 5]


def test_fewer_steps_than_there_are_cannot_be_asked_for(tmp_path: Path, capsys: Captured) -> None:
    data, model, output = corpus("bert-wwm"), tiny_config(tmp_path), tmp_path / "run"
    assert train(data, model, output, *SMALL, "--steps", "3") == 0
    log = (output / "log.jsonl").read_bytes()
    assert train(data, model, output, *SMALL, "--steps", "2") == 2
    assert "--steps 2 is less than the 3 steps that" in capsys.readouterr().err
    assert (output / "log.jsonl").read_bytes() == log


def test_what_is_saved_is_for_everybody_who_may_read(tmp_path: Path) -> None:
    data, output = corpus("bert-wwm"), tmp_path / "run"
    model = tiny_config(tmp_path, attention_probs_dropout_prob=0.1)
    assert train(data, model, output, *SMALL, "--steps", "1") == 0
    hf = output / "latest" / "hf"
    modes = {path.stat().st_mode & 0o777 for path in hf.iterdir()}
    assert modes == {(output / "log.jsonl").stat().st_mode & 0o777}
    assert json.loads((hf / "config.json").read_text())["attention_probs_dropout_prob"] == 0.1


def test_old_checkpoints_are_deleted(tmp_path: Path) -> None:
    data, model = corpus("bert-wwm"), tiny_config(tmp_path)
    options = ("--steps", "6", "--save-every", "1", "--keep", "2")
    assert train(data, model, tmp_path / "run", *SMALL, *options) == 0
    assert steps_saved(tmp_path / "run") == ["step-00000005", "step-00000006"]
    assert (tmp_path / "run" / "latest").resolve().name == "step-00000006"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--seed", "1"], "is of another run (seed 12345 there, 1 here); name another --output"),
        (["--optimizer", "lamb"], "optimizer 'adamw' there, 'lamb' here"),
        (["--copies", "dynamic"], "copies 'cycle' there, 'dynamic' here"),
        (["--batch-tokens", "600"], "batch_tokens 512 there, 600 here"),
        (["--resume", "none"], "holds a run at step 2; name another --output"),
        (["--resume", "nowhere"], "nowhere is no checkpoint of `shardmill train`"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(
    options: list[str], said: str, tmp_path: Path, capsys: Captured
) -> None:
    data, model, output = corpus("bert-wwm"), tiny_config(tmp_path), tmp_path / "run"
    assert train(data, model, output, *SMALL, "--steps", "2") == 0
    log = (output / "log.jsonl").read_bytes()
    assert train(data, model, output, *SMALL, "--steps", "4", *options) == 2
    assert said in capsys.readouterr().err
    assert (output / "log.jsonl").read_bytes() == log
    assert steps_saved(output) == ["step-00000002"]


def test_a_checkpoint_from_other_data_or_model_is_refused(tmp_path: Path, capsys: Captured) -> None:
    model, output = tiny_config(tmp_path), tmp_path / "run"
    assert train(corpus("bert-wwm"), model, output, *SMALL, "--steps", "2") == 0
    assert train(corpus("bert"), model, output, *SMALL, "--steps", "4") == 2
    assert "step-00000002 is of another run (data '" in capsys.readouterr().err
    wider = tiny_config(tmp_path, hidden_size=64)
    assert train(corpus("bert-wwm"), wider, output, *SMALL, "--steps", "4") == 2
    assert "parameters, shapes" in capsys.readouterr().err
    # Of the same shapes.
    heads = tiny_config(tmp_path, num_attention_heads=4)
    assert train(corpus("bert-wwm"), heads, output, *SMALL, "--steps", "4") == 2
    told = capsys.readouterr().err
    assert "is of another run (configuration.num_attention_heads 2 there, 4 here); name" in told


def test_a_later_checkpoint_is_not_overtaken(tmp_path: Path, capsys: Captured) -> None:
    data, model, output = corpus("bert-wwm"), tiny_config(tmp_path), tmp_path / "run"
    options = (*SMALL, "--steps", "4", "--save-every", "2")
    assert train(data, model, output, *options) == 0
    first = output / "checkpoints" / "step-00000002"
    assert train(data, model, output, *options, "--resume", str(first)) == 2
    assert "holds a later checkpoint" in capsys.readouterr().err


def test_a_damaged_checkpoint_is_told(tmp_path: Path, capsys: Captured) -> None:
    data, model, output = corpus("bert-wwm"), tiny_config(tmp_path), tmp_path / "run"
    assert train(data, model, output, *SMALL, "--steps", "2") == 0
    state = output / "latest" / "state.pt"
    state.write_bytes(state.read_bytes()[:1000])
    assert train(data, model, output, *SMALL, "--steps", "4") == 1
    told = capsys.readouterr().err
    assert "state.pt is damaged: it has 1000 bytes, checkpoint.json says" in told
    assert "there is no checkpoint before it" in told


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path: Path) -> None:
    """A limit on the size of files fails like a full disk: in the middle of writing."""
    data, model, output = corpus("bert-wwm"), tiny_config(tmp_path), tmp_path / "run"
    assert train(data, model, output, *SMALL, "--steps", "2") == 0
    limit = functools.partial(resource.setrlimit, resource.RLIMIT_FSIZE, (200_000, 200_000))
    given = arguments(data, model, output, *SMALL, "--steps", "4")
    run = Forked(main, given, ONE_THREAD, first=limit)
    assert run.ended() == 1, run.written()
    assert "shardmill: cannot save" in run.written()
    assert "File too large" in run.written()
    assert "step-00000002, is complete" in run.written()
    assert steps_saved(output) == ["step-00000002"]
    assert train(data, model, output, *SMALL, "--steps", "4") == 0


def test_a_changed_shard_stops_a_run_before_it_begins(tmp_path: Path, capsys: Captured) -> None:
    data, model = copy_of("bert-wwm", tmp_path / "data"), tiny_config(tmp_path)
    shard = sorted((data / "train").iterdir())[1]
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    assert train(data, model, tmp_path / "run", *SMALL, "--steps", "2") == 1
    assert f"{shard} was changed: its sha256 is not the manifest's" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
