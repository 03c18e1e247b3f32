"""Modes of attention: the ways in which a model may see the same rows, one for each step."""

import dataclasses
from collections.abc import Sequence

from transforms.contract.part import Part

FAR = 1 << 20
"""More than any distance between two tokens of a row."""
RANGES = {"all": (-FAR, FAR), "before": (-FAR, 0), "after": (0, FAR), "none": (FAR, -FAR)}
"""What a token may see of a segment, as the least and the greatest distance to tokens of it that it
sees, negative for tokens before: all of them, itself and those before, itself and those after, or
none of them."""
MAX_TYPE = 63
_SEGMENTS = 2


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mode(Part):
    """How tokens of rows of two segments see one another.

    Attributes:
      name: In logs.
      share: Of the steps of a training, against the shares of the other modes.
      first_sees: What a token of the first segment sees of the first and of the second one: all,
        before (itself and the tokens before), after (itself and the tokens after) or none.
      second_sees: What a token of the second segment sees of the first and of the second one.
      first_type: Token type of the first segment.
      second_type: Token type of the second segment.
      pairs: Whether the relation of the segments is predicted.

    Randomness: 32 bits for each training step.
    Source: Dong et al. 2019, 2.3-2.4; microsoft/unilm unilm-v1/src/pytorch_pretrained_bert/
      modeling.py:1175-1307 (masks and token types).
    """

    name: str
    share: int = 1
    first_sees: tuple[str, ...] = ("all", "all")
    second_sees: tuple[str, ...] = ("all", "all")
    first_type: int = 0
    second_type: int = 1
    pairs: bool = False

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise ValueError(f"name must be of letters, digits and _, got {self.name!r}")
        if self.share < 0:
            raise ValueError(f"share must be at least 0, got {self.share}")
        for number, sees in enumerate(self.sees):
            field = ("first_sees", "second_sees")[number]
            if len(sees) != _SEGMENTS or not set(sees) <= set(RANGES):
                raise ValueError(f"{field} is two of {', '.join(RANGES)}, got {','.join(sees)!r}")
            if sees[number] == "none":
                raise ValueError(f"{field} hides a token from itself: {','.join(sees)!r}")
        for field in ("first_type", "second_type"):
            if not 0 <= (given := getattr(self, field)) <= MAX_TYPE:
                raise ValueError(f"{field} must be in [0, {MAX_TYPE}], got {given}")

    @property
    def sees(self) -> tuple[tuple[str, ...], ...]:
        """What tokens of each segment see of each segment."""
        return self.first_sees, self.second_sees

    @property
    def types(self) -> tuple[int, int]:
        return self.first_type, self.second_type

    @property
    def all_seen(self) -> bool:
        """Whether every token of a row sees all of it."""
        return all(kind == "all" for sees in self.sees for kind in sees)


def check_modes(modes: Sequence[Mode], segments: int) -> None:
    """Raises ValueError unless modes go together and fit rows of so many segments."""
    if not modes:
        return
    if segments != _SEGMENTS:
        raise ValueError(
            f"modes of attention are for rows of {_SEGMENTS} segments, and these have {segments}"
        )
    names = [mode.name for mode in modes]
    if len(set(names)) < len(names):
        raise ValueError(f"two modes have the same name: {', '.join(names)}")
    if not any(mode.share for mode in modes):
        raise ValueError(f"the share of one mode at least must be above 0: {', '.join(names)}")
