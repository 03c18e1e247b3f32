"""Spans of geometric length the slow way: one token after another, one row at a time.

Written from the description of the pair-span scheme of SpanBERT's masking.py.
"""

import dataclasses
import math
from collections.abc import Sequence


@dataclasses.dataclass
class SpanRow:
    """A row while its spans are drawn.

    Attributes:
      signs: Of each token: "^" special, "W" a word's first, "w" another.
      budget: Tokens of text to select.
      selected: Positions selected so far.
    """

    signs: str
    budget: int
    selected: set[int] = dataclasses.field(default_factory=set)

    @property
    def text(self) -> list[int]:
        return [at for at, sign in enumerate(self.signs) if sign != "^"]

    @property
    def unfinished(self) -> bool:
        return len(self.selected) < min(self.budget, len(self.text))

    def draw(self, words: int, token: int) -> None:
        """Selects a span: a length in words, and the number of a token of the text."""
        at = self.text[token]
        if at in self.selected:
            return
        while self._goes_on(at):
            at -= 1
        while words and at < len(self.signs) and self.signs[at] != "^":
            # One word.
            first = True
            while first or (at < len(self.signs) and self._goes_on(at)):
                if self.unfinished:
                    self.selected.add(at)
                first, at = False, at + 1
            words -= 1

    def _goes_on(self, at: int) -> bool:
        return self.signs[at] == "w" and at > 0 and self.signs[at - 1] != "^"


def length_law(p: float, most: int) -> list[float]:
    """Returns the probabilities of 1, 2 ... words."""
    weights = [p * (1 - p) ** (words - 1) for words in range(1, most + 1)]
    return [weight / math.fsum(weights) for weight in weights]


def runs_of(positions: Sequence[int]) -> list[tuple[int, int]]:
    """Returns [begin, end) of what is selected without a gap."""
    runs: list[tuple[int, int]] = []
    for at in positions:
        if runs and runs[-1][1] == at:
            runs[-1] = runs[-1][0], at + 1
        else:
            runs.append((at, at + 1))
    return runs
