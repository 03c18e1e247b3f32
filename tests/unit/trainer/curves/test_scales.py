import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.curves.scales import axis_of, scale_of

FINITE = st.floats(allow_nan=False, allow_infinity=False, width=64)


@given(st.lists(FINITE, min_size=1, max_size=5), st.booleans())
def test_every_value_lies_on_its_axis(values: list[float], wide: bool) -> None:
    found = np.array(values) / 4
    scale = scale_of(found, wide=wide)
    places = scale.place(found)
    assert ((places >= -1e-9) & (places <= 1 + 1e-9)).all()
    order = np.argsort(found, kind="stable")
    assert (np.diff(places[order]) >= 0).all()
    assert 1 <= len(scale.ticks) <= 14
    assert (np.diff(scale.ticks) > 0).all()


def test_ticks_are_round_numbers() -> None:
    assert scale_of(np.array([7.12, 8.63])).ticks == (7.5, 8, 8.5)
    assert scale_of(np.array([0.0, 0.93])).ticks == pytest.approx((0, 0.2, 0.4, 0.6, 0.8))
    assert scale_of(np.array([3.0, 3.0])).ticks == (3.0,)


def test_values_over_powers_of_ten_are_logarithmic() -> None:
    scale = scale_of(np.array([8.0, 30_000.0]), wide=True)
    assert scale.logarithmic
    assert scale.ticks == pytest.approx((10, 100, 1000, 10_000))
    assert scale.place(np.array([490.0]))[0] == pytest.approx(0.5, abs=0.01)
    assert not scale_of(np.array([8.0, 30_000.0])).logarithmic
    assert not scale_of(np.array([0.0, 30_000.0]), wide=True).logarithmic
    assert not scale_of(np.array([8.0, 20.0]), wide=True).logarithmic


def test_an_axis_of_steps_begins_at_zero() -> None:
    axis = axis_of(np.array([10.0, 83.0]))
    assert (axis.low, axis.high) == (0, 83)
    assert axis.ticks == (0, 20, 40, 60, 80)
    # Unless all of a log is far from it.
    assert axis_of(np.array([900.0, 1000.0])).low == 900
    assert axis_of(np.array([5.0])).ticks == (0, 1, 2, 3, 4, 5)
    assert axis_of(np.array([0.0])).ticks == (0,)
