"""Types of options for argparse: numbers with bounds, and names that are not empty."""

import argparse
import math
import re
from collections.abc import Callable

LARGEST = (1 << 63) - 1
"""The largest whole number of any option, as of the int64 columns that it may be stored in."""


def whole(low: int = 0, high: int = LARGEST) -> Callable[[str], int]:
    """Returns a type of options: a whole number in [low, high], in decimal digits."""

    def read(text: str) -> int:
        # Not int() alone, which reads the digits of all scripts, and "1_0".
        digits = text.strip()
        if re.fullmatch(r"[+-]?[0-9]{1,30}", digits) and low <= int(digits) <= high:
            return int(digits)
        raise argparse.ArgumentTypeError(
            f"must be {_range('a whole number', low, high)}{_got(text)}"
        )

    return read


def finite(
    low: float = -math.inf, high: float = math.inf, *, above: bool = False, below: bool = False
) -> Callable[[str], float]:
    """Returns a type of options: a finite number in [low, high].

    Args:
      low: The least.
      high: The greatest.
      above: The number must be greater than `low`.
      below: The number must be less than `high`.
    """

    def read(text: str) -> float:
        number = math.nan
        if text.isascii() and "_" not in text:
            try:
                number = float(text)
            except ValueError:
                number = math.nan
        fits = low < number if above else low <= number
        fits = fits and (number < high if below else number <= high)
        if fits and math.isfinite(number):
            return number
        allowed = _range("a number", low, high, above=above, below=below)
        raise argparse.ArgumentTypeError(f"must be {allowed}{_got(text)}")

    return read


_UNIT_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(text: str) -> float:
    """A type of options: a time in seconds, or with a unit.

    >>> seconds("0.5"), seconds("5m"), seconds("1h")
    (0.5, 300.0, 3600.0)
    """
    found = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)([smhd]?)", text.strip())
    if not found:
        raise argparse.ArgumentTypeError(
            f"must be seconds, or a time such as 30s, 5m or 2h{_got(text)}"
        )
    return float(found[1]) * _UNIT_SECONDS[found[2]]


def named(text: str) -> str:
    """A type of options: a name or a path, which is not empty and holds no null character."""
    if not text.strip() or "\0" in text:
        raise argparse.ArgumentTypeError(f"must not be empty{_got(text)}")
    return text


def _got(text: str) -> str:
    shown = repr(text)
    return f", got {shown if len(shown) <= 80 else shown[:60] + '...' + shown[-10:]}"


def _range(kind: str, low: float, high: float, *, above: bool = False, below: bool = False) -> str:
    """Says in words which numbers are allowed."""
    bounds = []
    if low > -LARGEST:
        bounds.append(f"above {low:g}" if above else f"of at least {_exact(low)}")
    if high < LARGEST:
        bounds.append(f"below {high:g}" if below else f"at most {_exact(high)}")
    return " ".join([kind, " and ".join(bounds)]).strip()


def _exact(number: float) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:g}"
