"""Reads and changes the fields of a recipe by path, such as "segment.short_rate"."""

import dataclasses
import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from transforms.corruption.budgets import RandomizedBudget, RoundedBudget
from transforms.corruption.rewrite import MaskRandomKeep
from transforms.corruption.select import BudgetedUnits
from transforms.corruption.units import TokenUnits, WordUnits
from transforms.lay_out import Layout
from transforms.objectives import OBJECTIVES
from transforms.objectives.recipe import Corruption, Recipe
from transforms.pack_windows import FullSentences, SentenceChunks, WholeDocuments
from transforms.pair_segments import NextSentence, SingleSegment
from transforms.targets import MaskedTokens

Scalar = str | int | float | bool | None

PARTS: Mapping[str, tuple[type, ...]] = {
    "segment": (SentenceChunks, FullSentences, WholeDocuments),
    "pair": (SingleSegment, NextSentence),
    "layout": (Layout,),
    "corrupt": (Corruption,),
    "select": (BudgetedUnits,),
    "units": (TokenUnits, WordUnits),
    "budget": (RoundedBudget, RandomizedBudget),
    "rewrite": (MaskRandomKeep,),
    "targets": (MaskedTokens,),
}
"""For each field that holds a part: the parts that can stand there, by class name."""

_FIXED = frozenset({"name", "summary", "source", "parity"})


def find_recipe(name: str) -> Recipe:
    """Returns the recipe of this name.

    Raises:
      ValueError: naming the nearest and all names.
    """
    if name not in OBJECTIVES:
        raise ValueError(f"no recipe is called {name!r}; {nearest(name, OBJECTIVES)}")
    return OBJECTIVES[name]


def nearest(name: str, known: Iterable[str]) -> str:
    """Returns a hint: the known names most like this one, and all of them."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    meant = f"did you mean {' or '.join(close)}? " if close else ""
    return f"{meant}known: {', '.join(names)}"


def settings_of(recipe: Recipe) -> dict[str, Scalar]:
    """Returns every field that can be set, by path; a part is given by its class name."""
    found: dict[str, Scalar] = {}
    _flatten(recipe, "", found)
    return found


def _flatten(part: Any, prefix: str, found: dict[str, Scalar]) -> None:
    for field in dataclasses.fields(part):
        path, value = prefix + field.name, getattr(part, field.name)
        if isinstance(part, Recipe) and field.name in _FIXED:
            continue
        if field.name == "corrupt":
            for number, corruption in enumerate(value):
                _flatten(corruption, f"{path}.{number}.", found)
        elif field.name in PARTS:
            found[path] = type(value).__name__
            _flatten(value, f"{path}.", found)
        else:
            found[path] = ",".join(value) if isinstance(value, tuple) else value


def recipe_from(name: str, settings: Mapping[str, Scalar]) -> Recipe:
    """Returns a recipe with some of its fields changed.

    Args:
      name: Of the recipe.
      settings: Path to value; text is read as the type of the field, "none" as None.

    Raises:
      ValueError: if a name or path is unknown, or a value is not allowed.
    """
    recipe = find_recipe(name)
    # A part comes before its own fields.
    for path, value in sorted(settings.items(), key=lambda item: item[0].count(".")):
        known = settings_of(recipe)
        if path not in known:
            raise ValueError(f"{name} has no setting {path!r}; {nearest(path, known)}")
        if path.rpartition(".")[2] not in PARTS or value != known[path]:
            recipe = _replaced(recipe, path.split("."), value, path)
    return recipe


def _replaced(part: Any, path: list[str], value: Scalar, whole: str) -> Any:
    """Returns a part with the field at `path` changed."""
    name, *rest = path
    if isinstance(part, tuple):
        index = int(name)
        return (*part[:index], _replaced(part[index], rest, value, whole), *part[index + 1 :])
    current = getattr(part, name)
    if rest:
        return dataclasses.replace(part, **{name: _replaced(current, rest, value, whole)})
    if name in PARTS:
        classes = {kind.__name__: kind for kind in PARTS[name]}
        if value not in classes:
            raise ValueError(f"{whole} cannot be {value!r}; {nearest(str(value), classes)}")
        return dataclasses.replace(part, **{name: classes[str(value)]()})
    kind = next(field.type for field in dataclasses.fields(part) if field.name == name)
    return dataclasses.replace(part, **{name: _read(value, kind, whole)})


def _read(value: Scalar, kind: Any, path: str) -> Any:
    """Reads a value as the type of its field."""
    text = str(value).strip()
    if kind is bool:
        if text.lower() not in {"true", "false"}:
            raise ValueError(f"{path} must be true or false, got {text!r}")
        return text.lower() == "true"
    if kind == tuple[str, ...]:
        return tuple(part for part in text.split(",") if part)
    if kind is str:
        return text
    if kind == int | None and text.lower() == "none":
        return None
    number = float if kind is float else int
    try:
        return number(text)
    except ValueError as error:
        raise ValueError(f"{path} must be a number ({number.__name__}), got {text!r}") from error
