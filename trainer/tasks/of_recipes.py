"""Which tasks the examples of a recipe have, and those of several recipes together."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from schemas.columns import ENTITY_IDS
from schemas.errors import UsageError
from trainer.tasks.boundary import BoundaryTask
from trainer.tasks.contrast import ContrastTask
from trainer.tasks.entities import EntityTask
from trainer.tasks.label_kinds import labelled_task
from trainer.tasks.masked import MaskedTask
from trainer.tasks.next_tokens import NextTokenTask
from trainer.tasks.next_words import NextWordTask
from trainer.tasks.permuted import PermutedTask
from trainer.tasks.relation import RelationTask
from trainer.tasks.target_tokens import TargetTask
from trainer.tasks.task import Task
from trainer.tasks.token_labels import TokenLabelTask
from transforms.contract.attention import RECURRENT
from transforms.objectives.corruption import Corruption
from transforms.objectives.recipe import Recipe
from transforms.objectives.recipe_checks import MAX_LENGTH


def _masked(corruption: Corruption, _recipe: Recipe, first: bool) -> Sequence[Task]:
    return (MaskedTask(corruption.targets.name, first),)


def _contrasted(corruption: Corruption, _recipe: Recipe, _first: bool) -> Sequence[Task]:
    [most] = corruption.select.most_tokens(np.array([MAX_LENGTH]), MAX_LENGTH).tolist()
    # Its sequence has two special tokens.
    return (ContrastTask(corruption.targets.name, most + 2),)


def _spans(corruption: Corruption, recipe: Recipe, first: bool) -> Sequence[Task]:
    name = corruption.targets.name
    return MaskedTask(name, first), BoundaryTask(name, first, recipe.layout)


def _permuted(corruption: Corruption, _recipe: Recipe, _first: bool) -> Sequence[Task]:
    return (PermutedTask(corruption.targets.name),)


def _generated(flows: Mapping[str, float]) -> Sequence[Task]:
    tasks = [MaskedTask(name, number == 0, flows[name]) for number, name in enumerate(flows)]
    return tasks or [TargetTask()]


TASKS: Mapping[str, Callable[[Corruption, Recipe, bool], Sequence[Task]]] = {
    "masked": _masked,
    "masked_spans": _spans,
    "contrasted": _contrasted,
    "permuted": _permuted,
}
"""By `Targets.task` of a corruption; the last argument says that it is the recipe's first one."""

_NEXT: Mapping[str, Task] = {RECURRENT: NextWordTask()}
"""What is learned of rows that are not corrupted, if it is not next tokens, by their attention."""

LABEL_TASKS: Mapping[str, Task] = {ENTITY_IDS: EntityTask()}
"""By the name of the labels of tokens, for those that are not a `TokenLabelTask`."""


def tasks_of(recipe: Recipe) -> tuple[Task, ...]:
    """Returns the tasks of a recipe's examples.

    Raises:
      UsageError: if there is none, or the trainer has no loss for something in them.
    """
    labelled = labelled_task(recipe)
    if labelled is not None:
        return (labelled,)
    found: list[Task] = (
        [] if recipe.predict is None else [_NEXT.get(recipe.attention, NextTokenTask())]
    )
    found += [] if recipe.denoise is None else _generated(recipe.denoise.target.flows)
    for number, corruption in enumerate(recipe.corrupt):
        make = TASKS.get(corruption.targets.task)
        if make is None:
            raise UsageError(
                f"the trainer cannot learn {corruption.targets.task!r} targets, which "
                f"{recipe.name} has; it learns {', '.join(TASKS)} targets"
            )
        found.extend(make(corruption, recipe, number == 0))
    if recipe.pair.task is not None:
        found.append(RelationTask(recipe.pair.task, max(recipe.pair.labels.values()) + 1))
    found += [LABEL_TASKS.get(each.name, TokenLabelTask(each.name)) for each in recipe.labels]
    if not (recipe.corrupt or recipe.predict or recipe.denoise):
        raise UsageError(
            f"rows of {recipe.name} have no masks; name an objective with --objective, and its "
            "masks are sampled"
        )
    return tuple(found)


def shared_tasks(recipes: Iterable[Recipe]) -> tuple[Task, ...]:
    """Returns the tasks of several recipes that one model learns.

    Tasks of the same name are one, with one head. The first task that fits the model's own
    classifier of pairs uses it; others get a classifier of their own.

    Raises:
      UsageError: if a name means another task in another recipe.
    """
    found: dict[str, Task] = {}
    for recipe in recipes:
        for task in tasks_of(recipe):
            if found.setdefault(task.name, task) != task:
                raise UsageError(
                    f"{recipe.name} has a task {task.name!r} that is another one than the task of "
                    "this name in a member before it; one model cannot learn both, so leave one of "
                    "the members out"
                )
    paired = [name for name, task in found.items() if task.uses_pair_head]
    found |= {name: found[name].with_own_head() for name in paired[1:]}
    return tuple(found.values())
