import math
import re

import numpy as np
import pytest

from trainer.curves.run_log import EVAL, Clock, Curve, RunLog
from trainer.report.page import render_run
from trainer.report.snapshot import Snapshot


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
