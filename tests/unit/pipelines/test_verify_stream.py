"""`shardmill verify` finds each kind of damage of a stream, and says it in one sentence."""

import dataclasses
import functools
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.verify import main
from schemas.manifest_file import seal
from schemas.sealed import open_sealed, sealed_json
from schemas.stream import PlannedFile, Section, StreamIndex, WindowPlan
from tests.support.made_streams import (
    EMPTY,
    add_window,
    begin_section,
    index_of,
    made_stream,
    window_build,
)

Captured = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Makes a stream of three windows, the second without rows, when a test first asks for it."""
    path = tmp_path_factory.mktemp("streams") / "stream"
    return functools.cache(lambda: made_stream(path, (0, EMPTY, 1)))


@pytest.fixture
def stream(made: Callable[[], Path], tmp_path: Path) -> Path:
    """Returns a stream that a test may damage."""
    shutil.copytree(made(), tmp_path / "stream")
    return tmp_path / "stream"


def verdict_of(folder: Path, capsys: Captured, *options: str) -> Any:
    status = main([str(folder), "--json", *options])
    verdict = json.loads(capsys.readouterr().out)
    assert status == (0 if verdict["ok"] else 1)
    return verdict


def problems_of(folder: Path, capsys: Captured, *options: str) -> list[tuple[str, str]]:
    found = verdict_of(folder, capsys, "--no-replay", *options)["problems"]
    return [(problem["check"], problem["sentence"]) for problem in found]


def change(path: Path, kind: type[Any], **values: Any) -> None:
    """Writes another content of a sealed file, with the checksum that fits."""
    found = open_sealed(path.read_bytes(), kind, path)
    path.write_bytes(sealed_json(dataclasses.replace(found, **values)))


def test_an_untouched_stream_is_well(stream: Path, capsys: Captured) -> None:
    verdict = verdict_of(stream, capsys)
    assert verdict["ok"]
    assert verdict["skipped"] == {}
    assert main([str(stream)]) == 0
    out = capsys.readouterr().out
    named = {line.split()[0] for line in out.splitlines() if line.strip()}
    assert {"log", "index", "windows", "invariants", "oracles"} <= named
    assert out.endswith("verification passed\n")


def test_oracles_judge_all_windows_together(stream: Path, capsys: Captured) -> None:
    def draws(folder: Path) -> dict[str, int]:
        judged = verdict_of(folder, capsys, "--no-replay")["oracles"]["train"]
        return {oracle["name"]: oracle["trials"] for oracle in judged}

    windows = [draws(stream / "windows" / name) for name in ("00000000", "00000002")]
    together = draws(stream)
    rate = "selected tokens are kept"
    assert rate in together, sorted(together.items())
    assert together[rate] == windows[0][rate] + windows[1][rate]


def test_a_bias_too_small_for_a_window_is_found_in_all(
    stream: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pipelines.verify_build
    from transforms.build.check_shard import ShardReport

    really = pipelines.verify_build.check_shard

    def biased(*arguments: Any, **named: Any) -> ShardReport:
        report = really(*arguments, **named)
        counts = dict(report.counts)
        moved = int(counts.get("mask.masked", 0) * 0.045)
        if moved:
            counts["mask.masked"] -= moved
            counts["mask.kept"] += moved
        return dataclasses.replace(report, counts=counts, problems=[])

    monkeypatch.setattr(pipelines.verify_build, "check_shard", biased)
    for part in (2, 3, 4, 5):
        add_window(stream, part)
    found = problems_of(stream, capsys)
    assert any(sentence.startswith("all windows, train: ") for _, sentence in found)
    assert [sentence for _, sentence in found if sentence.startswith("window ")] == []


def test_a_flipped_byte_of_a_shard(stream: Path, capsys: Captured) -> None:
    path = next((stream / "windows/00000002/train").glob("*.arrow"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    found = problems_of(stream, capsys)
    sentence = f"window 2: train/{path.name} has another content: its sha256 differs"
    assert [check for check, _ in found] == ["checksums"]
    assert found[0][1].startswith(f"window 2: train/{path.name} "), sentence


def test_an_edited_plan(stream: Path, capsys: Captured) -> None:
    path = stream / "plans/00000001.json"
    path.write_bytes(path.read_bytes().replace(b'"window": 1', b'"window": 2'))
    assert problems_of(stream, capsys) == [
        ("log", "plans/00000001.json is damaged: its checksum differs")
    ]


def test_a_plan_under_another_number(stream: Path, capsys: Captured) -> None:
    change(stream / "plans/00000001.json", WindowPlan, window=2)
    assert problems_of(stream, capsys) == [("log", "plans/00000001.json is the plan of window 2")]


def test_a_plan_with_a_file_twice(stream: Path, capsys: Captured) -> None:
    file = PlannedFile(path="a.txt", size=1, modified=1.0)
    change(stream / "plans/00000002.json", WindowPlan, files=(file, file))
    assert problems_of(stream, capsys) == [("log", "plans/00000002.json names a file twice")]


def test_a_gap_in_the_plans(stream: Path, capsys: Captured) -> None:
    (stream / "plans/00000001.json").unlink()
    assert problems_of(stream, capsys) == [
        ("log", "plans/00000001.json is missing, and plans goes on to 00000002.json")
    ]


def test_fewer_plans_than_windows(stream: Path, capsys: Captured) -> None:
    (stream / "plans/00000002.json").unlink()
    assert problems_of(stream, capsys) == [
        ("log", "index.json: the last 1 window has no plan in plans")
    ]


def test_a_plan_that_is_not_committed_yet_is_well(stream: Path, capsys: Captured) -> None:
    plan = WindowPlan(window=3, files=())
    (stream / "plans/00000003.json").write_bytes(sealed_json(plan))
    assert problems_of(stream, capsys) == []


def test_an_index_that_names_a_window_that_is_not_there(stream: Path, capsys: Captured) -> None:
    shutil.rmtree(stream / "windows/00000002")
    found = problems_of(stream, capsys)
    assert [check for check, _ in found] == ["windows"]
    assert found[0][1].startswith("window 2: ")
    assert "00000002 holds no manifest.json" in found[0][1]


def test_a_window_built_with_another_seed(stream: Path, capsys: Captured) -> None:
    window = stream / "windows/00000002"
    shutil.rmtree(window)
    shutil.copytree(window_build("bert-wwm", 1, 999), window)
    found = problems_of(stream, capsys)
    sentence = "window 2: its manifest is not the one that index.json names: the checksum differs"
    assert ("index", sentence) in found


def test_an_edited_index(stream: Path, capsys: Captured) -> None:
    path = stream / "index.json"
    path.write_bytes(path.read_bytes().replace(b'"rows": ', b'"rows": 1', 1))
    assert problems_of(stream, capsys) == [("log", f"{path} is damaged: its checksum differs")]


def test_an_index_with_other_totals(stream: Path, capsys: Captured) -> None:
    first, *rest = index_of(stream).windows
    wrong = dataclasses.replace(first, documents=first.documents + 1, splits=rest[0].splits)
    change(stream / "index.json", StreamIndex, windows=(wrong, *rest))
    documents = first.documents
    assert problems_of(stream, capsys) == [
        (
            "index",
            f"window 0: index.json says {documents + 1} documents, the manifest {documents}",
        ),
        ("index", "window 0: index.json has other rows or tokens of it than its manifest"),
    ]


def test_an_index_out_of_order(stream: Path, capsys: Captured) -> None:
    windows = index_of(stream).windows
    change(stream / "index.json", StreamIndex, windows=windows[::-1])
    assert problems_of(stream, capsys) == [
        ("log", f"{stream}/index.json is damaged: window 2 stands at place 0")
    ]


def test_a_window_of_another_recipe(stream: Path, capsys: Captured) -> None:
    add_window(stream, 2, "bert")
    assert problems_of(stream, capsys) == [("windows", "window 3: recipe differs from window 0's")]


def test_a_window_with_other_shards(stream: Path, capsys: Captured) -> None:
    add_window(stream, 2, "bert-wwm", "--shards", "3")
    assert problems_of(stream, capsys) == [("windows", "window 3: shards differs from window 0's")]


def test_a_section_that_the_index_does_not_name(stream: Path, capsys: Captured) -> None:
    section = Section(section=1, first=2, software={}, data_version=1)
    (stream / "sections/00000001.json").write_bytes(sealed_json(section))
    assert problems_of(stream, capsys) == [
        ("index", "window 2: index.json says section 0, the log says 1")
    ]


def test_a_window_of_other_libraries_than_its_section(stream: Path, capsys: Captured) -> None:
    begin_section(stream, numpy="0.1")
    add_window(stream, 2)
    assert problems_of(stream, capsys) == [
        ("windows", "window 3: it was built with other libraries than section 1 names")
    ]


def test_sections_that_go_back(stream: Path, capsys: Captured) -> None:
    begin_section(stream)
    change(stream / "sections/00000001.json", Section, first=0)
    found = problems_of(stream, capsys)
    sentence = "sections/00000001.json begins at window 0; it must begin behind window 0"
    assert ("log", sentence) in found


def test_rows_of_earlier_windows_are_not_read(stream: Path, capsys: Captured) -> None:
    path = next((stream / "windows/00000000/train").glob("*.arrow"))
    path.write_bytes(b"")
    assert problems_of(stream, capsys, "--from-window", "1") == []
    assert problems_of(stream, capsys, "--from-window", "0") != []


def test_notes_of_windows_are_told_once(stream: Path, capsys: Captured) -> None:
    for name in ("00000000", "00000002"):
        path = stream / "windows" / name / "manifest.json"
        manifest = json.loads(path.read_text("utf-8"))
        manifest["notes"] = ["few rows"]
        path.write_text(seal(manifest), "utf-8")
    verdict = verdict_of(stream, capsys, "--no-replay")
    assert verdict["notes"] == ["2 windows: few rows"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--from-window", "3"], "--from-window 3: "),
        (["--from-window", "-1"], "--from-window: must be a whole number of at least 0"),
    ],
)
def test_windows_that_there_are_not(
    options: list[str], told: str, stream: Path, capsys: Captured
) -> None:
    assert main([str(stream), *options]) == 2
    assert told in capsys.readouterr().err


def test_a_window_option_needs_a_stream(capsys: Captured) -> None:
    folder = window_build("bert-wwm", 0, 100)
    assert main([str(folder), "--from-window", "0"]) == 2
    assert "--from-window is for streams, and " in capsys.readouterr().err


def test_a_stream_that_only_began(stream: Path, capsys: Captured) -> None:
    (stream / "index.json").unlink()
    assert main([str(stream)]) == 2
    told = capsys.readouterr().err
    assert "holds a stream without a committed window; run its `shardmill follow`" in told


def test_a_stream_of_another_version(stream: Path, capsys: Captured) -> None:
    change(stream / "index.json", StreamIndex, format_version=99)
    assert main([str(stream)]) == 2
    assert "has format version 99, and this program reads 1" in capsys.readouterr().err
