import json
import sys
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import RunError
from trainer.log import JsonLines, Lines, describe

Captured = pytest.CaptureFixture[str]
TRAINED: dict[str, Any] = {
    "event": "train",
    "step": 1200,
    "loss": 5.1234,
    "loss_mlm": 4.5,
    "accuracy_mlm": 0.2134,
    "lr": 9.8e-05,
    "tokens_per_second": 21400.4,
    "padding": 0.012,
    "mfu": 0.371,
    "skipped": 0,
    "seconds_left": 754.2,
}


def lines_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text("utf-8").splitlines()]


def test_a_record_in_words() -> None:
    assert describe(TRAINED, 10000) == (
        "train step 1,200/10,000 · 0:12:34 left · loss 5.123 · mlm 4.500 · masked accuracy 21.3% · "
        "21,400 tok/s · lr 9.80e-05 · padding 1.2% · MFU 37.1%"
    )
    assert "3 skipped" in describe({**TRAINED, "skipped": 3}, 10000)
    # On a stream there may be no last step.
    told = describe({"event": "train", "step": 1200, "window": 7, "loss": 5.1234}, None)
    assert told == "train step 1,200 · window 7 · loss 5.123"


def test_every_part_of_the_loss_is_told() -> None:
    told = describe({**TRAINED, "loss_distance": 1.0986, "accuracy_distance": 0.3456}, 10000)
    assert (
        "· mlm 4.500 · distance 1.099 · masked accuracy 21.3% · distance accuracy 34.6% · 21,400"
        in told
    )


def test_figures_of_both_directions_are_told_apart() -> None:
    figures = {
        f"{name}_{each}": value
        for name, value in (("loss", 7.64), ("perplexity", 2080.0), ("accuracy", 0.005))
        for each in ("forward", "reversed")
    }
    *_, told = describe({"event": "train", "step": 1, **figures}, None).partition(" · ")
    assert told == (
        "forward 7.640 · reversed 7.640 · forward perplexity 2080.0 · reversed perplexity 2080.0 · "
        "forward accuracy 0.5% · reversed accuracy 0.5%"
    )


def test_records_are_written_at_once(tmp_path: Path) -> None:
    log = JsonLines(tmp_path, 0)
    log.write({"event": "train", "step": 1, "loss": 2.5})
    assert lines_of(tmp_path) == [{"event": "train", "step": 1, "loss": 2.5}]
    log.close()


def test_what_came_after_the_checkpoint_is_dropped(tmp_path: Path) -> None:
    log = JsonLines(tmp_path, 0)
    for step in (1, 2, 3):
        log.write({"event": "train", "step": step})
    log.close()
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"event": "train", "st')
    again = JsonLines(tmp_path, 2)
    again.write({"event": "train", "step": 3})
    again.close()
    assert [record["step"] for record in lines_of(tmp_path)] == [1, 2, 3]


def test_a_full_disk_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").symlink_to("/dev/full")
    log = JsonLines.__new__(JsonLines)
    log._file = (tmp_path / "log.jsonl").open("ab")
    with pytest.raises(RunError, match=r"cannot write .*log.jsonl: .*No space left"):
        log.write({"step": 1})


def test_a_terminal_has_one_line_that_changes(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    lines = Lines(10)
    lines.write({**TRAINED, "step": 1})
    lines.write({**TRAINED, "step": 2})
    lines.write({"event": "eval", "step": 2, "loss": 1.0})
    lines.close()
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1
    first, second, third = shown.split("\r\x1b[2K")[1:4]
    assert first.startswith("train step 1/10 · 0:12:34 left · loss 5.123")
    assert len(first) == len(second) == 59
    assert third == "eval step 2/10 · loss 1.000\n"


def test_a_terminal_that_is_gone_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def write(text: str) -> int:
        tried.append(text)
        raise BrokenPipeError

    monkeypatch.setattr(sys.stderr, "write", write)
    lines = Lines(10)
    lines.write({**TRAINED, "step": 1})
    lines.write({**TRAINED, "step": 2})
    lines.close()
    assert [line[:15] for line in tried] == ["train step 1/10", "train step 2/10"]


def test_a_log_has_a_line_a_record(capsys: Captured) -> None:
    lines = Lines(10)
    lines.write({**TRAINED, "step": 1})
    lines.write({**TRAINED, "step": 2})
    lines.close()
    assert [line[:15] for line in capsys.readouterr().err.splitlines()] == [
        "train step 1/10",
        "train step 2/10",
    ]


def test_an_evaluation_of_several_tasks_shows_a_figure_of_each() -> None:
    figures = {"sst/loss": 0.5, "sst/accuracy": 0.9, "sst/matthews": 0.8, "ner/f1": 0.25}
    main = {"sst": "accuracy", "ner": "f1"}
    line = describe({"event": "eval", "step": 6, "score": 0.575, **figures}, 12, main)
    assert line == "eval step 6/12 · score 0.5750 · sst accuracy 90.0% · ner F1 0.250 · sst 0.500"
    line = describe({"event": "train", "step": 1, "objective": "sst", "epoch": 0, "loss": 0.5}, 12)
    assert line == "train step 1/12 · sst · epoch 1 · loss 0.500"


def test_a_task_alone_has_each_figure_once() -> None:
    figures = {"loss": 0.6961, "loss_classify": 0.6961, "accuracy_classify": 0.5}
    line = describe({"event": "train", "step": 1, **figures}, 2)
    assert line == "train step 1/2 · loss 0.696 · classify accuracy 50.0%"
    line = describe({"event": "eval", "step": 1, **figures, "accuracy": 0.5}, 2)
    assert line == "eval step 1/2 · loss 0.696 · accuracy 50.0%"
    # A weighted loss, and an accuracy of something else, are said.
    line = describe({"event": "eval", "step": 1, **figures, "loss": 1.0, "accuracy": 0.25}, 2)
    assert line == (
        "eval step 1/2 · loss 1.000 · classify 0.696 · classify accuracy 50.0% · accuracy 25.0%"
    )
