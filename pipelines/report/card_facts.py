"""What dataset cards say in the terms of the Hugging Face hub."""

from schemas.label_kinds import CHOICE, CLASS, NUMBER, SPAN, TAGS
from transforms.contract.attention import CAUSAL
from transforms.objectives.recipe import Recipe

_SIZES = ("n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M", "100M<n<1B")
_LARGEST = "n>1B"
_CATEGORIES = {
    CLASS: "text-classification",
    NUMBER: "text-classification",
    TAGS: "token-classification",
    SPAN: "question-answering",
    CHOICE: "multiple-choice",
}
"""What the hub calls tasks, by the kind of their label."""


def size_category(rows: int) -> str:
    """Returns what the hub calls this many rows."""
    return next((name for power, name in enumerate(_SIZES, 3) if rows < 10**power), _LARGEST)


def task_category(recipe: Recipe) -> str | None:
    """Returns what the hub calls the task of a recipe, None if it has no name for it."""
    if recipe.labelled is not None:
        return _CATEGORIES.get(recipe.labelled.kind)
    if any(column.name == "mlm_positions" for column in recipe.columns("uint16")):
        return "fill-mask"
    return "text-generation" if recipe.attention == CAUSAL else None
