"""The pipeline of docs/stages.md, word for word: run, run again, killed, with something lost."""

import json
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipelines.cli import main
from tests.support.forked_steps import kill_stages, run_stages, start_stages
from tests.support.sample_builds import SAMPLE
from tests.support.training_runs import assert_same, saved

Captured = pytest.CaptureFixture[str]
PAGE = Path(__file__).resolve().parents[2] / "docs" / "stages.md"
STEPS = ["tokenizer.json", "general-data", "general", "task-data", "adapted"]
OUTPUT = Path("runs", "example")


def states(folder: Path, capsys: Captured) -> dict[str, str]:
    """Returns what the plan says of each step."""
    capsys.readouterr()
    assert main(["pipeline", str(folder / "stages.toml"), "--json"]) == 0
    plan: dict[str, Any] = json.loads(capsys.readouterr().out)
    return {each["name"]: "; ".join([each["state"], *each["reasons"]]) for each in plan["steps"]}


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the example, which was run; only read it."""
    folder = tmp_path_factory.mktemp("example")
    [text] = re.findall(r"```toml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    (folder / "stages.toml").write_text(text, "utf-8")
    shutil.copytree(SAMPLE, folder / "sample")
    written = run_stages(folder / "stages.toml")
    assert written.endswith("runs/example: all steps are done\n"), written
    return folder


@pytest.fixture
def copy(example: Path, tmp_path: Path) -> Path:
    """A copy that a test may change; times are kept."""
    return Path(shutil.copytree(example, tmp_path / "copy", symlinks=True))


def digests_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "digests.json"
    }


def test_the_stages_build_on_one_another(example: Path) -> None:
    output = example / OUTPUT
    assert sorted(path.name for path in output.iterdir()) == sorted([".shardmill", *STEPS])
    for name, steps in (("general", 40), ("adapted", 10)):
        meta = json.loads((output / name / "latest" / "checkpoint.json").read_text("utf-8"))
        assert meta["step"] == steps
    assert meta["options"]["model"] == "runs/example/general/latest/hf"
    manifest = json.loads((output / "task-data" / "manifest.json").read_text("utf-8"))
    assert [each["path"] for each in manifest["inputs"]] == ["sample/en.txt"]


def test_the_plans_of_the_page(example: Path, copy: Path, capsys: Captured) -> None:
    before, after = re.findall(r"```\n(step .*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    text = (copy / "stages.toml").read_text("utf-8")
    (copy / "stages.toml").write_text(text.replace("steps = 40", "steps = 60"), "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "200")
        capsys.readouterr()
        assert main(["pipeline", str(copy / "stages.toml"), "--dry-run"]) == 0
        assert capsys.readouterr().out == after
        shutil.rmtree(copy / OUTPUT)
        assert main(["pipeline", str(copy / "stages.toml"), "--dry-run"]) == 0
        assert capsys.readouterr().out.replace("steps = 60", "steps = 40") == before


AGAIN = """
import sys
from pipelines.cli import main
assert main(["pipeline", sys.argv[1]]) == 0
print(*({"apache_beam", "torch", "transformers"} & sys.modules.keys()))
"""


def test_what_is_done_is_skipped_at_once_wherever_it_lies(copy: Path) -> None:
    """The folder was moved; nothing heavy is imported, and no byte changes."""
    before = digests_of(copy)
    arguments = [sys.executable, "-c", AGAIN, str(copy / "stages.toml")]
    written = subprocess.run(
        arguments, cwd=PAGE.parents[1], check=True, capture_output=True, text=True
    ).stdout
    assert written.count(": done, unchanged\n") == len(STEPS)
    assert written.endswith("runs/example: all steps are done\n\n")
    assert digests_of(copy) == before


def test_changed_text_reaches_what_is_made_of_it(copy: Path, capsys: Captured) -> None:
    with (copy / "sample" / "zh.txt").open("a", encoding="utf-8") as file:
        file.write("\n\n新的文件。\n")
    assert states(copy, capsys) == {
        "tokenizer.json": "to do again; input changed (sample/zh.txt)",
        "general-data": "to do again; input changed (sample/zh.txt, tokenizer.json)",
        "general": "to do again; input changed (general-data)",
        "task-data": "to do again; input changed (tokenizer.json)",
        "adapted": "to do again; input changed (task-data, general)",
    }


def test_a_build_that_lost_something(copy: Path, capsys: Captured) -> None:
    [shard] = (copy / OUTPUT / "task-data" / "train").glob("*.arrow")
    shard.unlink()
    manifest = copy / OUTPUT / "general-data" / "manifest.json"
    manifest.write_text(manifest.read_text("utf-8").replace("bert-wwm", "bert-www"), "utf-8")
    found = states(copy, capsys)
    told = f"to do again; files of its output are missing or cut (train/{shard.name})"
    assert found["task-data"] == told
    told = "to do again; its output is not what was made (manifest.json)"
    assert found["general-data"] == told
    # It is made again as it was, and so nothing else is to do.
    written = run_stages(copy / "stages.toml", "--only", "task-data", "--overwrite")
    assert written.endswith("runs/example: task-data: done\n"), written
    assert states(copy, capsys)["task-data"] == "done"


@pytest.mark.slow
def test_killed_in_a_build_and_in_training_it_comes_out_the_same(
    example: Path, copy: Path, capsys: Captured
) -> None:
    output = copy / OUTPUT
    for name in ("general-data", "general"):
        shutil.rmtree(output / name)
        (output / ".shardmill" / "steps" / f"{name}.json").unlink()
    process = start_stages(copy / "stages.toml", "--until", "general")
    process.wait_for((output / "general-data" / ".shardmill").exists)
    kill_stages(process)
    assert states(copy, capsys)["general"] == "to do"
    checkpoints = output / "general" / "checkpoints"
    process = start_stages(copy / "stages.toml", "--until", "general")
    process.wait_for(lambda: bool(list(checkpoints.glob("step-*"))))
    kill_stages(process)
    found = states(copy, capsys)
    assert (found["general-data"], found["general"]) == ("done", "to resume")
    assert "step 5 of 5: adapted (train): done, unchanged" in run_stages(copy / "stages.toml")
    for name in ("general-data", "task-data"):
        assert digests_of(output / name) == digests_of(example / OUTPUT / name)
    assert_same(saved(output / "general"), saved(example / OUTPUT / "general"))
    models = [each / "general" / "latest" / "hf" for each in (output, example / OUTPUT)]
    assert digests_of(models[0]) == digests_of(models[1])


def test_a_signal_stops_the_training_in_order(copy: Path, capsys: Captured) -> None:
    text = (copy / "stages.toml").read_text("utf-8")
    (copy / "stages.toml").write_text(text.replace("steps = 10", "steps = 1000000"), "utf-8")
    process = start_stages(copy / "stages.toml", "--only", "adapted", "--overwrite")
    log, kept = (copy / OUTPUT / "adapted" / "log.jsonl", copy / OUTPUT / "adapted.before-1")
    process.wait_for(
        lambda: kept.exists() and log.exists() and '"event": "train"' in log.read_text("utf-8")
    )
    # To the pipeline alone, not to its command.
    process.send(signal.SIGTERM)
    assert process.ended(60) == 128 + signal.SIGTERM, process.written()
    assert "stopped by signal 15; the same command resumes from here" in process.written()
    told = "shardmill: stopped by SIGTERM; run the same command again to resume\n"
    assert process.written().endswith(told)
    assert (copy / OUTPUT / "adapted" / "latest" / "hf" / "config.json").is_file()
    assert states(copy, capsys)["adapted"] == "to resume"
