import math
import re

import numpy as np
import pytest

from trainer.curves.run_log import EVAL, Clock, Curve, RunLog
from trainer.report.page import render_run
from trainer.report.snapshot import Snapshot, figure_text, figure_title


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_figure_that_is_not_finite_is_said_in_words(value: float) -> None:
    steps = np.array([5])
    log = RunLog(
        curves={(EVAL, "loss"): Curve(steps, np.array([value]))},
        clock=Clock(np.array([0, 5]), np.array([0.0, 50.0]), np.array([0.0, 1.0])),
        steps=5,
        unreadable=0,
    )
    run = Snapshot(
        step=5,
        tokens=50,
        options={"model": "bert", "steps": 5},
        software={"shardmill": "1"},
        about=None,
        best_step=None,
        log=log,
    )
    page = render_run("run", run, [])
    assert "not finite" in page
    assert not re.search(r">\s*-?(nan|inf)\s*<", page)


@pytest.mark.parametrize(
    ("name", "value", "title", "text"),
    [
        ("accuracy_mlm", 0.00512, "Accuracy, masked tokens", "0.5%"),
        ("accuracy_nsp", 0.5, "Accuracy, next sentence", "50.0%"),
        ("perplexity", 13697.4, "Perplexity", "13,697"),
        ("loss", 9.52491, "Loss", "9.525"),
        ("sst/loss_own", 1.0, "sst: loss, own", "1"),
        ("probe/sst/macro_f1", 0.75, "Probe sst: macro F1", "75.0%"),
        ("bits_per_byte", 2.0, "Bits per byte", "2"),
    ],
)
def test_figures_are_as_in_charts(name: str, value: float, title: str, text: str) -> None:
    assert (figure_title(name), figure_text(name, value)) == (title, text)
