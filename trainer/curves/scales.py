"""Axes of charts: where they begin and end, their ticks, and where a value lies on them."""

import dataclasses
import math

import numpy as np

from trainer.curves.run_log import Floats

_TICKS = 6
_WIDE = 30.0
"""An axis that may be logarithmic is so if its largest value is so many times its smallest."""

_LARGEST = 709.0
"""Of which the exponential is finite."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scale:
    """An axis.

    Attributes:
      low: Value at its begin.
      high: At its end, which is greater.
      ticks: Values that are labelled, ascending.
      logarithmic: Whether equal ratios are equally long.
    """

    low: float
    high: float
    ticks: tuple[float, ...]
    logarithmic: bool = False

    def place(self, values: Floats) -> Floats:
        """Returns where values lie, 0 at the begin and 1 at the end; NaN stays NaN."""
        if not self.logarithmic:
            return (values - self.low) / (self.high - self.low)
        below, above = math.log(self.low), math.log(self.high)
        return (np.log(values) - below) / (above - below)


def scale_of(values: Floats, *, wide: bool = False, margin: float = 0.04) -> Scale:
    """Returns an axis with all values on it.

    Args:
      values: At least one, all finite.
      wide: Make it logarithmic, if its values need it.
      margin: Room on both sides, as a share of the values' range.
    """
    low, high = float(values.min()), float(values.max())
    if wide and low > 0 and high > _WIDE * low:
        room = margin * (math.log(high) - math.log(low))
        # Next to the smallest and largest floats there is no room.
        begin = math.exp(math.log(low) - room) or low
        end = math.exp(min(math.log(high) + room, _LARGEST))
        begin, end = min(begin, low), max(end, high)
        powers = range(math.floor(math.log10(begin)), math.ceil(math.log10(end)) + 1)
        step = -(-len(powers) // _TICKS)
        factors = (1, 2, 5) if len(powers) <= 3 else (1,)
        ticks = [factor * 10.0**power for power in powers[::step] for factor in factors]
        inside = tuple(tick for tick in ticks if begin <= tick <= end)
        return Scale(low=begin, high=end, ticks=inside or (low, high), logarithmic=True)
    if high == low:
        # Half of the value to both sides, so that what never changes is in the middle.
        reach = abs(low) / 2 or 1.0
        return Scale(low=low - reach, high=high + reach, ticks=(low,))
    # Halves first: the difference of two floats may be none.
    room = (high / 2 - low / 2) * 2 * margin
    begin, end = low - room, high + room
    return Scale(low=begin, high=end, ticks=_ticks(begin, end))


def axis_of(places: Floats) -> Scale:
    """Returns an axis of steps, tokens or seconds, which begins at 0 unless all are far from it."""
    low, high = float(places.min()), float(places.max())
    begin = low if high > low > high / 2 else 0.0
    if high == begin:
        return Scale(low=begin - 1, high=high + 1, ticks=(begin,))
    return Scale(low=begin, high=high, ticks=_ticks(begin, high, 5))


# From 0 to 83 there are steps of 20, as 83 / 6 = 13.8: ticks at 0, 20, 40, 60, 80.
def _ticks(low: float, high: float, count: int = _TICKS) -> tuple[float, ...]:
    """Returns round numbers in [low, high]: multiples of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / count
    if not (rough > 0 and math.isfinite(rough)):
        return (low, high)
    power = 10.0 ** math.floor(math.log10(rough))
    if power == 0:
        return (low, high)
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first, last = math.ceil(low / step), math.floor(high / step)
    return tuple(number * step for number in range(first, last + 1)) or (low, high)


def tick_text(value: float, *, share: bool = False) -> str:
    """Returns the label of a tick, as short as can be.

    >>> [tick_text(value) for value in (0, 0.25, 1500, 2e6, 3e-5)], tick_text(0.4, share=True)
    (['0', '0.25', '1.5k', '2M', '3e-05'], '40%')
    """
    if share:
        return f"{value * 100:.4g}%"
    for unit, power in (("B", 9), ("M", 6), ("k", 3)):
        if abs(value) >= 10**power:
            return f"{value / 10**power:.4g}{unit}" if abs(value) < 1e13 else f"{value:.2g}"
    return f"{value:.4g}"
