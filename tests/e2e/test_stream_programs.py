"""The programs on a stream whose windows are mixtures, made by `shardmill follow`."""

import json
import re
import shutil
from pathlib import Path

import pytest

from pipelines.cli import main
from tests.support.followed_streams import add, followed_stream

MIXED = ("mixture", "--members", "bert-wwm,roberta-wwm-ext")
MEMBERS = ("bert-wwm", "roberta-wwm-ext")

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def stream(tmp_path: Path) -> Path:
    shutil.copytree(followed_stream(*MIXED), tmp_path / "stream")
    return tmp_path / "stream"


def test_a_stream_of_mixtures_is_verified(stream: Path, capsys: Captured) -> None:
    assert main(["verify", str(stream), "--json"]) == 0
    verdict = json.loads(capsys.readouterr().out)
    assert (verdict["ok"], verdict["skipped"]) == (True, {})
    assert list(verdict["oracles"]) == [f"{m}, {s}" for m in MEMBERS for s in ("train", "eval")]
    path = next((stream / "windows/00000002/roberta-wwm-ext/train").glob("*.arrow"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert main(["verify", str(stream), "--json", "--no-replay", "--from-window", "2"]) == 1
    ((check, sentence),) = (
        (problem["check"], problem["sentence"])
        for problem in json.loads(capsys.readouterr().out)["problems"]
    )
    assert check == "checksums"
    assert sentence.startswith(f"window 2: roberta-wwm-ext: train/{path.name}")


def test_rows_of_all_members_are_shown(stream: Path, capsys: Captured) -> None:
    assert main(["inspect", str(stream), "--rows", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "window 2"
    assert [line for line in lines if line in MEMBERS] == list(MEMBERS)


def test_members_are_exported_window_by_window(
    stream: Path, tmp_path: Path, capsys: Captured
) -> None:
    export = ["export", str(stream), "--to", "parquet", "--output", str(tmp_path / "out")]
    assert main(export) == 0
    found = {str(path.parent.relative_to(tmp_path)) for path in tmp_path.rglob("export.json")}
    assert found == {f"out/windows/{w:08d}/{member}" for w in range(3) for member in MEMBERS}
    assert main(["verify", str(tmp_path / "out/windows/00000000/bert-wwm")]) == 0
    add(stream, tmp_path / "more.txt", 2, *MIXED)
    capsys.readouterr()
    assert main(export) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if "already there" not in line and ": 0 rows" not in line] == [
        line for line in lines if "/00000003/" in line
    ]


def test_the_page_adds_members_up(stream: Path, capsys: Captured) -> None:
    assert main(["report", str(stream)]) == 0
    page = (stream / "report.html").read_text("utf-8")
    assert "A mixture of bert-wwm, roberta-wwm-ext; rows and tokens are those of all" in page
    index = json.loads((stream / "index.json").read_bytes())
    rows = sum(window["splits"]["train"]["rows"] for window in index["windows"])
    assert f"<b>{rows:,}</b><span>rows, train</span>" in page
    links = re.findall(r'href="([^"]+)"', page)
    assert all((stream / link).is_file() for link in links)
    assert len(links) == 3
