"""Says in words what a recipe is made of, from its parts and their docstrings."""

import inspect
import re
from typing import Any

from schemas.vocabulary import ROLES
from transforms.objectives.recipe import Recipe
from transforms.objectives.settings import PARTS, settings_of

_SECTION = re.compile(r"^([A-Z][a-z]+):(.*)$")
_OF_RECORDS = frozenset({"segment", "pair", "predict"})
"""Fields whose parts are for labelled records, or for text."""
_ATTRIBUTE = re.compile(r"^  (\w+): (.*)$")


def summarize(recipe: Recipe) -> dict[str, str | int]:
    """Returns a row of the table of objectives."""
    return {
        "name": recipe.name,
        "summary": recipe.summary,
        "segments": recipe.segments,
        "length": recipe.max_seq_length,
        "copies": recipe.copies,
        "columns": ", ".join(column.name for column in recipe.columns("uint16")),
    }


def describe(recipe: Recipe) -> dict[str, Any]:
    """Returns all there is to say of a recipe, as JSON can hold it.

    Returns:
      name, summary, source; tokens (role to the usual names); fields (path, default, meaning,
      choices); columns (name, type, meaning); parity (path, value, meaning); parts (name, summary,
      source, differs, randomness).
    """
    roles = recipe.roles.union(recipe.training_roles, *(part.inner_roles for part in recipe.parts))
    settings = settings_of(recipe)
    return {
        "name": recipe.name,
        "summary": recipe.summary,
        "source": recipe.source,
        "tokens": {role: list(ROLES[role]) for role in ROLES if role in roles},
        "of_words": recipe.of_words,
        "fields": [
            {
                "path": path,
                "default": value,
                "meaning": _meaning(recipe, path),
                "choices": _choices(recipe, path),
            }
            for path, value in settings.items()
        ],
        "columns": [
            {"name": column.name, "type": type_name(column.type), "meaning": column.meaning}
            for column in recipe.columns("uint16")
        ],
        "parity": [
            {"path": path, "value": value, "meaning": _meaning(recipe, path)}
            for path, value in recipe.parity
        ],
        "parts": [_part(kind) for kind in dict.fromkeys(map(type, recipe.parts))],
    }


def type_name(kind: Any) -> str:
    """Returns the short name of an Arrow type, ids of a small vocabulary."""
    name = re.sub(r"(item|values): | not null", "", str(kind))
    return re.sub(r"dictionary<.*>", "dictionary<string>", name)


def sections_of(kind: type) -> dict[str, str]:
    """Returns the sections of a class's docstring by name; its first sentence as "Summary"."""
    sections: dict[str, list[str]] = {}
    name = "Summary"
    for line in inspect.cleandoc(kind.__doc__ or "").split("\n"):
        header = _SECTION.match(line)
        if header:
            name = header[1]
        elif not line.strip() and name == "Summary":
            name = "Description"
        sections.setdefault(name, []).append(header[2] if header else line)
    return {name: "\n".join(lines).strip("\n") for name, lines in sections.items()}


def attributes_of(kind: type) -> dict[str, str]:
    """Returns the explanation of each attribute in a class's docstring."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in sections_of(kind).get("Attributes", "").split("\n"):
        attribute = _ATTRIBUTE.match(line)
        name = attribute[1] if attribute else name
        found.setdefault(name, []).append(attribute[2] if attribute else line)
    return {name: _joined("\n".join(lines)) for name, lines in found.items()}


def _meaning(recipe: Recipe, path: str) -> str:
    """Returns the explanation of the field at a path."""
    owner: Any = recipe
    *steps, name = path.split(".")
    if name.isdigit():
        # One of several parts.
        *steps, name = steps
    for step in steps:
        owner = owner[int(step)] if step.isdigit() else getattr(owner, step)
    kinds = (kind for kind in type(owner).__mro__ if name in attributes_of(kind))
    return next((attributes_of(kind)[name] for kind in kinds), "")


def _choices(recipe: Recipe, path: str) -> list[str]:
    """Returns the parts that can stand at a path, with the others of the recipe."""
    *_, name = (step for step in path.split(".") if not step.isdigit())
    kinds = PARTS.get(name, ())
    if name == "noise" and recipe.denoise is not None:
        target = recipe.denoise.target.kind
        kinds = tuple(kind for kind in kinds if target in getattr(kind, "kinds", ()))
    if name in _OF_RECORDS:
        kinds = tuple(
            kind
            for kind in kinds
            if getattr(kind, "of_records", False) == recipe.segment.of_records
        )
    return [kind.__name__ for kind in kinds]


def _part(kind: type) -> dict[str, str]:
    sections = sections_of(kind)
    return {
        "name": kind.__name__,
        **{
            name.lower(): _joined(sections.get(name, ""))
            for name in ("Summary", "Source", "Differs", "Randomness")
        },
    }


def _joined(text: str) -> str:
    return " ".join(text.split())
