from pathlib import Path

import numpy as np
import pytest

from schemas.errors import UsageError
from tests.support.run_logs import evaluated, train, write_log
from trainer.curves.run_log import SECONDS, STEP, TOKENS, read_log

NOTE = {"event": "note", "step": 0, "message": "begins"}


def test_the_curves_of_a_log(tmp_path: Path) -> None:
    records = [
        NOTE,
        train(10, loss=3.0, objective="albert"),
        evaluated(10, {"loss": 3.5, "tokens": 7}),
        train(20, loss=2.0),
        evaluated(20, {"loss": 2.5, "probe/a/accuracy": 0.5}),
    ]
    log = read_log(write_log(tmp_path / "run", records))
    found = {key: [each.steps.tolist(), each.values.tolist()] for key, each in log.curves.items()}
    assert found == {
        ("train", "tokens"): [[10, 20], [100.0, 100.0]],
        ("train", "tokens_per_second"): [[10, 20], [50.0, 50.0]],
        ("train", "loss"): [[10, 20], [3.0, 2.0]],
        ("eval", "loss"): [[10, 20], [3.5, 2.5]],
        ("eval", "tokens"): [[10], [7.0]],
        ("eval", "probe/a/accuracy"): [[20], [0.5]],
    }
    assert (log.steps, log.unreadable) == (20, 0)


def test_tokens_and_seconds_of_steps_between_records(tmp_path: Path) -> None:
    records = [NOTE, train(10), train(20, tokens=300, tokens_per_second=100.0)]
    clock = read_log(write_log(tmp_path / "run", records)).clock
    steps = np.array([0, 5, 10, 15, 20])
    assert clock.at(steps, STEP).tolist() == [0, 5, 10, 15, 20]
    assert clock.at(steps, TOKENS).tolist() == [0, 50, 100, 250, 400]
    assert clock.at(steps, SECONDS).tolist() == [0, 1, 2, 3.5, 5]


def test_a_log_that_begins_within_a_run_counts_the_tokens_before(tmp_path: Path) -> None:
    """As that of a run that was resumed into another folder."""
    records = [{**NOTE, "step": 50}, train(60), train(70)]
    clock = read_log(write_log(tmp_path / "run", records)).clock
    assert clock.anchored(70, 1200).at(np.array([50, 60, 70]), TOKENS).tolist() == [
        *[1000, 1100, 1200]
    ]
    # A log from the first step on says itself how many there are.
    whole = read_log(write_log(tmp_path / "whole", [NOTE, train(10)])).clock
    assert whole.anchored(10, 999).at(np.array([10]), TOKENS).tolist() == [100]


def test_the_line_that_is_being_written_is_left_out(tmp_path: Path) -> None:
    for number, rest in enumerate(('{"event": "train", "st', '{"event": "train", "step": 30', "")):
        log = read_log(write_log(tmp_path / str(number), [train(10, loss=3.0)], rest))
        assert (log.steps, log.unreadable) == (10, 0)


def test_damaged_lines_are_counted(tmp_path: Path) -> None:
    damage = '{"event": "tr\n[1, 2]\n{"event": "train"}\n{"event": "train", "step": -1}\n\n'
    damage += '{"event": "other", "step": 1}\n' + "[" * 100_000 + "\n" + '{"event": "train", '
    damage += '"step": 20, "loss": 1e999, "tokens": 1, "tokens_per_second": 0}\n'
    log = read_log(write_log(tmp_path / "run", [train(10, loss=3.0)], damage))
    assert log.unreadable == 6
    assert log.curves["train", "loss"].values.tolist() == [3.0, np.inf]
    assert log.clock.tokens.tolist() == [0, 100]


def test_numbers_too_large_for_a_float(tmp_path: Path) -> None:
    log = read_log(write_log(tmp_path / "run", [train(10, loss=10**400, tokens=10**400)]))
    assert log.curves["train", "loss"].values.tolist() == [np.inf]
    assert log.clock.tokens.tolist() == [0]


def test_what_was_logged_last_of_a_step_holds(tmp_path: Path) -> None:
    records = [train(20, loss=1.0), train(10, loss=2.0), train(10, loss=3.0)]
    curve = read_log(write_log(tmp_path / "run", records)).curves["train", "loss"]
    assert (curve.steps.tolist(), curve.values.tolist()) == ([10, 20], [3.0, 1.0])


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "holds no log.jsonl; name a folder that `shardmill train` has as --output"),
        ("", "has no figures yet; leave .* out, or wait until it has logged a step"),
        ('{"event": "note", "step": 0, "message": "x"}\n', "has no figures yet"),
        ("damage\n", "has no figures that can be read"),
    ],
)
def test_a_log_without_figures(tmp_path: Path, content: str | None, told: str) -> None:
    if content is not None:
        (tmp_path / "log.jsonl").write_text(content, "utf-8")
    with pytest.raises(UsageError, match=told):
        read_log(tmp_path)


def test_a_log_that_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").mkdir()
    with pytest.raises(UsageError, match=r"log.jsonl cannot be read: Is a directory"):
        read_log(tmp_path)
