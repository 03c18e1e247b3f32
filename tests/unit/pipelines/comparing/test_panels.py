from pathlib import Path

import numpy as np
import pytest

from pipelines.comparing.runs import MAX_RUNS, open_runs
from tests.support.run_logs import falling, train, write_log
from trainer.curves.drawing import drawn, spread
from trainer.curves.looks import DARK, LIGHT, look_of
from trainer.curves.panels import panels_of, thinned


def test_points_are_means_of_consecutive_values() -> None:
    places, values = np.array([1.0, 2, 3, 4, 5]), np.array([10.0, 20, 30, np.nan, np.nan])
    means = thinned(places, values, 3)
    assert means[0].tolist() == [1.5, 3.5, 5]
    np.testing.assert_array_equal(means[1], [15, 30, np.nan])
    assert means[2] == 2
    whole = thinned(places, values, 5)
    assert (whole[0].tolist(), whole[2]) == (places.tolist(), 1)


def test_means_do_not_overflow() -> None:
    assert thinned(np.zeros(2), np.full(2, 1.7e308), 1)[1].tolist() == [1.7e308]


def test_letters_do_not_cover_each_other() -> None:
    assert spread([], 6) == []
    assert spread([50, 50, 50], 6) == [44, 50, 56]
    assert spread([0, 0, 100], 6) == [0, 6, 100]
    assert spread([10, 13, 40], 6) == [8.5, 14.5, 40]
    # More than there is room for.
    assert spread([7] * 21, 50) == pytest.approx([5.0 * number for number in range(21)])


def test_a_chart_of_two_runs(tmp_path: Path) -> None:
    paths = [str(falling(tmp_path / "a", 8.0)), str(falling(tmp_path / "b", 6.0))]
    panels = panels_of(open_runs(paths), "step")
    [panel] = [
        each for each in panels if (each.figure.event, each.figure.name) == ("train", "loss")
    ]
    chart = drawn(panel, 3, "step")
    # From 3 to 8 with a margin of 4 per cent on both sides.
    assert [tick.text for tick in chart.up] == ["3", "4", "5", "6", "7", "8"]
    assert chart.up[0].place == pytest.approx(100 * (1 - 0.2 / 5.4), abs=0.01)
    assert [(tick.place, tick.text) for tick in chart.across] == [
        *[(0, "0"), (25, "10"), (50, "20"), (75, "30"), (100, "40")]
    ]
    one, other = chart.lines
    assert one.strokes == ["250.0,37.0 500.0,222.2 750.0,407.4 1000.0,592.6"]
    assert [(line.key, line.last, line.best, line.where) for line in chart.lines] == [
        ("A", "5", "5", "step 40"),
        ("B", "3", "3", "step 40"),
    ]
    assert [mark.text for mark in other.marks][:2] == ["B, b: 6 at step 10", "B, b: 5 at step 20"]
    assert chart.described == (
        "Loss over training steps. A, a: 8 to 5 at step 40. B, b: 6 to 3 at step 40."
    )


def test_curves_over_tokens_and_seconds(tmp_path: Path) -> None:
    runs = open_runs([str(falling(tmp_path / "a", 8.0))])
    for axis, ends, where in (("tokens", [100, 400], "400 tokens"), ("seconds", [2, 8], "8.0 s")):
        [panel] = [
            each
            for each in panels_of(runs, axis)
            if each.figure.title == "Perplexity"
            or ((each.figure.event, each.figure.name) == ("eval", "loss"))
        ]
        assert panel.lines[0].places[[0, -1]].tolist() == ends
        assert drawn(panel, 0, axis).lines[0].where == where


def test_a_line_is_broken_where_values_are_not_finite(tmp_path: Path) -> None:
    losses = [3.0, 2.0, float("nan"), 2.0, float("inf"), 1.0, 0.5]
    records = [train(10 * n, loss=loss) for n, loss in enumerate(losses, 1)]
    [panel, *_] = panels_of(open_runs([str(write_log(tmp_path / "a", records))]), "step")
    [line] = drawn(panel, 0, "step").lines
    # The fourth value stands alone and has its mark.
    assert [len(stroke.split()) for stroke in line.strokes] == [2, 2]
    assert len(line.marks) == 5


def test_one_step_is_a_mark(tmp_path: Path) -> None:
    [panel, *_] = panels_of(
        open_runs([str(write_log(tmp_path / "a", [train(10, loss=3.0)]))]), "step"
    )
    [line] = drawn(panel, 0, "step").lines
    assert line.strokes == []
    assert [(mark.x, mark.y) for mark in line.marks] == [(100, 50)]


def test_nothing_finite_is_no_chart(tmp_path: Path) -> None:
    records = [train(10, loss=float("nan"))]
    [panel, *_] = panels_of(open_runs([str(write_log(tmp_path / "a", records))]), "step")
    assert panel.up is None
    [line] = drawn(panel, 0, "step").lines
    assert (line.last, line.best, line.end) == ("not finite", "", None)


def test_every_run_has_a_look_of_its_own() -> None:
    looks = [look_of(number) for number in range(MAX_RUNS)]
    assert len({*looks}) == MAX_RUNS
    assert len({(look.colour, look.dash) for look in looks}) == MAX_RUNS
    assert len({(look.colour, look.mark) for look in looks}) == MAX_RUNS


def linear(colour: str) -> np.ndarray:
    parts = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def luminance(colour: str) -> float:
    return float(linear(colour) @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize(("colours", "card"), [(LIGHT, "#ffffff"), (DARK, "#191f28")])
def test_lines_stand_out_from_their_card(colours: tuple[str, ...], card: str) -> None:
    """As WCAG 2.1 asks of graphics: a contrast of 3 to 1."""
    for colour in colours:
        lighter, darker = sorted((luminance(colour), luminance(card)), reverse=True)
        assert (lighter + 0.05) / (darker + 0.05) >= 3, colour


XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
SIGHT = {
    "all": np.eye(3),
    "no red": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "no green": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.01182, 0.04294, 0.968881],
        ]
    ),
    "no blue": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.3039],
        ]
    ),
}
"""Machado, Oliveira, Fernandes 2009: what people see who lack a kind of cones."""


def lab(colour: str, sight: np.ndarray) -> np.ndarray:
    seen = XYZ @ np.clip(sight @ linear(colour), 0, 1) / np.array([0.9505, 1, 1.089])
    x, y, z = np.where(seen > 0.008856, np.cbrt(seen), 7.787 * seen + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("colours", [LIGHT, DARK])
def test_colours_differ_for_everybody(colours: tuple[str, ...], sight: str) -> None:
    seen = [lab(colour, SIGHT[sight]) for colour in colours]
    distances = [
        float(np.linalg.norm(one - other)) for n, one in enumerate(seen) for other in seen[:n]
    ]
    # About 2 can just be seen side by side.
    assert min(distances) > 12
