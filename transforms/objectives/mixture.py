"""A mixture: several recipes that are built from one text, and trained by one model."""

import dataclasses
import math

from transforms.objectives.recipe import Recipe


@dataclasses.dataclass(frozen=True)
class Member:
    """One recipe of a mixture.

    Attributes:
      recipe: How its examples are built.
      weight: Its share of the training steps, in comparison with the other members'.
    """

    recipe: Recipe
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not (self.weight > 0 and math.isfinite(self.weight)):
            raise ValueError(
                f"the weight of {self.recipe.name} must be a number above 0, got {self.weight}"
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mixture:
    """Recipes over one corpus. What is trained when is a matter of the trainer.

    Attributes:
      name: What the command line calls it.
      summary: One sentence for people.
      source: Paper and reference implementation.
      members: At least two, each of another name, in the order in which a continual schedule
        brings them in.
      left_out: Recipes of the same source that are no members, each with what it needs.
    """

    name: str
    summary: str
    source: str
    members: tuple[Member, ...]
    left_out: tuple[tuple[Recipe, str], ...] = ()

    def __post_init__(self) -> None:
        if len(self.members) < 2:
            raise ValueError(
                f"a mixture has at least two members, {self.name} has {len(self.members)}; one "
                "recipe alone is built by its name"
            )
        twice = sorted({name for name in self.names if self.names.count(name) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} stands twice in {self.name}; name it once")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the members."""
        return tuple(member.recipe.name for member in self.members)

    @property
    def weights(self) -> tuple[float, ...]:
        """Weights of the members."""
        return tuple(member.weight for member in self.members)
