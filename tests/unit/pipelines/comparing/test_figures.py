from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines.comparing.runs import open_runs
from tests.support.run_logs import evaluated, train, write_log
from trainer.curves.figures import figures_of, shown
from trainer.curves.run_log import Curve

TRAINED: dict[str, Any] = {
    **{"epoch": 0, "stage": 1, "padding": 0.1, "data_wait": 0.1, "memory_gib": 1.0, "mfu": 0.3},
    **{"step_ms_p50": 3.0, "seconds_left": 9, "skipped": 0, "lr": 1e-3, "gradient_norm": 2.0},
    **{"loss_mlm": 2.0, "loss": 2.0, "accuracy_mlm": 0.25},
}
EVALUATED = {
    **{"loss_mlm": 2.0, "loss_sop": 0.5, "loss": 2.5, "perplexity": 7.4, "count_mlm": 9},
    **{"tokens": 99, "albert/loss_mlm": 2.0, "albert/count_mlm": 9, "probe/a/macro_f1": 0.5},
    **{"probe/a/accuracy": 0.6, "sst/matthews": 0.1},
}


def figures(tmp_path: Path, *logs: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    runs = [str(write_log(tmp_path / str(n), records)) for n, records in enumerate(logs)]
    return [(each.section, each.title, each.better) for each in figures_of(open_runs(runs))]


def test_figures_come_in_sections(tmp_path: Path) -> None:
    assert figures(tmp_path, [train(10, **TRAINED), evaluated(10, EVALUATED)]) == [
        ("Probes", "a: macro F1", "high"),
        ("Probes", "a: accuracy", "high"),
        ("Evaluation", "Loss", "low"),
        ("Evaluation", "Loss, masked tokens", "low"),
        ("Evaluation", "Loss, sentence order", "low"),
        ("Evaluation", "Perplexity", "low"),
        ("Training", "Loss", "low"),
        ("Training", "Accuracy, masked tokens", "high"),
        ("Speed and schedule", "Tokens per second", "high"),
        ("Speed and schedule", "Learning rate", ""),
        ("Speed and schedule", "Norm of the gradient", ""),
        ("Members, modes and tasks", "albert: loss, masked tokens", "low"),
        ("Members, modes and tasks", "sst: matthews", "high"),
    ]


def test_a_part_that_is_the_whole_loss_of_one_run_alone_is_shown(tmp_path: Path) -> None:
    whole = [train(10, loss=2.0, loss_mlm=2.0)]
    part = [train(10, loss=2.5, loss_mlm=2.0)]
    assert ("Training", "Loss, masked tokens", "low") not in figures(tmp_path / "one", whole)
    assert ("Training", "Loss, masked tokens", "low") in figures(tmp_path / "two", whole, part)


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("accuracy_mlm", 0.12345, "12.3%"),
        ("loss", 2.34567, "2.346"),
        ("loss", float("nan"), "not finite"),
        ("perplexity", 123456.7, "123,457"),
        ("lr", 1e-4, "0.0001"),
        ("tokens_per_second", 4321.9, "4,322"),
    ],
)
def test_values_as_text(tmp_path: Path, name: str, value: float, text: str) -> None:
    log = write_log(tmp_path / "run", [train(10, **{name: 1.0})])
    [figure] = [each for each in figures_of(open_runs([str(log)])) if each.name == name]
    assert shown(figure, value) == text


def test_the_best_value(tmp_path: Path) -> None:
    log = write_log(tmp_path / "run", [train(10, loss=1.0, accuracy_mlm=1.0, lr=1.0)])
    found = {each.name: each for each in figures_of(open_runs([str(log)]))}
    curve = Curve(np.arange(5), np.array([2.0, np.nan, 1.0, 3.0, 1.0]))
    assert found["loss"].best(curve) == 2
    assert found["accuracy_mlm"].best(curve) == 3
    assert found["lr"].best(curve) is None
    assert found["loss"].best(Curve(np.arange(1), np.array([np.nan]))) is None
