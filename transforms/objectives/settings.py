"""Reads and changes the fields of a recipe by path, such as "segment.short_rate"."""

import argparse
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from schemas.numbers import LARGEST, finite, whole
from schemas.wording import nearest
from transforms.corruption.span_units import EntityUnits, PhraseUnits
from transforms.denoise.random_spans import RandomTokens
from transforms.objectives import RECIPES
from transforms.objectives.corruption import MismatchError
from transforms.objectives.recipe import Recipe
from transforms.windows.pack_windows import WholeDocuments

Scalar = str | int | float | bool | None

_PART_FIELDS = (
    "segment",
    "pair",
    "layout",
    "select",
    "units",
    "budget",
    "rewrite",
    "random_ids",
    "targets",
    "predict",
    "denoise",
    "noise",
    "target",
)
_UNUSED: Mapping[str, tuple[type, ...]] = {
    "segment": (WholeDocuments,),
    "units": (PhraseUnits, EntityUnits),
    "noise": (RandomTokens,),
}
_ITSELF = ""
_NUMBERED = frozenset({"corrupt", "labels", "modes", "noise"})
"""Fields that hold several parts, addressed by number."""
_OF_STREAMS = frozenset({"order", "memory"})
"""Fields that are of no use where rows are no streams, and are not listed there."""
_FIXED = frozenset({"name", "summary", "source", "parity"})


def _parts() -> Mapping[str, tuple[type, ...]]:
    """Returns the parts that can stand in each field: those of all recipes, and the unused ones."""
    found: dict[str, dict[type, None]] = {field: {} for field in _PART_FIELDS}
    for recipe in RECIPES.values():
        _collect(recipe, found)
    return {field: (*used, *_UNUSED.get(field, ())) for field, used in found.items()}


def _collect(part: Any, found: Mapping[str, dict[type, None]]) -> None:
    """Adds the parts that fields hold, at any depth, to those found of the same field."""
    for field in dataclasses.fields(part):
        value = getattr(part, field.name)
        for member in value if isinstance(value, tuple) else [value]:
            if dataclasses.is_dataclass(member):
                if field.name in found:
                    found[field.name][type(member)] = None
                _collect(member, found)


PARTS: Mapping[str, tuple[type, ...]] = _parts()
"""For each field that holds a part: the classes that can stand there."""


def find_recipe(name: str) -> Recipe:
    """Returns the recipe of this name.

    Raises:
      ValueError: naming the nearest and all names.
    """
    if name not in RECIPES:
        raise ValueError(f"no recipe is called {name!r}; {nearest(name, RECIPES)}")
    return RECIPES[name]


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
        if isinstance(part, Recipe) and field.name in _OF_STREAMS and not part.segment.of_streams:
            continue
        if field.name in _NUMBERED:
            for number, member in enumerate(value):
                if field.name in PARTS:
                    found[f"{path}.{number}"] = type(member).__name__
                _flatten(member, f"{path}.{number}.", found)
        elif field.name in PARTS:
            if value is None:
                continue
            found[path] = type(value).__name__
            _flatten(value, f"{path}.", found)
        else:
            found[path] = ",".join(value) if isinstance(value, tuple) else value


def recipe_from(name: str, settings: Mapping[str, Scalar]) -> Recipe:
    """Returns the recipe of a name with some of its fields changed, see `changed`."""
    return changed(find_recipe(name), settings)


def changed(recipe: Recipe, settings: Mapping[str, Scalar]) -> Recipe:
    """Returns a recipe with some of its fields changed, all at once.

    Args:
      recipe: To change.
      settings: Path to value; text is read as the type of the field, "none" as None.

    Raises:
      ValueError: if a path is unknown, or a value is not allowed.
    """
    changes: dict[str, Any] = {}
    for path, value in settings.items():
        node, steps = changes, path.split(".")
        if _ITSELF in steps:
            raise ValueError(_unknown(path, recipe, ""))
        for step in steps:
            node = node.setdefault(step, {})
        node[_ITSELF] = value
    new: Recipe = _changed(recipe, changes, "")
    return new


def _changed(part: Any, changes: Mapping[str, Any], prefix: str) -> Any:
    """Returns a part with the changes below it."""
    known = {field.name: field for field in dataclasses.fields(part)}
    if isinstance(part, Recipe):
        known = {name: field for name, field in known.items() if name not in _FIXED}
    new: dict[str, Any] = {}
    for name, below in changes.items():
        path = f"{prefix}{name}"
        if name not in known:
            raise ValueError(_unknown(path, part, prefix))
        current = getattr(part, name)
        if name in _NUMBERED:
            new[name] = _changed_members(name, current, below, path)
        elif name in PARTS:
            new[name] = _changed_part(name, current, below, path)
        elif deeper := next(filter(None, below), ""):
            raise ValueError(_unknown(f"{path}.{deeper}", part, prefix))
        else:
            new[name] = _read(below[_ITSELF], known[name].type, path)
    try:
        return dataclasses.replace(part, **new)
    except ValueError as error:
        given = " and ".join(f"{prefix}{name}" for name in new)
        message = str(error)
        if not message.startswith(given):
            message = f"{given}: {message}"
        if isinstance(error, MismatchError):
            names = [kind.__name__ for kind in PARTS[error.field] if error.fits(kind())]
            message = f"{message}; {prefix}{error.field} can be {' or '.join(names)}"
        raise ValueError(message) from error


def _changed_part(field: str, current: Any, below: Mapping[str, Any], path: str) -> Any:
    """Returns the part of a field, or the one that a change names, with the changes below it."""
    if _ITSELF not in below:
        if current is None:
            raise ValueError(f"this recipe has no {path}, so nothing of it can be set")
        return _changed(current, below, f"{path}.")
    if field not in PARTS:
        raise ValueError(_of_fields(path, _paths(current, f"{path}.")))
    rest = {inner: change for inner, change in below.items() if inner != _ITSELF}
    return _changed(_part(field, below[_ITSELF], current, path), rest, f"{path}.")


def _changed_members(
    field: str, members: tuple[Any, ...], changes: Mapping[str, Any], path: str
) -> Any:
    """Returns numbered parts with the changes below them."""
    numbers = [str(number) for number in range(len(members))]
    if _ITSELF in changes:
        raise ValueError(_of_fields(path, [f"{path}.{number}" for number in numbers]))
    for number in changes:
        if number not in numbers:
            raise ValueError(f"there is no {path}.{number}; {nearest(number, numbers)}")
    return tuple(
        _changed_part(field, member, changes.get(number, {}), f"{path}.{number}")
        for number, member in zip(numbers, members, strict=True)
    )


def _part(field: str, name: Scalar, current: Any, path: str) -> Any:
    """Returns the part of this class: the one that is there, or one with its defaults."""
    classes = {kind.__name__: kind for kind in PARTS[field]}
    if name not in classes:
        raise ValueError(f"{path} cannot be {name!r}; {nearest(str(name), classes)}")
    if type(current).__name__ == name:
        return current
    try:
        return classes[str(name)]()
    except TypeError as error:
        raise ValueError(
            f"{path} cannot be {name!r}, whose fields have no defaults; take a recipe that has one"
        ) from error


def _unknown(path: str, part: Any, prefix: str) -> str:
    """Says that there is no setting of a path in a part, and which ones there are."""
    return f"there is no setting {path!r}; {nearest(path, _paths(part, prefix))}"


def _of_fields(path: str, known: Sequence[str]) -> str:
    """Says that a path is of several settings."""
    return f"{path} has no value of its own; known: {', '.join(known) or 'none'}"


def _paths(part: Any, prefix: str) -> list[str]:
    found: dict[str, Scalar] = {}
    _flatten(part, prefix, found)
    return list(found)


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
    try:
        return finite()(text) if kind is float else whole(-LARGEST)(text)
    except argparse.ArgumentTypeError as error:
        raise ValueError(f"{path} {error}") from error
