"""What kinds of noise have in common."""

import dataclasses
from typing import ClassVar

import numpy as np

from schemas.edits import TOKEN
from schemas.records import Array, Int64
from transforms.arrays.edits import Edits, seeds_of
from transforms.contract.corrupting import Copies
from transforms.contract.part import Part

OTHER_KEYS = np.uint64(0xD1342543DE82EF95)
"""Keys times this are those of what is drawn besides spans."""


class OneNoise(Part):
    """A noise that stores no ids and keeps the order; see `transforms.contract.denoising.Noise`."""

    alone: ClassVar[bool] = True
    spans_made: ClassVar[bool] = True
    rotates: ClassVar[bool] = False
    seeds: ClassVar[bool] = False

    @property
    def part(self) -> float | None:
        return None

    @property
    def active(self) -> bool:
        return True

    @property
    def stores_ids(self) -> bool:
        return False

    @property
    def reorders(self) -> bool:
        return False

    @property
    def roles(self) -> frozenset[str]:
        return frozenset()

    def most_tokens(self, room: int) -> int:
        return room

    def most_taken(self, text: int) -> int:
        return text

    def spans(self, tokens: int) -> int:
        return 0

    @staticmethod
    def drawn_seeds(rows: Int64, copies: Copies) -> Array:
        """Returns uint64[L] of seeds for what is drawn where rows are read."""
        from transforms.kernels.scattered import draw_seeds

        found = np.empty(len(rows), np.uint32)
        draw_seeds(rows, (copies.keys * OTHER_KEYS)[0], found)
        return seeds_of(found, np.arange(len(copies)))

    @staticmethod
    def tokens_for(edits: Edits, offsets: Int64, starts: Array, ends: Array) -> Edits:
        """Returns edits with these spans, for each of which a token stands."""
        fills = np.full(len(starts), TOKEN, np.uint8)
        return dataclasses.replace(edits, offsets=offsets, starts=starts, ends=ends, fills=fills)


def check_rate(name: str, rate: float) -> None:
    """Raises ValueError unless a rate is in [0, 1]."""
    if not 0 <= rate <= 1:
        raise ValueError(f"{name} must be in [0, 1], got {rate}")


def check_part(name: str, part: float) -> None:
    """Raises ValueError unless some of a row is taken away, and not all of it."""
    if not 0 < part < 1:
        raise ValueError(f"{name} must be above 0 and below 1, got {part}")
