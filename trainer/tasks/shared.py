"""The tasks of several recipes that one model learns."""

import dataclasses
from collections.abc import Iterable

from schemas.errors import UsageError
from trainer.tasks import tasks_of
from trainer.tasks.relation import OWN_CLASSES, RelationTask
from trainer.tasks.task import Task
from transforms.objectives.recipe import Recipe


def shared_tasks(recipes: Iterable[Recipe]) -> tuple[Task, ...]:
    """Returns what some recipes teach together: tasks of the same name are one, with one head.

    The model's own head for pairs goes to the first task that fits it.

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
    fitting = [name for name, task in found.items() if _fits_own_head(task)]
    for name in fitting[1:]:
        found[name] = dataclasses.replace(found[name], apart=True)  # type: ignore[type-var]
    return tuple(found.values())


def _fits_own_head(task: Task) -> bool:
    return isinstance(task, RelationTask) and task.classes == OWN_CLASSES
