"""Recipes of the table with other settings."""

import dataclasses
from typing import Any

from transforms.objectives.recipe import Recipe


def varied(recipe: Recipe, *, copies: int, **changes: Any) -> Recipe:
    """Returns a recipe with changes, and with so many copies if it stores any masks."""
    return dataclasses.replace(recipe, copies=copies if recipe.stored else 1, **changes)
