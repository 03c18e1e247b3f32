"""Which task a kind of labels is."""

from collections.abc import Callable, Mapping

from schemas.label_kinds import CHOICE, CLASS, NUMBER, SPAN, TAGS
from trainer.tasks.answer_spans import SpanTask
from trainer.tasks.choices import ChoiceTask
from trainer.tasks.labelled import ClassTask, LabelTask, NumberTask
from trainer.tasks.token_tags import TagTask
from transforms.objectives.recipe import Recipe

_TASKS: Mapping[str, Callable[[tuple[str, ...], Recipe], LabelTask]] = {
    CLASS: lambda names, _: ClassTask(names),
    NUMBER: lambda *_: NumberTask(),
    TAGS: lambda names, _: TagTask(names),
    SPAN: lambda _, recipe: SpanTask(suffix=len(recipe.layout.suffix)),
    CHOICE: lambda *_: ChoiceTask(),
}
"""By the kind; they are given the names of its classes, and the recipe."""


def labelled_task(recipe: Recipe) -> LabelTask | None:
    """Returns what is learned of labelled records; None of rows that are none."""
    found = recipe.labelled
    return None if found is None else _TASKS[found.kind](found.names, recipe)
