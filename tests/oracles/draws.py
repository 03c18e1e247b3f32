"""The random numbers of a row, by the arithmetic of whole numbers."""

STEP, FIRST, SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
WORD, HALF = 1 << 64, 1 << 32


def mixed(state: int) -> int:
    """Returns the output of SplitMix64 for a state."""
    state = (state ^ state >> 30) * FIRST % WORD
    state = (state ^ state >> 27) * SECOND % WORD
    return state ^ state >> 31


class RowDraws:
    """What is drawn for one row, 64 bits after 64 bits.

    Attributes:
      low: The low 32 bits of the last draw, which are compared with thresholds.
      high: The high ones, which are scaled to ranges.
    """

    def __init__(self, key: int, row: int) -> None:
        self._state = mixed((key + row * STEP) % WORD)
        self.low, self.high = 0, 0

    def draw(self) -> None:
        self._state = (self._state + STEP) % WORD
        self.high, self.low = divmod(mixed(self._state), HALF)

    def below(self, bound: int) -> int:
        """Draws a number below a bound."""
        self.draw()
        return self.high * bound // HALF

    def lows_and_order(self, count: int) -> tuple[list[int], list[int]]:
        """Draws an order of so many numbers, by swaps, and with each of them 32 bits more."""
        order, lows = list(range(count)), []
        for at in range(count):
            place = at + self.below(count - at)
            order[at], order[place] = order[place], order[at]
            lows.append(self.low)
        return lows, order

    def subset(self, size: int, count: int) -> set[int]:
        """Draws `size` of `count` numbers, by Floyd's algorithm."""
        found: set[int] = set()
        for last in range(count - size, count):
            drawn = self.below(last + 1)
            found.add(last if drawn in found else drawn)
        return found
