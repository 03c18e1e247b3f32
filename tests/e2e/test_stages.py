"""The pipeline of docs/stages.md, word for word: run, run again, changed, killed, damaged."""

import json
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import transformers

from pipelines.cli import main
from tests.support.forked_steps import kill_stages, run_stages, start_stages
from tests.support.sample_builds import SAMPLE
from tests.support.training_runs import assert_same, saved

Captured = pytest.CaptureFixture[str]
PAGE = Path(__file__).resolve().parents[2] / "docs" / "stages.md"
STEPS = ["tokenizer.json", "general-data", "general", "task-data", "adapted", "reviews", "tuned"]
MORE = ["exits", "predictions.jsonl"]
ALL = [*STEPS, *MORE]
OPTIONS = "predictions.jsonl.predict.toml"
OUTPUT = Path("runs", "example")
REVIEW = '{"text": "The ferry to the islands was late.", "label": "negative"}\n'


def states(folder: Path, capsys: Captured) -> dict[str, str]:
    """Returns what the plan says of each step."""
    capsys.readouterr()
    assert main(["pipeline", str(folder / "stages.toml"), "--json"]) == 0
    plan: dict[str, Any] = json.loads(capsys.readouterr().out)
    return {each["name"]: "; ".join([each["state"], *each["reasons"]]) for each in plan["steps"]}


def blocks() -> list[str]:
    """Returns the three stages of the page, and the steps behind them."""
    found = re.findall(r"```toml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert len(found) == 2
    return found


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the example, which was run; only read it."""
    folder = tmp_path_factory.mktemp("example")
    (folder / "stages.toml").write_text("\n".join(blocks()), "utf-8")
    shutil.copytree(SAMPLE, folder / "sample")
    written = run_stages(folder / "stages.toml")
    assert written.endswith("runs/example: all steps are done\n"), written
    return folder


@pytest.fixture
def copy(example: Path, tmp_path: Path) -> Path:
    """A copy that a test may change; times are kept."""
    return Path(shutil.copytree(example, tmp_path / "copy", symlinks=True))


def checkpoint_of(folder: Path) -> dict[str, Any]:
    """Returns what a checkpoint says of itself."""
    meta: dict[str, Any] = json.loads((folder / "checkpoint.json").read_text("utf-8"))
    return meta


def digests_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "digests.json"
    }


def test_the_stages_build_on_one_another(example: Path) -> None:
    output = example / OUTPUT
    assert sorted(path.name for path in output.iterdir()) == sorted([".shardmill", OPTIONS, *ALL])
    begun = {
        "general": (20, "bert-tiny"),
        "adapted": (5, "runs/example/general/latest/hf"),
        "tuned": (108, "runs/example/adapted/latest/hf"),
        "exits": (10, "runs/example/tuned/best/hf"),
    }
    for name, expected in begun.items():
        meta = checkpoint_of(output / name / "latest")
        assert (meta["step"], meta["options"]["model"]) == expected
    for name in ("task-data", "reviews"):
        manifest = json.loads((output / name / "manifest.json").read_text("utf-8"))
        assert [each["path"] for each in manifest["inputs"]] == ["sample/reviews.jsonl"]
    predictions = (output / "predictions.jsonl").read_text("utf-8").splitlines()
    records = (example / "sample" / "reviews.jsonl").read_text("utf-8").splitlines()
    for line, record in zip(predictions, records, strict=True):
        assert {**json.loads(line), "prediction": 0} == {**json.loads(record), "prediction": 0}


def test_the_best_classifier_of_the_three_stages(example: Path) -> None:
    best = example / OUTPUT / "tuned" / "best"
    # All of one class are 11 of 19 right.
    assert checkpoint_of(best)["best"]["score"] > 0.7
    classify = transformers.pipeline("text-classification", str(best / "hf"), device="cpu")
    lines = (example / "sample" / "reviews.jsonl").read_text("utf-8").splitlines()
    records = [json.loads(line) for line in lines[:40]]
    found = classify([record["text"] for record in records])
    right = [a["label"] == b["label"] for a, b in zip(found, records, strict=True)]
    assert sum(right) > 0.7 * len(right)


def test_the_plans_of_the_page(copy: Path, capsys: Captured) -> None:
    before, after = re.findall(r"```text\n(step .*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    (copy / "stages.toml").write_text(blocks()[0], "utf-8")
    with (copy / "sample" / "reviews.jsonl").open("a", encoding="utf-8") as file:
        file.write(REVIEW)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "200")
        capsys.readouterr()
        assert main(["pipeline", str(copy / "stages.toml"), "--dry-run"]) == 0
        assert capsys.readouterr().out == after
        shutil.rmtree(copy / OUTPUT)
        assert main(["pipeline", str(copy / "stages.toml"), "--dry-run"]) == 0
        assert capsys.readouterr().out == before


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
    assert written.count(": done, unchanged\n") == len(ALL)
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
        "reviews": "to do again; input changed (tokenizer.json)",
        "tuned": "to do again; input changed (reviews, adapted)",
        "exits": "to do again; input changed (reviews, tuned)",
        "predictions.jsonl": "to do again; input changed (exits)",
    }


def test_a_changed_label_reaches_only_what_is_made_of_it(copy: Path, capsys: Captured) -> None:
    reviews = copy / "sample" / "reviews.jsonl"
    reviews.write_text(reviews.read_text("utf-8").replace("positive", "negative", 1), "utf-8")
    before = digests_of(copy / OUTPUT / "general")
    written = run_stages(copy / "stages.toml", "--until", "reviews", "--overwrite")
    told = re.findall(r"step \d of 9: (\S+) \(\w+\): (\w+)", written)
    assert told == [
        *((name, "done") for name in STEPS[:3]),
        *((name, "to") for name in STEPS[3:6]),
    ]
    assert digests_of(copy / OUTPUT / "general") == before
    assert (copy / OUTPUT / "adapted.before-1" / "latest" / "hf" / "config.json").is_file()
    found = states(copy, capsys)
    assert {name for name in ALL if found[name] == "done"} == {*STEPS[:6]}
    # The text is the same, and so is the model that learned it.
    assert found["tuned"] == "to do again; input changed (reviews)"


def test_a_build_that_lost_something(copy: Path, capsys: Captured) -> None:
    [shard] = (copy / OUTPUT / "task-data" / "train").glob("*.arrow")
    shard.unlink()
    manifest = copy / OUTPUT / "general-data" / "manifest.json"
    manifest.write_text(
        manifest.read_text("utf-8").replace("roberta-wwm-ext", "roberta-wwm-exx"), "utf-8"
    )
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
    for name in ("reviews", "tuned"):
        shutil.rmtree(output / name)
        (output / ".shardmill" / "steps" / f"{name}.json").unlink()
    process = start_stages(copy / "stages.toml")
    process.wait_for((output / "reviews" / ".shardmill").exists)
    kill_stages(process)
    assert states(copy, capsys)["tuned"] == "to do"
    checkpoints = output / "tuned" / "checkpoints"
    process = start_stages(copy / "stages.toml")
    process.wait_for(lambda: bool(list(checkpoints.glob("step-*"))))
    kill_stages(process)
    found = states(copy, capsys)
    assert (found["reviews"], found["tuned"]) == ("done", "to resume")
    # What is made of it is as it was, and so is not made again.
    assert "step 8 of 9: exits (distil): done, unchanged" in run_stages(copy / "stages.toml")
    assert digests_of(output / "reviews") == digests_of(example / OUTPUT / "reviews")
    assert_same(saved(output / "tuned"), saved(example / OUTPUT / "tuned"))
    for name in ("latest", "best"):
        models = [each / "tuned" / name / "hf" for each in (output, example / OUTPUT)]
        # The log of a run that was stopped has other points, and so has the plot of its loss.
        made = [digests_of(model) for model in models]
        assert all(files.pop("loss.svg") for files in made)
        assert made[0] == made[1]


def test_a_signal_stops_the_training_in_order(copy: Path, capsys: Captured) -> None:
    text = (copy / "stages.toml").read_text("utf-8")
    (copy / "stages.toml").write_text(text.replace("steps = 5,", "steps = 1000000,"), "utf-8")
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
