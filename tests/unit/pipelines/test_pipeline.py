"""`shardmill pipeline`, with commands that take no time: what is run, skipped and refused."""

import itertools
import json
import os
import signal
import threading
from pathlib import Path

import pytest

from pipelines.pipeline import main
from pipelines.stages import run_step
from pipelines.stages.child import Ended
from schemas.lock import hold_file
from tests.support.stage_files import THREE_STEPS, Commands, write_stages

Captured = pytest.CaptureFixture[str]
ALL = ["words.txt", "general", "adapted"]


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> Commands:
    found = Commands()
    monkeypatch.setattr(run_step, "run_command", found)
    return found


@pytest.fixture
def stages(tmp_path: Path) -> Path:
    return write_stages(tmp_path)


@pytest.fixture
def done(stages: Path, commands: Commands, capsys: Captured) -> Path:
    """A pipeline that was run."""
    assert main([str(stages)]) == 0
    assert commands.outputs == ALL
    commands.ran.clear()
    capsys.readouterr()
    return stages


def states(stages: Path, capsys: Captured, *options: str) -> dict[str, str]:
    """Returns what a plan says of each step: in short, and why."""
    capsys.readouterr()
    assert main([str(stages), "--json", *options]) == 0
    plan = json.loads(capsys.readouterr().out)
    return {
        step["name"]: "; ".join([step["state"], *step["reasons"]])
        + (" (replaces)" if step["replaces"] else "")
        for step in plan["steps"]
    }


def refused(capsys: Captured, stages: Path, *options: str, status: int = 2) -> str:
    """Returns the sentence of a pipeline that does not run to its end."""
    capsys.readouterr()
    assert main([str(stages), *options]) == status
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1
    return errors.removeprefix("shardmill: ").strip()


def change(stages: Path, before: str, after: str) -> None:
    text = stages.read_text("utf-8")
    assert before in text
    stages.write_text(text.replace(before, after), "utf-8")


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_plan_changes_nothing(stages: Path, commands: Commands, capsys: Captured) -> None:
    before = files_of(stages.parent)
    assert main([str(stages), "--dry-run"]) == 0
    assert capsys.readouterr().out == (
        "step       command  output          state\n"
        "words.txt  vocab    runs/words.txt  to do\n"
        "general    train    runs/general    to do\n"
        "adapted    train    runs/adapted    to do\n"
    )
    assert states(stages, capsys) == dict.fromkeys(ALL, "to do")
    assert not commands.ran
    assert files_of(stages.parent) == before
    assert not (stages.parent / "runs").exists()


def test_a_plan_for_programs(stages: Path, commands: Commands, capsys: Captured) -> None:
    assert main([str(stages), "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["output"] == str(stages.parent / "runs")
    assert plan["steps"][2] == {
        "name": "adapted",
        "command": "train",
        "arguments": [
            *("--data=data", "--model=runs/general/latest/hf", "--steps=2"),
            "--output=runs/adapted",
        ],
        "output": str(stages.parent / "runs" / "adapted"),
        "needs": ["general"],
        "state": "to do",
        "reasons": [],
        "replaces": False,
    }


def test_steps_run_in_order_and_are_told(
    stages: Path, commands: Commands, capsys: Captured
) -> None:
    assert main([str(stages)]) == 0
    assert commands.outputs == ALL
    assert [arguments[0] for arguments in commands.ran] == ["vocab", "train", "train"]
    written = capsys.readouterr().out
    assert "step 2 of 3: general (train): to do\n$ shardmill train --data=data" in written
    assert written.endswith("runs: all steps are done\n")


def test_what_is_done_is_skipped(done: Path, commands: Commands, capsys: Captured) -> None:
    before = files_of(done.parent / "runs")
    assert main([str(done)]) == 0
    assert not commands.ran
    assert "step 2 of 3: general (train): done, unchanged\n" in capsys.readouterr().out
    kept = {name for name in before if name.endswith("digests.json")}
    after = files_of(done.parent / "runs")
    assert {n: c for n, c in after.items() if n not in kept} == {
        n: c for n, c in before.items() if n not in kept
    }


def test_a_touched_file_is_no_change(done: Path, capsys: Captured) -> None:
    (done.parent / "corpus" / "a.txt").write_text("a", "utf-8")
    assert set(states(done, capsys).values()) == {"done"}


def test_a_changed_input(done: Path, commands: Commands, capsys: Captured) -> None:
    (done.parent / "corpus" / "a.txt").write_text("c", "utf-8")
    told = "to do again; input changed (corpus/a.txt) (replaces)"
    assert states(done, capsys) == {"words.txt": told, "general": "done", "adapted": "done"}
    assert refused(capsys, done) == (
        "to do again, and the outputs are there: words.txt (input changed (corpus/a.txt)); allow "
        "that with --overwrite, or undo the change"
    )
    assert not commands.ran
    assert main([str(done), "--overwrite"]) == 0
    [arguments] = commands.ran
    # It is a file that the command itself may replace.
    assert arguments[-1] == "--overwrite"
    assert set(states(done, capsys).values()) == {"done"}


def test_another_file_that_a_pattern_matches(done: Path, capsys: Captured) -> None:
    (done.parent / "corpus" / "new.txt").write_text("c", "utf-8")
    assert "input changed (corpus/new.txt)" in states(done, capsys)["words.txt"]


def test_a_changed_option_is_passed_down(done: Path, commands: Commands, capsys: Captured) -> None:
    change(done, "lr = 1e-4", "lr = 3e-4")
    assert states(done, capsys) == {
        "words.txt": "done",
        "general": "to do again; options changed (lr: 0.0001 -> 0.0003) (replaces)",
        "adapted": "to do again; input changed (general)",
    }
    assert "--overwrite" in refused(capsys, done)
    before = (done.parent / "runs" / "general" / "latest" / "hf" / "model.safetensors").read_bytes()
    assert main([str(done), "--overwrite"]) == 0
    assert commands.outputs == ["general", "adapted"]
    assert not any("--overwrite" in arguments for arguments in commands.ran)
    kept = done.parent / "runs" / "general.before-1" / "latest" / "hf" / "model.safetensors"
    assert kept.read_bytes() == before
    assert f"{done.parent}/runs/general is now {done.parent}/runs/general.before-1" in (
        capsys.readouterr().out
    )
    change(done, "lr = 3e-4", "lr = 5e-4")
    assert main([str(done), "--overwrite"]) == 0
    assert (done.parent / "runs" / "general.before-2").is_dir()


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("steps = 4, ", "", "options changed (steps: 4 -> not given)"),
        ("steps = 4", "steps = 4, compile = true", "options changed (compile: not given -> given)"),
        (
            'model = "bert-tiny"',
            'model = "bert-small"',
            "options changed (model: bert-tiny -> bert-small)",
        ),
    ],
)
def test_changes_are_told(before: str, after: str, told: str, done: Path, capsys: Captured) -> None:
    change(done, before, after)
    assert states(done, capsys)["general"] == f"to do again; {told} (replaces)"


def test_options_that_change_nothing(done: Path, capsys: Captured) -> None:
    change(done, "steps = 4", "steps = 4, log-every = 1, tensorboard = true")
    change(done, "min-count = 2", "min-count = 2, workers = 2")
    assert set(states(done, capsys).values()) == {"done"}


def test_another_command_of_the_same_name(done: Path, commands: Commands, capsys: Captured) -> None:
    (done.parent / "data" / "manifest.json").write_text("{}", "utf-8")
    change(
        done,
        'command = "train"\noptions = { data = "data", model = "bert-tiny", steps = 4, lr = 1e-4 }',
        'command = "vectors"\noptions = { data = "data" }',
    )
    found = states(done, capsys)
    assert found["general"] == "to do again; command changed (train -> vectors) (replaces)"
    # Of a build the manifest says what it is, and so the rows are no longer looked at.
    told = "to do again; input changed (data/rows, data/manifest.json, general) (replaces)"
    assert found["adapted"] == told


def test_another_version_of_what_decides_the_bytes(
    done: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.stages.commands.software_versions", lambda: {"numpy": "9"})
    found = states(done, capsys)
    assert found["words.txt"].startswith("to do again; software changed (numpy: ")
    assert "-> 9" in found["words.txt"]
    # A model is trained on with any version, as the trainer itself has it.
    assert found["general"] == "done"


def test_an_output_that_is_gone_is_made_again(
    done: Path, commands: Commands, capsys: Captured
) -> None:
    model = done.parent / "runs" / "general" / "latest" / "hf" / "model.safetensors"
    model.unlink()
    for folder in (model.parent, model.parent.parent, model.parent.parent.parent):
        folder.rmdir()
    assert states(done, capsys) == {
        "words.txt": "done",
        "general": "to do again; its output is gone",
        "adapted": "to do again; input changed (general)",
    }
    # It comes out as it was, so nothing after it is to do.
    assert main([str(done)]) == 0
    assert commands.outputs == ["general"]
    assert "step 3 of 3: adapted (train): done, unchanged\n" in capsys.readouterr().out


def test_a_model_that_was_changed_by_hand(done: Path, commands: Commands, capsys: Captured) -> None:
    place = done.parent / "runs" / "general"
    place.rename(done.parent / "away")
    assert main([str(done), "--until", "general"]) == 0
    (place / "latest" / "hf" / "model.safetensors").write_text("other", "utf-8")
    told = "to do again; its output is not what was made (latest/hf/model.safetensors) (replaces)"
    assert states(done, capsys)["general"] == told


def test_a_file_that_was_changed_by_hand(done: Path, capsys: Captured) -> None:
    (done.parent / "runs" / "words.txt").write_text("other", "utf-8")
    told = "to do again; its output is not what was made (words.txt) (replaces)"
    assert states(done, capsys)["words.txt"] == told


def test_nothing_of_others_is_touched(stages: Path, commands: Commands, capsys: Captured) -> None:
    (stages.parent / "runs" / "general").mkdir(parents=True)
    # An empty folder is nothing.
    assert states(stages, capsys)["general"] == "to do"
    (stages.parent / "runs" / "general" / "mine").write_text("mine", "utf-8")
    assert states(stages, capsys)["general"] == "in the way"
    for options in ((), ("--overwrite",)):
        assert refused(capsys, stages, *options) == (
            f"{stages.parent}/runs/general is there, and no step of this pipeline made it; move it "
            "away, or give the step another name"
        )
    assert not commands.ran


def test_a_step_that_fails_ends_the_pipeline(
    stages: Path, commands: Commands, capsys: Captured
) -> None:
    assert main([str(stages), "--until", "words.txt"]) == 0
    commands.ran.clear()
    for status, ends, told in [
        (1, 1, "step general failed: shardmill train ended with status 1, and says above why"),
        (2, 2, "step general failed: shardmill train ended with status 2, and says above why"),
        (-9, 1, "step general was ended by SIGKILL; run the same command again to resume"),
    ]:
        commands.status = Ended(status, 0)
        assert told in refused(capsys, stages, status=ends)
    assert commands.outputs == ["general"] * 3
    commands.status = Ended(0, 0)
    assert main([str(stages)]) == 0
    assert commands.outputs[3:] == ["general", "adapted"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_pipeline_behind_its_step(
    number: signal.Signals, stages: Path, commands: Commands, capsys: Captured
) -> None:
    commands.status = Ended(128 + number, number)
    told = refused(capsys, stages, status=128 + number)
    assert told.endswith("run the same command again to resume")
    # It came too late to stop the first step, which is done; the second is not begun.
    commands.ran.clear()
    commands.status = Ended(0, number)
    refused(capsys, stages, status=128 + number)
    assert commands.outputs == ["words.txt"]
    commands.status = Ended(0, 0)
    assert states(stages, capsys)["words.txt"] == "done"


def test_what_was_begun_is_resumed(stages: Path, commands: Commands, capsys: Captured) -> None:
    def half() -> None:
        place = stages.parent / "runs" / "general" / "latest" / "hf"
        if len(commands.ran) == 2:
            place.mkdir(parents=True)
            (place / "model.safetensors").write_text("half", "utf-8")
            commands.status = Ended(-9, 0)

    commands.meanwhile = half
    refused(capsys, stages, status=1)
    assert states(stages, capsys) == {
        "words.txt": "done",
        "general": "to resume",
        "adapted": "to do",
    }
    assert "needs what step general makes, and that is not finished" in (
        refused(capsys, stages, "--only", "adapted")
    )
    # A change meanwhile is no reason to go on with something else.
    change(stages, "steps = 4", "steps = 5")
    assert states(stages, capsys)["general"] == (
        "to do again; options changed (steps: 4 -> 5) (replaces)"
    )
    change(stages, "steps = 5", "steps = 4")
    commands.status = Ended(0, 0)
    assert main([str(stages)]) == 0
    assert commands.outputs == ["words.txt", "general", "general", "adapted"]
    assert set(states(stages, capsys).values()) == {"done"}


def test_a_file_that_was_begun_may_be_replaced(
    stages: Path, commands: Commands, capsys: Captured
) -> None:
    """The command was killed when the file was there, or the pipeline before it noted that."""

    def killed() -> None:
        (stages.parent / "runs" / "words.txt").write_text("whole", "utf-8")
        commands.status = Ended(-9, 0)

    commands.meanwhile = killed
    refused(capsys, stages, status=1)
    commands.meanwhile, commands.status = lambda: None, Ended(0, 0)
    assert states(stages, capsys)["words.txt"] == "to resume"
    assert main([str(stages)]) == 0
    assert [arguments[-1] for arguments in commands.ran[:2]] == [
        "--output=runs/words.txt",
        "--overwrite",
    ]


def test_an_input_that_changes_meanwhile(
    stages: Path, commands: Commands, capsys: Captured
) -> None:
    commands.meanwhile = lambda: (stages.parent / "corpus" / "a.txt").write_text("c", "utf-8")
    told = refused(capsys, stages, status=1)
    assert told == (
        "corpus/a.txt changed while step words.txt read it; do the step again, with --overwrite"
    )
    commands.meanwhile = lambda: None
    assert main([str(stages), "--overwrite"]) == 0
    assert set(states(stages, capsys).values()) == {"done"}


def test_a_command_that_makes_nothing(
    stages: Path, commands: Commands, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_step, "run_command", lambda *_: Ended(0, 0))
    assert "step words.txt ended well and has made nothing" in refused(capsys, stages, status=1)


def stopped_at(instant: int, stages: Path, monkeypatch: pytest.MonkeyPatch, *options: str) -> int:
    """Runs a pipeline that is stopped when it gives a file or folder its name for the nth time."""
    really, left = os.rename, itertools.count(1)

    def rename(source: str, target: str) -> None:
        if next(left) == instant:
            raise KeyboardInterrupt
        really(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", rename)
        return main([str(stages), *options])


def test_stopped_anywhere_it_goes_on(
    tmp_path: Path, commands: Commands, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    """What was trained before is kept whole, wherever it was stopped while it made room."""
    ends = []
    for instant in range(1, 12):
        folder = tmp_path / str(instant)
        folder.mkdir()
        stages = write_stages(folder)
        ends.append(stopped_at(instant, stages, monkeypatch))
        assert main([str(stages)]) == 0
        runs = folder / "runs"
        first = files_of(runs / "general")
        change(stages, "lr = 1e-4", "lr = 3e-4")
        ends.append(stopped_at(instant, stages, monkeypatch, "--overwrite"))
        assert main([str(stages), "--overwrite"]) == 0
        assert set(states(stages, capsys).values()) == {"done"}
        kept = files_of(runs / "general.before-1")
        assert [*kept.values()] == [*first.values()]
        assert [*files_of(runs / "general").values()] != [*first.values()]
        assert not (runs / "general.before-2").exists()
        assert not list(folder.rglob("*.tmp"))
    # So many names are given: two records and what is known of files for each step; then the first
    # step has but the last of these, and each of the others the name of what is kept besides.
    assert ends.count(130) == 3 * 3 + (1 + 2 * 4)
    assert ends[-2:] == [0, 0]


BUILD = """
output = "runs"
[[step]]
name = "rows"
command = "build"
arguments = ["bert"]
options = { input = "corpus/*.txt", tokenizer = "tokenizer.json", workers = 1 }
"""


def test_a_build_that_cannot_be_resumed_may_be_replaced(
    tmp_path: Path, commands: Commands, capsys: Captured
) -> None:
    """A build is another one if only the time of its input differs; ours is not."""
    stages = write_stages(tmp_path, BUILD)
    (tmp_path / "tokenizer.json").write_text("{}", "utf-8")
    rows = tmp_path / "runs" / "rows"

    def half() -> None:
        (rows / ".shardmill").mkdir(parents=True, exist_ok=True)
        (rows / ".shardmill" / "record.json").write_text("{}", "utf-8")

    commands.meanwhile, commands.status = half, Ended(2, 0)
    for options in ((), (), ("--overwrite",), ()):
        refused(capsys, stages, *options)
    # Once it was allowed, what was to be replaced may still be there.
    asked = [arguments[-1] == "--overwrite" for arguments in commands.ran]
    assert asked == [False, False, True, True]


def test_one_step_alone(done: Path, commands: Commands, capsys: Captured) -> None:
    change(done, "lr = 1e-4", "lr = 3e-4")
    change(done, "steps = 2", "steps = 3")
    assert states(done, capsys, "--only", "adapted") == {
        "words.txt": "left out",
        "general": "left out",
        "adapted": "to do again; options changed (steps: 2 -> 3) (replaces)",
    }
    assert main([str(done), "--only", "adapted", "--overwrite"]) == 0
    assert commands.outputs == ["adapted"]
    assert capsys.readouterr().out.endswith("runs: adapted: done\n")


def test_up_to_a_step(stages: Path, commands: Commands, capsys: Captured) -> None:
    assert states(stages, capsys, "--until", "general")["adapted"] == "left out"
    assert main([str(stages), "--until", "general"]) == 0
    assert commands.outputs == ["words.txt", "general"]
    assert capsys.readouterr().out.endswith("runs: words.txt, general: done\n")


@pytest.mark.parametrize("option", ["--only", "--until"])
def test_a_step_that_is_none(option: str, stages: Path, capsys: Captured) -> None:
    assert refused(capsys, stages, option, "generall") == (
        f"{option} generall: no step has this name; did you mean general? known: adapted, general, "
        "words.txt"
    )


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (
            "corpus/*.txt",
            "corpus/*.jsonl",
            "step words.txt: --input: no file matches corpus/*.jsonl; paths begin at {folder}",
        ),
        ('"data"', '"date"', "step general: --data: there is no date; paths begin at {folder}"),
        (
            '"bert-tiny"',
            '"bert-tinny"',
            "step general: --model: 'bert-tinny' is neither in {folder} nor module:callable; did "
            "you mean bert-tiny",
        ),
        ('"bert-tiny"', '"config.json"', "step general: --model: there is no config.json; paths"),
        (
            "{general}/latest/hf",
            "runs/general/latest",
            "step adapted: --model: there is no runs/general/latest; paths begin at {folder}",
        ),
    ],
)
def test_a_missing_input_is_told_before_anything_runs(
    before: str, after: str, told: str, stages: Path, commands: Commands, capsys: Captured
) -> None:
    change(stages, before, after)
    assert told.format(folder=stages.parent) in refused(capsys, stages)
    assert not commands.ran


def test_a_model_of_your_own_is_no_file(stages: Path, capsys: Captured) -> None:
    change(stages, '"bert-tiny"', '"models:tiny"')
    assert states(stages, capsys)["general"] == "to do"


def test_what_a_step_makes_is_named_by_the_step(done: Path, capsys: Captured) -> None:
    change(done, "{general}/latest/hf", "runs/general/latest/hf")
    assert refused(capsys, done).endswith(
        "runs/general/latest/hf/model.safetensors is what step general makes; name it as "
        "{general}/latest/hf/model.safetensors"
    )


def test_a_damaged_record(done: Path, capsys: Captured) -> None:
    record = done.parent / "runs" / ".shardmill" / "steps" / "general.json"
    record.write_text(record.read_text("utf-8").replace("bert-tiny", "bert-small"), "utf-8")
    assert refused(capsys, done, status=1) == (
        f"{record} is damaged: its checksum differs; to do this step again delete that file, and "
        f"move away {done.parent}/runs/general"
    )


def test_two_at_once(done: Path, commands: Commands, capsys: Captured) -> None:
    with hold_file(done.parent / "runs", "pipeline"):
        told: list[str] = []
        waiting = threading.Thread(target=lambda: told.append(refused(capsys, done)))
        waiting.start()
        waiting.join()
        # Looking is allowed.
        assert set(states(done, capsys).values()) == {"done"}
    assert told[0].startswith(f"{done.parent}/runs is being written by `shardmill pipeline` (proc")
    assert main([str(done)]) == 0
    assert not (done.parent / ".runs.lock").exists()


def test_folders_that_are_read_are_known_by_what_says_what_they_are(
    tmp_path: Path, commands: Commands, capsys: Captured
) -> None:
    """Shards are listed with their sha256 in the manifest, so they are not read."""
    stages = write_stages(tmp_path, THREE_STEPS.replace("min-count = 2", "size = 5"))
    (tmp_path / "data" / "manifest.json").write_text("1", "utf-8")
    assert main([str(stages)]) == 0
    (tmp_path / "data" / "rows").write_text("other", "utf-8")
    assert set(states(stages, capsys).values()) == {"done"}
    (tmp_path / "data" / "manifest.json").write_text("2", "utf-8")
    found = states(stages, capsys)
    assert found["general"] == "to do again; input changed (data/manifest.json) (replaces)"
