"""How the lines of runs are told apart: by colour, dashes and marks, each enough on its own."""

import dataclasses

LIGHT = ("#1b66c9", "#c2500a", "#00875f", "#b5478f", "#222b36")
DARK = ("#5aa9ff", "#ff8a3d", "#2fd0a0", "#e79be0", "#dfe6ef")
"""Told apart by people who see all colours and by those who do not, on white and on dark cards."""
DASHES = ("", "7 3", "2 3", "9 3 2 3", "14 4")
"""Lengths of strokes and gaps in pixels."""
MARKS = ("o", "s", "^", "D", "v", "P")
"""As matplotlib calls them: circle, square, triangle, diamond, the other triangle, plus."""


@dataclasses.dataclass(frozen=True)
class Look:
    """How the lines of a run look; other runs have another one, see `look_of`.

    Attributes:
      colour: Index into `LIGHT` and `DARK`.
      dash: Index into `DASHES`.
      mark: Index into `MARKS`.
    """

    colour: int
    dash: int
    mark: int


# Runs 0 to 4 have all colours; run 5 has the colour of run 0 again, with the dashes of run 1.
def look_of(number: int) -> Look:
    """Returns the look of a run; those of the first 25 are all different."""
    turn = number // len(LIGHT)
    return Look(
        colour=number % len(LIGHT),
        dash=(number + turn) % len(DASHES),
        mark=number % len(MARKS),
    )
