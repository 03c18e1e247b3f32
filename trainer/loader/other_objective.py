"""Takes the rows of a build for those of another objective, whose masks or noise is drawn."""

import dataclasses
from collections.abc import Mapping, Sequence

from schemas.columns import column_of
from schemas.errors import UsageError
from schemas.wording import nearest
from transforms.build.corpus import Corpus
from transforms.contract.attention import BIDIRECTIONAL, STRUCTURED
from transforms.objectives import OBJECTIVES
from transforms.objectives.recipe import Recipe
from transforms.objectives.settings import Scalar, changed, find_recipe, settings_of

_OWN = ("corrupt", "denoise", "copies", "modes")
"""The fields that rows do not determine: how they are corrupted, for how many epochs, and how they
are seen."""


def with_objective(
    corpus: Corpus, name: str, settings: Mapping[str, Scalar] | None = None
) -> Corpus:
    """Returns a build as if its rows were made for another objective, whose masks are not stored.

    Packing, lengths, segments, the relation of pairs and labels of tokens stay those of the rows.
    Modes of attention are those of the objective.

    Args:
      corpus: Of any recipe.
      name: Of the objective.
      settings: Its fields to change, by path, as `shardmill recipes` lists them; those that say
        how it masks, and how rows are seen.

    Raises:
      UsageError: if there is no such objective, or the rows lack annotations that it needs.
    """
    built = corpus.stored_as
    for path in settings or {}:
        if path.partition(".")[0] not in _OWN:
            raise UsageError(
                f"--set {path}: the rows of {corpus.folder} are made; of an objective that is "
                f"drawn from them only {', '.join(_OWN[:-1])} and {_OWN[-1]} can be set"
            )
    try:
        objective = changed(find_recipe(name), settings or {})
    except ValueError as error:
        raise UsageError(f"--objective {name}: {error}") from error
    if not (_masks(objective) or objective.denoise):
        raise UsageError(f"--objective {name} masks nothing; {nearest(name, _fitting(built))}")
    if not _seen_whole(built):
        fits = any(name in _fitting(each) for each in OBJECTIVES.values() if _is_unmasked(each))
        other = f"{_unmasked()}, whose rows are for any objective that masks" if fits else name
        raise UsageError(
            f"--objective {name}: the rows of {corpus.folder} are made for {built.name} alone; "
            f"build {other}"
        )
    if not _takes_modes(objective, built):
        rows = "are dialogues" if built.segment.dialogue else f"have {built.segments}"
        raise UsageError(
            f"--objective {name} has modes of attention for rows of {objective.segments} segments, "
            f"and the rows of {corpus.folder} {rows}: build {objective.name} or another recipe of "
            f"pairs; these rows are enough for {', '.join(_fitting(built))}"
        )
    if not _masks(objective) and not _laid_out_alike(objective, built):
        raise UsageError(
            f"--objective {name}: its rows are one segment with other special tokens than those of "
            f"{corpus.folder}, or with none; build {name}"
        )
    if lacking := sorted(_needs(objective) - _known(built)):
        raise UsageError(
            f"--objective {name} needs {_columns(lacking)}, which the rows of {corpus.folder} do "
            f"not have: build the recipe {_unmasked()}, which stores all of them, or {built.name} "
            f"with --set store={','.join(sorted({*built.store, *lacking}))}; these rows are enough "
            f"for {', '.join(_fitting(built))}"
        )
    try:
        recipe = dataclasses.replace(
            built,
            name=objective.name,
            summary=objective.summary,
            source=objective.source,
            corrupt=objective.corrupt,
            denoise=objective.denoise,
            copies=objective.copies,
            modes=objective.modes,
            store=(),
        )
        recipe.check_vocabulary(corpus.vocabulary)
    except ValueError as error:
        raise UsageError(f"{corpus.folder}: {error}") from error
    return dataclasses.replace(corpus, recipe=recipe, built=built, objective=_described(objective))


def not_learned(corpus: Corpus) -> str:
    """Returns a note on what is not learned from rows of another recipe; "" if all is."""
    if corpus.objective is None:
        return ""
    rows, objective = corpus.stored_as, OBJECTIVES[corpus.recipe.name]
    found = []
    if objective.pair.task is not None and objective.pair.task != rows.pair.task:
        found.append(f"{objective.pair.task.name} ({', '.join(objective.pair.relations)})")
    found += [each.name for each in objective.labels if each not in rows.labels]
    if not found:
        return ""
    return (
        f"only the masks of {objective.name} are learned: rows of {rows.name} do not tell "
        f"{' and '.join(found)}"
    )


def _needs(objective: Recipe) -> frozenset[str]:
    """Returns the annotations of tokens that its masks or its noise need."""
    parts = [part for corruption in objective.corrupt for part in corruption.parts]
    noise = [] if objective.denoise is None else objective.denoise.active
    return frozenset[str]().union(*(part.needs for part in parts), *(each.needs for each in noise))


def _known(built: Recipe) -> frozenset[str]:
    """Returns the annotations of tokens that the rows of a recipe have."""
    return built.needs.union(built.annotations)


def _fitting(built: Recipe) -> list[str]:
    """Returns the objectives whose masks or noise can be drawn from rows of a recipe."""
    known = _known(built)
    return [
        name
        for name, each in OBJECTIVES.items()
        if (_masks(each) and _takes_modes(each, built))
        or (each.denoise and _laid_out_alike(each, built))
        if _needs(each) <= known
    ]


def _takes_modes(objective: Recipe, built: Recipe) -> bool:
    """Returns whether the rows of a recipe can be seen in the modes of an objective, if any."""
    fits = built.segments == objective.segments and not built.segment.dialogue
    return fits or not objective.modes


def _masks(recipe: Recipe) -> bool:
    """Returns whether a recipe hides tokens of any rows; others make rows of their own kind."""
    return bool(recipe.corrupt) and _seen_whole(recipe)


def _seen_whole(recipe: Recipe) -> bool:
    """Returns whether rows are seen as a whole, or in modes that do not depend on how it masks."""
    return recipe.attention in {BIDIRECTIONAL, STRUCTURED}


def _laid_out_alike(objective: Recipe, built: Recipe) -> bool:
    """Returns whether a row of one segment is laid out in the same way by both."""
    edges = [(each.layout.prefix, each.layout.suffix) for each in (objective, built)]
    return edges[0] == edges[1] and objective.segments == built.segments == 1


def _unmasked() -> str:
    """Returns the recipes whose rows are for any objective that masks."""
    return " or ".join(name for name, each in OBJECTIVES.items() if _is_unmasked(each))


def _is_unmasked(recipe: Recipe) -> bool:
    return not (recipe.corrupt or recipe.predict or recipe.denoise)


def _columns(needs: Sequence[str]) -> str:
    return " and ".join(f"{need} (column {column_of(need).name})" for need in needs)


def _described(objective: Recipe) -> str:
    """Returns an objective's name and those of its fields that do not have their defaults."""
    default = settings_of(OBJECTIVES[objective.name])
    fields = settings_of(objective).items()
    other = [f"{path}={value}" for path, value in fields if default.get(path) != value]
    return ", ".join([objective.name, *other])


def read_settings(assignments: Sequence[str]) -> dict[str, Scalar]:
    """Reads the values of --set.

    Raises:
      UsageError: if one is not PATH=VALUE.
    """
    found: dict[str, Scalar] = {}
    for assignment in assignments:
        path, equals, value = assignment.partition("=")
        if not equals:
            raise UsageError(f"--set takes PATH=VALUE, got {assignment!r}")
        found[path.strip()] = value
    return found
