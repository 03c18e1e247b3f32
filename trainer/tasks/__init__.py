"""The parts of a loss: which a recipe asks for, and what each needs of batches and models."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from schemas.errors import UsageError
from trainer.tasks.boundary import BoundaryTask
from trainer.tasks.contrast import ContrastTask
from trainer.tasks.entities import EntityTask
from trainer.tasks.masked import MaskedTask
from trainer.tasks.relation import RelationTask
from trainer.tasks.task import Task
from trainer.tasks.token_labels import TokenLabelTask
from transforms.corruption.targets import ContrastedRun, FreshTokens, MaskedSpans, MaskedTokens
from transforms.labels.entity_alignment import EntityAlignment
from transforms.objectives.recipe import MAX_LENGTH, Corruption, Recipe


def _masked(corruption: Corruption, _recipe: Recipe, *, first: bool) -> Sequence[Task]:
    return (MaskedTask(corruption.targets.name, first),)


def _contrasted(
    corruption: Corruption,
    _recipe: Recipe,
    *,
    first: bool,  # noqa: ARG001 - the table calls all of them alike
) -> Sequence[Task]:
    [most] = corruption.select.most_tokens(np.array([MAX_LENGTH]), MAX_LENGTH).tolist()
    # Its sequence has two special tokens.
    return (ContrastTask(corruption.targets.name, most + 2),)


def _spans(corruption: Corruption, recipe: Recipe, *, first: bool) -> Sequence[Task]:
    name = corruption.targets.name
    return MaskedTask(name, first), BoundaryTask(name, first, recipe.layout)


class _Tasks(Protocol):
    def __call__(
        self, corruption: Corruption, recipe: Recipe, /, *, first: bool
    ) -> Sequence[Task]: ...


TASKS: Mapping[type[Any], _Tasks] = {
    MaskedTokens: _masked,
    MaskedSpans: _spans,
    FreshTokens: _masked,
    ContrastedRun: _contrasted,
}
"""By the targets of a corruption: what is learned of it."""


def tasks_of(recipe: Recipe) -> tuple[Task, ...]:
    """Returns what a recipe's examples are to teach.

    Raises:
      UsageError: if there is nothing, or something that the trainer has no loss for.
    """
    found: list[Task] = []
    for number, corruption in enumerate(recipe.corrupt):
        if type(corruption.targets) not in TASKS:
            raise UsageError(f"the trainer has no loss for examples of {recipe.name}")
        found.extend(TASKS[type(corruption.targets)](corruption, recipe, first=number == 0))
    if recipe.pair.task is not None:
        found.append(RelationTask(recipe.pair.task, max(recipe.pair.labels.values()) + 1))
    found.extend(
        EntityTask() if isinstance(labels, EntityAlignment) else TokenLabelTask(labels.name)
        for labels in recipe.labels
    )
    if not recipe.corrupt:
        raise UsageError(
            f"rows of {recipe.name} have no masks; name an objective whose masks are to be drawn, "
            "such as --objective bert-wwm"
        )
    return tuple(found)
