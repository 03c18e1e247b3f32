"""What a run is trained on, and on which machine; checkpoints keep it for cards and pages."""

import dataclasses
from collections.abc import Mapping

from schemas.checked_json import Count, PositiveCount


@dataclasses.dataclass(frozen=True, kw_only=True)
class AboutSplit:
    """A split of a build: its rows, and their tokens."""

    rows: Count
    tokens: Count


@dataclasses.dataclass(frozen=True, kw_only=True)
class AboutData:
    """A build that a run learns from.

    Attributes:
      folder: Where it lay.
      recipe: Its name; of the objective that its rows are taken for, if it is another.
      summary: Of that recipe, a sentence.
      changed: Fields in which it differs from the recipe of its name, as texts.
      checksum: Of the manifest.
      splits: By name.
      classes: What labels are called; () without such labels.
    """

    folder: str
    recipe: str
    summary: str
    changed: Mapping[str, str]
    checksum: str
    splits: Mapping[str, AboutSplit]
    classes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class About:
    """What a checkpoint keeps for cards and pages.

    Attributes:
      device: Name of the processor or the GPU.
      processes: That train.
      data: By the name of the member or the task; "" for a build alone.
      weights: Of the members of a mixture.
    """

    device: str
    processes: PositiveCount
    data: Mapping[str, AboutData]
    weights: Mapping[str, float] = dataclasses.field(default_factory=dict)
