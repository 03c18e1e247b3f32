"""Training on a stream: its order follows from the windows, whenever they come."""

import json
import shutil
import signal
from pathlib import Path

import pytest
import torch

from tests.support.forked import Forked
from tests.support.made_streams import EMPTY, add_window, begin_section, made_stream, window_build
from tests.support.training_runs import (
    assert_same,
    records,
    saved,
    start,
    start_ranks,
    steps_saved,
    tiny_config,
    train,
)

Captured = pytest.CaptureFixture[str]
FOLLOW = ("--follow", "--batch-tokens", "1024", "--schedule", "constant")
ALL_SAVED = ("--save-every", "1", "--keep", "99")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_config(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Path:
    """A run on a stream of four windows, one of them empty, that nobody disturbed; mixed by two."""
    folder = tmp_path_factory.mktemp("straight")
    stream = made_stream(folder / "s", (0, EMPTY, 1, 2))
    options = (*FOLLOW, *ALL_SAVED, "--mix-windows", "2", "--until-window", "3")
    assert train(stream, model, folder / "run", *options, "--eval-every", "4") == 0
    return folder


def windows_of(run: Path) -> list[tuple[int, int]]:
    """Returns (window, replay) of every step."""
    return [(record["window"], record["replay"]) for record in records(run)]


def notes(run: Path) -> list[str]:
    return [record["message"] for record in records(run, "note")]


def wait_for(run: Forked, output: Path, text: str) -> None:
    log = output / "log.jsonl"
    run.wait_for(lambda: log.exists() and text in log.read_text("utf-8"))


def test_slots_come_in_order_and_the_last_windows_are_evaluated(straight: Path) -> None:
    run = straight / "run"
    found = windows_of(run)
    assert found == sorted(found)
    # Half of window 0 is in slot 1, whose own window is empty.
    assert {window for window, _ in found} == {0, 1, 2, 3}
    assert {replay for _, replay in found} == {0}
    last = records(run, "eval")[-1]
    assert (last["first_window"], last["last_window"], last["windows"]) == (0, 3, 3)
    assert not any("waiting" in note for note in notes(run))
    tokens = sum(record["tokens"] for record in records(run))
    loader = json.loads((run / "latest" / "checkpoint.json").read_text())["loader"]
    assert loader["tokens"] == tokens


def test_a_run_resumes_exactly_from_every_step(straight: Path, model: Path, tmp_path: Path) -> None:
    steps = steps_saved(straight / "run")
    slots = [window for window, _ in windows_of(straight / "run")]
    borders = {place + 1 for place in range(len(slots) - 1) if slots[place] != slots[place + 1]}
    assert len(borders) == 3
    # In the middle of a slot, at every border, and beside them.
    wanted = {1, 2, *borders, *(step + 1 for step in borders), len(steps) - 1}
    options = (*FOLLOW, "--mix-windows", "2", "--until-window", "3")
    for step in sorted(wanted):
        place = straight / "run" / "checkpoints" / f"step-{step:08d}"
        again = tmp_path / str(step)
        assert train(straight / "s", model, again, *options, "--resume", str(place)) == 0
        assert_same(saved(straight / "run"), saved(again))
        assert windows_of(again) == windows_of(straight / "run")[step:]


def test_a_finished_run_has_nothing_left_to_do(
    straight: Path, model: Path, tmp_path: Path, capsys: Captured
) -> None:
    shutil.copytree(straight / "run", tmp_path / "run", symlinks=True)
    before = steps_saved(tmp_path / "run")
    options = (*FOLLOW, *ALL_SAVED, "--mix-windows", "2", "--until-window", "3")
    assert train(straight / "s", model, tmp_path / "run", *options) == 0
    assert f"the model after {len(before)} steps" in capsys.readouterr().out
    assert steps_saved(tmp_path / "run") == before


def test_windows_that_come_later_are_waited_for(
    straight: Path, model: Path, tmp_path: Path, capsys: Captured
) -> None:
    """It is stopped twice while it waits, and the windows come one by one."""
    stream = made_stream(tmp_path / "s", ())
    options = (*FOLLOW, *ALL_SAVED, "--mix-windows", "2", "--until-window", "3")
    run = start(stream, model, tmp_path / "run", *options)
    run.wait_for(lambda: f"waiting for the first window of {stream}" in run.written())
    run.send(signal.SIGTERM)
    assert run.ended(60) == 143
    assert "stopped by SIGTERM; run the same command again to resume" in run.written()
    run = start(stream, model, tmp_path / "run", *options)
    run.wait_for(lambda: f"waiting for the first window of {stream}" in run.written())
    add_window(stream, 0)
    wait_for(run, tmp_path / "run", f"waiting for window 1 of {stream}")
    run.send(signal.SIGTERM)
    assert run.ended(60) == 143
    assert "stopped by signal 15; the same command resumes from here" in run.written()
    assert {window for window, _ in windows_of(tmp_path / "run")} == {0}
    add_window(stream, EMPTY)
    run = start(stream, model, tmp_path / "run", *options)
    wait_for(run, tmp_path / "run", f"waiting for window 2 of {stream}")
    add_window(stream, 1)
    add_window(stream, 2)
    assert run.ended() == 0
    assert_same(saved(straight / "run"), saved(tmp_path / "run"))
    assert windows_of(tmp_path / "run") == windows_of(straight / "run")
    # Once each time, however long it waits.
    assert run.written().count("waiting for window 2") == 1


def test_a_killed_run_repeats_its_replays(model: Path, tmp_path: Path) -> None:
    stream = made_stream(tmp_path / "s", (0, 1))
    options = (*FOLLOW, "--replay", "--until-window", "2", "--save-every", "3", "--keep", "99")
    run = start(stream, model, tmp_path / "run", *options)
    wait_for(run, tmp_path / "run", '"replay": 2')
    add_window(stream, 2)
    assert run.ended() == 0, run.written()
    taken = windows_of(tmp_path / "run")
    assert taken[-1] == (2, 0)
    first = taken.index((2, 0))
    assert {replay for _, replay in taken[:first]} >= {0, 1, 2}
    # Whatever was saved, the same turns follow, though window 2 is there from the beginning.
    steps = steps_saved(tmp_path / "run")
    for kept in (0, 1, len(steps) // 2):
        again = tmp_path / f"again-{kept}"
        shutil.copytree(tmp_path / "run", again, symlinks=True)
        for step in steps[kept:]:
            shutil.rmtree(again / "checkpoints" / step)
        (again / "latest").unlink()
        assert train(stream, model, again, *options) == 0
        assert windows_of(again) == taken
        assert_same(saved(tmp_path / "run"), saved(again))


@pytest.mark.slow
def test_a_run_that_is_killed_at_any_moment_ends_with_the_same_weights(
    straight: Path, model: Path, tmp_path: Path
) -> None:
    options = (*FOLLOW, "--mix-windows", "2", "--until-window", "3", "--save-every", "2")
    for step in (3, 6, 10):
        run = start(straight / "s", model, tmp_path / "run", *options)
        wait_for(run, tmp_path / "run", f'"event": "train", "step": {step}, ')
        run.send(signal.SIGKILL)
        assert run.ended() == -signal.SIGKILL
    assert train(straight / "s", model, tmp_path / "run", *options) == 0
    assert_same(saved(straight / "run"), saved(tmp_path / "run"))


@pytest.mark.slow
def test_two_processes_train_what_one_does(straight: Path, model: Path, tmp_path: Path) -> None:
    stream = made_stream(tmp_path / "s", (0, EMPTY))
    options = (*FOLLOW, "--mix-windows", "2", "--until-window", "3", "--batches-per-step", "2")
    assert train(straight / "s", model, tmp_path / "one", *options) == 0
    runs = start_ranks(stream, model, tmp_path / "two", *options)
    wait_for(runs[0], tmp_path / "two", f"waiting for window 2 of {stream}")
    add_window(stream, 1)
    add_window(stream, 2)
    for run in runs:
        assert run.ended() == 0, run.written()
    assert windows_of(tmp_path / "one") == windows_of(tmp_path / "two")
    one, two = saved(tmp_path / "one")["model"], saved(tmp_path / "two")["model"]
    for name, tensor in one.items():
        torch.testing.assert_close(tensor, two[name], rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_two_processes_replay_the_same_slots(model: Path, tmp_path: Path) -> None:
    stream = made_stream(tmp_path / "s", (0,))
    options = (*FOLLOW, "--replay", "--until-window", "1", "--batches-per-step", "2")
    runs = start_ranks(stream, model, tmp_path / "two", *options)
    wait_for(runs[0], tmp_path / "two", '"replay": 2')
    add_window(stream, 1)
    for run in runs:
        assert run.ended() == 0, run.written()
    # A process alone takes the turns that they decided on.
    (tmp_path / "one").mkdir()
    shutil.copytree(tmp_path / "two" / ".shardmill", tmp_path / "one" / ".shardmill")
    shutil.copy(tmp_path / "two" / "course.jsonl", tmp_path / "one")
    assert train(stream, model, tmp_path / "one", *options) == 0
    assert windows_of(tmp_path / "one") == windows_of(tmp_path / "two")
    one, two = saved(tmp_path / "one")["model"], saved(tmp_path / "two")["model"]
    for name, tensor in one.items():
        torch.testing.assert_close(tensor, two[name], rtol=1e-4, atol=1e-5)


def test_two_processes_stop_together_while_they_wait(model: Path, tmp_path: Path) -> None:
    stream = made_stream(tmp_path / "s", (0,))
    runs = start_ranks(stream, model, tmp_path / "run", *FOLLOW)
    wait_for(runs[0], tmp_path / "run", f"waiting for window 1 of {stream}")
    runs[1].send(signal.SIGTERM)
    for run in runs:
        assert run.ended(60) == 143, run.written()
    assert len(steps_saved(tmp_path / "run")) == 1


def test_masks_may_be_fresh(model: Path, tmp_path: Path) -> None:
    stream = made_stream(tmp_path / "s", (0, 1))
    options = (*FOLLOW, *ALL_SAVED, "--until-window", "1", "--copies", "dynamic")
    assert train(stream, model, tmp_path / "run", *options) == 0
    half = tmp_path / "run" / "checkpoints" / "step-00000002"
    assert train(stream, model, tmp_path / "again", *options, "--resume", str(half)) == 0
    assert_same(saved(tmp_path / "run"), saved(tmp_path / "again"))
    assert train(stream, model, tmp_path / "stored", *FOLLOW, "--until-window", "1") == 0
    losses = [records(tmp_path / name)[0]["loss"] for name in ("run", "stored")]
    assert losses[0] != losses[1]


def test_the_rate_is_a_function_of_tokens(model: Path, tmp_path: Path) -> None:
    stream = made_stream(tmp_path / "s", (0, 1))
    options = ("--follow", "--batch-tokens", "1024", "--until-window", "1", *ALL_SAVED)
    tokens = ("--schedule", "linear", "--warmup-tokens", "2000", "--decay-tokens", "4000")
    assert train(stream, model, tmp_path / "run", *options, *tokens) == 0
    seen, expected = 0, []
    for record in records(tmp_path / "run"):
        seen += record["tokens"]
        rate = seen / 2000 if seen < 2000 else max(1 - (seen - 2000) / 4000, 0.0)
        expected.append(1e-3 * rate)
    assert [record["lr"] for record in records(tmp_path / "run")] == pytest.approx(expected)
    assert max(expected) > 5e-4
    assert expected[-1] == 0
    half = tmp_path / "run" / "checkpoints" / "step-00000003"
    again = (*options, *tokens, "--resume", str(half))
    assert train(stream, model, tmp_path / "again", *again) == 0
    assert_same(saved(tmp_path / "run"), saved(tmp_path / "again"))


def test_the_rate_of_a_build_may_be_in_tokens(model: Path, tmp_path: Path) -> None:
    data = window_build("bert-wwm", 0, 100)
    options = ("--batch-tokens", "1024", "--steps", "4", "--schedule", "constant", *ALL_SAVED)
    options = (*options, "--warmup-tokens", "3000")
    assert train(data, model, tmp_path / "run", *options) == 0
    found = records(tmp_path / "run")
    assert found[1]["lr"] == 1e-3 * (found[0]["tokens"] + found[1]["tokens"]) / 3000
    assert found[3]["lr"] == 1e-3
    half = tmp_path / "run" / "checkpoints" / "step-00000002"
    assert train(data, model, tmp_path / "again", *options, "--resume", str(half)) == 0
    assert_same(saved(tmp_path / "run"), saved(tmp_path / "again"))


def test_a_new_section_is_in_the_log(model: Path, tmp_path: Path) -> None:
    stream = made_stream(tmp_path / "s", (0,))
    begin_section(stream, numpy="9.9")
    add_window(stream, 1)
    assert train(stream, model, tmp_path / "run", *FOLLOW, "--until-window", "1") == 0
    said = [note for note in notes(tmp_path / "run") if "section" in note]
    assert said == [
        "section 1 of the stream begins at or before window 1: other versions of libraries built it"
    ]


def test_the_first_window_may_be_empty(model: Path, tmp_path: Path, capsys: Captured) -> None:
    stream = made_stream(tmp_path / "s", (EMPTY, 0))
    assert train(stream, model, tmp_path / "none", *FOLLOW, "--until-window", "0") == 1
    assert "have no rows to train on; raise --until-window" in capsys.readouterr().err
    assert train(stream, model, tmp_path / "run", *FOLLOW, "--until-window", "1") == 0
    assert set(windows_of(tmp_path / "run")) == {(1, 0)}


def test_other_windows_than_were_trained_on_are_refused(
    straight: Path, model: Path, tmp_path: Path, capsys: Captured
) -> None:
    other = made_stream(tmp_path / "s", (1, EMPTY, 0, 2))
    options = (*FOLLOW, "--mix-windows", "2", "--resume", str(straight / "run" / "latest"))
    assert train(other, model, tmp_path / "run", *options, "--until-window", "3") == 2
    assert "has trained on other windows than the first 4 of" in capsys.readouterr().err
    shorter = made_stream(tmp_path / "t", (0, EMPTY))
    assert train(shorter, model, tmp_path / "run", *options, "--until-window", "3") == 2
    assert "has trained on 4 windows, and" in capsys.readouterr().err


def test_a_changed_shard_stops_the_run_where_it_comes(
    model: Path, tmp_path: Path, capsys: Captured
) -> None:
    stream = made_stream(tmp_path / "s", (0, 1))
    [shard, _] = sorted((stream / "windows" / "00000001" / "train").iterdir())
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    assert train(stream, model, tmp_path / "run", *FOLLOW, "--until-window", "1") == 1
    assert f"{shard} was changed: its sha256 is not the manifest's" in capsys.readouterr().err
    assert set(windows_of(tmp_path / "run")) == {(0, 0)}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--follow"], "a stream has no last step, at which --schedule linear would have fallen"),
        (["--follow", "--warmup-tokens", "9"], "add --decay-tokens, or --schedule constant"),
        ([], "is a stream, which grows by windows; add --follow, or train on one of them, such"),
        ([*FOLLOW, "--objective", "roberta"], "--objective roberta is for finished builds"),
        ([*FOLLOW, "--mix", "continual"], "--mix continual is for finished builds"),
        ([*FOLLOW, "--weights", "bert=1"], "--weights is for mixtures; leave out --follow or"),
        (["--replay"], "--replay is for a stream; add --follow, or leave it out"),
        (["--until-window", "1"], "--until-window is for a stream; add --follow"),
        (["--mix-windows", "2"], "--mix-windows is for a stream; add --follow"),
        ([*FOLLOW, "--decay-tokens", "9"], "--schedule constant does not decay, and --decay"),
        ([*FOLLOW, "--warmup", "3", "--warmup-tokens", "9"], "give the warm-up as --warmup-tokens"),
        ([*FOLLOW, "--batch-tokens", "32"], "--batch-tokens must be at least 64, the longest row"),
        ([*FOLLOW, "--lanes", "2"], "takes each row on its own; leave it out"),
    ],
)
def test_what_does_not_fit_is_refused(
    options: list[str], said: str, model: Path, tmp_path: Path, capsys: Captured
) -> None:
    stream = made_stream(tmp_path / "s", (0,))
    assert train(stream, model, tmp_path / "run", *options) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_a_build_is_no_stream(model: Path, tmp_path: Path, capsys: Captured) -> None:
    data = window_build("bert-wwm", 0, 100)
    assert train(data, model, tmp_path / "run", *FOLLOW) == 2
    assert "holds no stream.json, and --follow is for the output of" in capsys.readouterr().err


def test_a_stream_in_lanes_is_refused(model: Path, tmp_path: Path, capsys: Captured) -> None:
    stream = made_stream(tmp_path / "s", (0,), "transformer-xl")
    assert train(stream, "transformer-xl-tiny", tmp_path / "run", *FOLLOW) == 2
    assert "whose rows are read in lanes, and --follow takes each row on its" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("recipe", "preset"),
    [("gpt", "gpt-tiny"), ("t5", "t5-tiny"), ("unilm", "bert-tiny"), ("electra", "bert-tiny")],
)
def test_other_objectives_are_trained_and_resumed(recipe: str, preset: str, tmp_path: Path) -> None:
    stream = made_stream(tmp_path / "s", (0, 1), recipe)
    options = (*FOLLOW, *ALL_SAVED, "--mix-windows", "2", "--until-window", "1")
    assert train(stream, preset, tmp_path / "run", *options) == 0
    place = tmp_path / "run" / "checkpoints" / "step-00000002"
    assert train(stream, preset, tmp_path / "again", *options, "--resume", str(place)) == 0
    assert_same(saved(tmp_path / "run"), saved(tmp_path / "again"))
    # In modes of attention each has its own.
    assert any(name.endswith("loss") for name in records(tmp_path / "run", "eval")[-1])
