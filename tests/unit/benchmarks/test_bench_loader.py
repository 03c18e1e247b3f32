import sys

import pytest

from benchmarks import loader
from benchmarks.loader import COPIES, FLOOR, PEER, WITH_MASKS, kind_of
from tests.support.sample_builds import corpus
from transforms.objectives import OBJECTIVES

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="cores are pinned on Linux only")


def cells(table_row: str) -> list[str]:
    return [cell.strip() for cell in table_row.strip("|").split("|")]


def tables(shown: str) -> dict[str, list[str]]:
    rows = [cells(line) for line in shown.splitlines() if line.startswith("|")]
    return {row[0]: row[1:] for row in rows}


KINDS = {
    "bert": [kind_of(layout, copies) for layout in ("packed", "padded") for copies in COPIES],
    "gpt": [kind_of(layout, "cycle") for layout in ("packed", "padded", "lanes")],
    "t5": [kind_of("pairs", copies) for copies in COPIES],
    "xlnet": [*(kind_of("lanes", copies) for copies in COPIES), WITH_MASKS],
}


@pytest.mark.slow
@pytest.mark.parametrize("recipe", KINDS)
def test_measures_batches_beside_the_floor_and_the_usual_path(
    recipe: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("datasets")
    options = ["--batch-tokens", "4096", "--repeat", "1", "--peer-mtok", "0.01"]
    assert loader.main(["--data", str(corpus(recipe)), *options]) == 0
    shown = capsys.readouterr().out
    rows = tables(shown)
    kinds = KINDS[recipe]
    for step in (FLOOR, PEER, *kinds):
        assert all(float(value) > 0 for value in rows[step])
    assert float(rows["go to the middle of an epoch and take a batch"][0]) >= 0
    assert rows[FLOOR][1] == rows[PEER][2] == "1"
    length = OBJECTIVES[recipe].max_seq_length
    assert f"`{recipe}`, L {length}, batches of 4096 tokens" in shown
    assert "Aim: 20 Mtok/s" in shown
    assert "Versions: shardmill" in shown


def test_ratios_are_taken_within_each_repeat() -> None:
    repeats = [
        {"Mtok/s": {FLOOR: floor, "ours": ours, PEER: peer}, "seconds": {"open": seconds}}
        for floor, ours, peer, seconds in (
            (100.0, 10.0, 1.0, 0.5),
            (50.0, 20.0, 0.5, 0.1),
            (200.0, 40.0, 8.0, 0.2),
        )
    ]
    rows = tables(loader.report("title", repeats))
    assert rows["ours"] == ["20", "0.2", "10"]
    assert rows[FLOOR] == ["100", "1", "100"]
    assert rows[PEER] == ["1", "0.01", "1"]
    assert rows["open"] == ["0.200"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--cpu", "-1"], "--cpu must be one of"),
        (["--repeat", "0"], "--repeat must be at least 1, got 0"),
    ],
)
def test_refuses_options(options: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        loader.parse_options(["--data", "folder", *options])
    assert told in capsys.readouterr().err
