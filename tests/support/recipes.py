"""Recipes of the table with other settings."""

import dataclasses
from typing import Any

from transforms.objectives.recipe import Recipe


def varied(recipe: Recipe, *, copies: int, **changes: Any) -> Recipe:
    """Returns a recipe with changes, and with so many copies if it stores any masks.

    Passes are left out where a recipe has one alone.
    """
    if not recipe.evaluated:
        # Every pass would make the same rows.
        changes.pop("passes", None)
    return dataclasses.replace(recipe, copies=copies if recipe.stores_copies else 1, **changes)


def needs_sentinels(recipe: Recipe) -> bool:
    """Returns whether a recipe needs a tokenizer with sentinels."""
    return recipe.denoise is not None and recipe.denoise.target.sentinels
