"""What batches hold of flows: where tokens stand, and which others they see."""

import dataclasses
from collections.abc import Callable

from schemas.records import Array, Int64

RANKS, HORIZONS = "ranks", "horizons"


@dataclasses.dataclass(frozen=True, eq=False)
class Flows:
    """Tokens of rows that see themselves, and those of lower ranks than their horizons.

    Attributes:
      positions: int64[T]; which position a model is given, from 0.
      ranks: int64[T].
      horizons: int64[T].
    """

    positions: Int64
    ranks: Int64
    horizons: Int64


def flow_arrays(flows: Flows | None, laid_out: Callable[[Array], Int64]) -> dict[str, Array]:
    """Returns what a batch holds of flows; nothing if there are none.

    Args:
      flows: Of the rows.
      laid_out: Lays out values of tokens as the layout has them.
    """
    if flows is None:
        return {}
    return {
        "position_ids": laid_out(flows.positions),
        RANKS: laid_out(flows.ranks),
        HORIZONS: laid_out(flows.horizons),
    }
