import dataclasses
import json
import os
import re
import sys
from pathlib import Path

import pytest

from benchmarks import build, floors
from benchmarks.processes import Usage, run_pinned
from benchmarks.report import Case, Measured, Peers, report

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="cores are pinned on Linux only")


def cells(table_row: str) -> list[str]:
    return [cell.strip() for cell in table_row.strip("|").split("|")]


def usage(wall: float, *workers: int) -> Usage:
    return Usage(wall=wall, cpu=wall, launcher_bytes=10**8, worker_bytes=workers, output="")


@pytest.mark.slow
def test_measures_builds_beside_the_floor(
    sample: Path, tokenizer: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = [str(sample / name) for name in ("en.txt", "zh.txt")]
    arguments = ["--text", *texts, "--tokenizer", str(tokenizer), "--scratch", str(tmp_path)]
    options = ["--preset", "copies", "--size-mb", "1", "--copies", "1", "2", "--repeat", "1"]
    assert build.main([*arguments, *options]) == 0
    shown = capsys.readouterr().out
    rows = [cells(line) for line in shown.splitlines() if line.startswith("|")]
    builds = [row for row in rows if row[0] == "roberta"]
    assert [row[1:4] for row in builds] == [["1", "1", "1"], ["1", "2", "1"]]
    assert all(float(value) > 0 for row in builds for value in row[4:9])
    beside = {row[0]: row[1:] for row in rows if len(row) == 5}
    for step in (floors.ENCODE, "`jieba.cut`, lines", "`rjieba.cut`, lines"):
        assert float(beside[step][0]) > 0
    assert {"BLAKE2b of documents", "Arrow file of the ids, 2 bytes each"} <= set(beside)
    assert re.search(r"2 copies.*each further copy takes -?[\d.]+% of the time", shown)
    assert "Aim: each further copy" in shown
    assert re.search(r"Versions: shardmill .*apache-beam \d", shown)
    assert list(tmp_path.iterdir()) == []


def test_ratios_are_taken_within_each_repeat() -> None:
    one = Case(recipe="bert", size_mb=100, copies=10, workers=1)
    two = Case(recipe="bert", size_mb=100, copies=10, workers=2)
    large = Case(recipe="bert", size_mb=1000, copies=10, workers=1)
    before = dataclasses.replace(one, revision="94c69ea")
    measured = Measured(
        cases={
            one: [usage(10), usage(20), usage(40)],
            two: [usage(5, 3 * 10**8, 10**8), usage(8, 10**8), usage(20, 10**8)],
            large: [usage(110), usage(220), usage(400)],
            before: [usage(30), usage(80), usage(240)],
        },
        floors=[{floors.ENCODE: 5.0}, {floors.ENCODE: 2.0}, {floors.ENCODE: 2.5}],
        peers=[Peers(rates={"theirs": {"MB/s": 2.0, "Mtok/s": 0.5}}, peak_bytes=10**9)] * 3,
    )
    lines = report("title", "", measured).splitlines()
    assert [cells(line)[4:] for line in lines if line.startswith("| bert | 100 | 10 |")] == [
        ["20.0", "20.0", "5.00", "2.00", "100", "-", "4.00"],
        ["8.0", "8.0", "12.50", "4.00", "100", "100, 0", ""],
    ]
    assert cells(next(line for line in lines if line.startswith("| theirs")))[1:] == [
        *("2", "0.50", "1000", "2.5"),
    ]
    told = "\n".join(lines)
    assert "1 worker(s) -> bert, 100 MB, 10 copies, 2 worker(s): 2.00x as fast" in told
    assert "-> bert, 1000 MB, 10 copies, 1 worker(s): time for each MB x 1.10, peak RSS" in told
    assert "largest process x 1.00" in told


def test_measures_every_process_on_the_cores_given() -> None:
    script = (
        "import json, os, subprocess, sys\n"
        "block = bytearray(150 << 20)\n"
        "child = 'import time; block = bytearray(300 << 20); time.sleep(1.5)'\n"
        "subprocess.run([sys.executable, '-c', child])\n"
        "print(json.dumps(sorted(os.sched_getaffinity(0))))\n"
    )
    core = max(os.sched_getaffinity(0))
    found = run_pinned([sys.executable, "-c", script], [core])
    assert json.loads(found.output) == [core]
    assert 150 << 20 <= found.launcher_bytes < 250 << 20
    [child] = found.worker_bytes
    assert 300 << 20 <= child == found.peak_bytes
    assert found.wall >= 1.5
    assert found.cpu > 0


def test_tells_what_a_failed_command_wrote() -> None:
    with pytest.raises(RuntimeError, match="ended with 3:\nof no use"):
        run_pinned(
            [sys.executable, "-c", "import sys; print('of no use'); sys.exit(3)"],
            os.sched_getaffinity(0),
        )


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ([], "name a --recipe or a --preset"),
        (["--recipe", "bert", "--workers", "4096"], "cores to pin them to"),
        (["--recipe", "bert", "--cpu", "-1"], "--cpu must be one of"),
        (["--recipe", "bert", "--repeat", "0"], "--repeat must be at least 1"),
        (["--recipe", "nosuch"], "no such recipe: nosuch"),
        (["--recipe", "bert", "gpt"], "gpt: name the end-of-document token with --eod-token"),
        (["--recipe", "bert", "--baseline", "nosuch"], "has no such revision"),
    ],
)
def test_refuses_options(options: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        build.parse_options(["--text", "a", "--tokenizer", "b", *options])
    assert told in capsys.readouterr().err


def test_options_win_over_a_preset() -> None:
    required = ["--text", "a", "--tokenizer", "b", "--preset", "workers"]
    assert build.parse_options(required).size_mb == [400.0]
    assert build.parse_options([*required, "--size-mb", "1", "2"]).size_mb == [1.0, 2.0]


def test_a_sample_ends_with_a_line(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes(b"one\ntwo\nthree\n")
    assert floors.read_sample(path, 9) == b"one\ntwo\n"
    assert floors.read_sample(path, 8) == b"one\ntwo\n"
    assert floors.read_sample(path, 14) == b"one\ntwo\nthree\n"
    assert floors.read_sample(path, 99) == b"one\ntwo\nthree\n"
