"""Which recipes the command line asks for, and with which of their fields changed."""

import argparse
import dataclasses
from collections.abc import Mapping

from pipelines.planning.files import read_file
from pipelines.planning.options import OWN_OPTIONS, BuildOptions
from schemas.errors import UsageError, about
from schemas.numbers import finite
from schemas.wording import nearest
from transforms.objectives import MIXTURES, RECIPES, TASKS
from transforms.objectives.mixture import Member, Mixture
from transforms.objectives.recipe import Recipe
from transforms.objectives.settings import (
    Scalar,
    changed,
    find_recipe,
    settings_of,
)
from transforms.text.marker_lists import read_markers

AD_HOC = "mixture"
"""The name of a mixture whose members are given on the command line."""
_MARKERS = "pair.markers"


def find_mixture(name: str, members: str | None) -> Mixture | None:
    """Returns the mixture of a name, None if it is the name of a recipe.

    Args:
      name: "mixture", or the name of a mixture or a recipe.
      members: For "mixture": recipes with or without a weight, such as "bert-wwm,albert=2".

    Raises:
      ValueError: if there is no such mixture or recipe, or the members are not what they must be.
    """
    if name == AD_HOC:
        return _ad_hoc(members)
    if members is not None:
        raise ValueError(f"--members goes with the name {AD_HOC!r}, not with {name!r}")
    if name in MIXTURES:
        return MIXTURES[name]
    if name not in RECIPES:
        known = nearest(name, [*RECIPES, *MIXTURES, AD_HOC])
        raise ValueError(f"no recipe is called {name!r}; {known}")
    return None


def _ad_hoc(members: str | None) -> Mixture:
    """Reads the members of a mixture."""
    if members is None:
        raise ValueError(
            f"{AD_HOC} needs --members, such as bert-wwm,albert=2: recipes with or without a weight"
        )
    with about("--members"):
        return Mixture(
            name=AD_HOC,
            summary=f"Put together: {members}.",
            source="the command line",
            members=tuple(map(_member, members.split(","))),
        )


def _member(text: str) -> Member:
    name, equals, weight = text.partition("=")
    recipe = find_recipe(name.strip())
    if recipe.name in TASKS:
        raise ValueError(
            f"{recipe.name} is built of labelled records, and a mixture of text; build it alone"
        )
    try:
        return Member(recipe, finite(0, above=True)(weight) if equals else 1.0)
    except (argparse.ArgumentTypeError, ValueError) as error:
        raise ValueError(f"--members {text}: {error}") from error


def chosen_mixture(options: BuildOptions) -> Mixture | None:
    """Returns the mixture to build, its recipes as they are built; None if it is one recipe.

    Raises:
      ValueError: if there is no such mixture or recipe, or a setting does not fit.
    """
    mixture = find_mixture(options.recipe, options.members)
    if mixture is None:
        return None
    for path in options.settings:
        member, colon, _ = path.partition(":")
        if colon and member not in mixture.names:
            known = nearest(member, mixture.names)
            raise ValueError(f"--set {path}: {mixture.name} has no member {member!r}; {known}")
    members = [
        dataclasses.replace(member, recipe=_as_member(member.recipe, options))
        for member in mixture.members
    ]
    return dataclasses.replace(mixture, members=tuple(members))


def _as_member(recipe: Recipe, options: BuildOptions) -> Recipe:
    """Returns a recipe with the fields that were changed for it or for all, and its own column."""
    settings: dict[str, Scalar] = {}
    own: dict[str, Scalar] = {}
    for path, value in options.settings.items():
        member, colon, rest = path.rpartition(":")
        if not colon:
            settings[path] = value
        elif member == recipe.name:
            own[rest] = value
    wanted = {**_parity(recipe, options), **settings, **own}
    member_recipe = _with_markers(_changed(recipe, wanted), options)
    return dataclasses.replace(member_recipe, objective_column=True)


def resolve_recipe(options: BuildOptions) -> Recipe:
    """Returns the one recipe to build, with the fields that the user changed."""
    recipe = find_recipe(options.recipe)
    wanted = {**_parity(recipe, options), **options.settings}
    return _with_markers(_changed(recipe, wanted), options)


def _changed(recipe: Recipe, settings: Mapping[str, Scalar]) -> Recipe:
    """Returns a changed recipe; what is wrong with a value names the option that gives it."""
    try:
        return changed(recipe, settings)
    except ValueError as error:
        message = str(error)
        option = next(
            (name for path, name in OWN_OPTIONS.items() if path in message.partition(";")[0]),
            "--set",
        )
        raise UsageError(f"{option}: {message}") from error


def _with_markers(recipe: Recipe, options: BuildOptions) -> Recipe:
    """Returns the recipe with the markers of --markers, if it was given and the recipe has any."""
    if options.markers is None or not has_markers(recipe):
        return recipe
    text = read_file(options.markers, "--markers")
    try:
        markers = read_markers(text)
        return changed(recipe, {_MARKERS: ",".join(markers)})
    except ValueError as error:
        raise ValueError(f"--markers {options.markers}: {error}") from error


def has_markers(recipe: Recipe) -> bool:
    """Returns whether a recipe takes discourse markers."""
    return _MARKERS in settings_of(recipe)


def _parity(recipe: Recipe, options: BuildOptions) -> Mapping[str, Scalar]:
    return dict(recipe.parity) if options.parity else {}
