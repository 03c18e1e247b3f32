"""`shardmill verify` finds damage in what rows are labelled with."""

import functools
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipelines.verify import main as verify
from schemas.manifest_file import seal
from tests.support.labelled_builds import FIELDS, build_records, labelled, records_of, write_jsonl
from tests.support.made_once import made_once
from tests.support.sample_builds import shard_paths

Row = dict[str, Any]


@functools.cache
def windows() -> Path:
    """Returns a build of contexts in several windows."""

    def make(folder: Path) -> None:
        folder.mkdir()
        file = write_jsonl(folder / "records.jsonl", records_of("span", 20))
        options = ["--fields", FIELDS["span"], "--max-seq-length", "24", "--shards", "1"]
        options += ["--set", "segment.stride=4", "--eval-fraction", "0"]
        build_records(folder / "build", "span", [file], *options)

    return made_once("labelled-windows", make) / "build"


def damaged(original: Path, folder: Path, damage: Callable[[list[Row]], object]) -> Path:
    """Copies a build, damages the rows of its first shard, and says so in its manifest."""
    shutil.copytree(original, folder)
    path = shard_paths(folder)[0]
    with pa.ipc.open_file(str(path)) as file:
        table = file.read_all()
    found = table.to_pylist()
    damage(found)
    with pa.ipc.new_file(str(path), table.schema) as writer:
        writer.write_table(pa.Table.from_pylist(found, schema=table.schema))
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    entry = manifest["splits"]["train"]["shards"][0]
    content = path.read_bytes()
    entry["sha256"], entry["bytes"] = hashlib.sha256(content).hexdigest(), len(content)
    (folder / "manifest.json").write_text(seal(manifest), "utf-8")
    return folder


def put(name: str, value: Any, row: int = 0) -> Callable[[list[Row]], object]:
    return lambda rows: rows[row].update({name: value})


def second_window(rows: list[Row]) -> int:
    return next(number for number, row in enumerate(rows) if row["context_start"])


def wrong_start(rows: list[Row]) -> None:
    rows[second_window(rows)]["context_start"] += 1


def other_token(rows: list[Row]) -> None:
    row = rows[second_window(rows)]
    row["input_ids"][row["second_segment_start"]] += 1


def other_question(rows: list[Row]) -> None:
    rows[second_window(rows)]["input_ids"][1] += 1


def left_out(rows: list[Row]) -> None:
    rows[1], rows[4] = rows[4], rows[1]


def two_right(rows: list[Row]) -> None:
    for row in rows[:4]:
        row["label"] = 1


def on_special(rows: list[Row]) -> None:
    rows[0]["labels"][0] = 1


@pytest.mark.parametrize(
    ("kind", "damage", "sentence"),
    [
        ("classify", put("label", 2), "a label is no class of the recipe"),
        ("classify", put("label", -2), "a label is no class of the recipe"),
        ("classify", put("label", -1), "statistic label.none is 1"),
        ("regress", put("label", float("inf")), "a label is not finite"),
        ("regress", put("label", 17.0), "statistic number.rounded_17 is 1"),
        ("tag", put("labels", [1, 2]), "a row has another number of labels than of tokens"),
        ("tag", on_special, "a special token has a label"),
        ("span", put("answer_start", 2), "an answer does not lie in segment B"),
        ("span", put("answer_end", 40), "an answer does not lie in segment B"),
        ("span", put("answer_end", 0), "an answer does not lie in segment B"),
        ("span", put("record", 7), "windows of a record do not follow one another"),
        ("windows", wrong_start, "windows of a record"),
        ("windows", other_token, "windows of a record show other text"),
        ("windows", other_question, "windows of a record show other text"),
        ("rank", put("label", 3), "a label of a candidate is none of -1, 0, 1"),
        ("rank", put("candidates", 3), "a record has another number of rows than of candidates"),
        ("rank", put("candidates", 0), "a record has no candidates"),
        ("rank", left_out, "records do not stand in their order"),
        ("rank", two_right, "a record has not one right candidate"),
    ],
)
def test_damage_is_found(
    kind: str,
    damage: Callable[[list[Row]], object],
    sentence: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    original = windows() if kind == "windows" else labelled(kind)
    folder = damaged(original, tmp_path / "copy", damage)
    assert verify([str(folder), "--json"]) == 1
    problems = json.loads(capsys.readouterr().out)["problems"]
    assert any(sentence in problem["sentence"] for problem in problems), problems
    if not sentence.startswith("statistic"):
        assert "invariants" in {problem["check"] for problem in problems}


def test_windows_without_damage_are_well() -> None:
    assert verify([str(windows())]) == 0
