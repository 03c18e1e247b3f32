"""Refuses options that no recipe of a build needs, and says which recipes do."""

from collections.abc import Callable, Sequence

from pipelines.planning.members import has_markers
from pipelines.planning.options import BuildOptions
from schemas.errors import UsageError
from transforms.objectives import OBJECTIVES
from transforms.objectives.recipe import Recipe
from transforms.records.labelled_records import record_fields


def recipes_where(holds: Callable[[Recipe], bool]) -> list[str]:
    """Returns the names of the recipes for which something holds, in the order of the table."""
    return [name for name, recipe in OBJECTIVES.items() if holds(recipe)]


def takes_records(recipe: Recipe) -> bool:
    """Returns whether a recipe is built of records of a query, a title and a label."""
    return recipe.pair.records


def check_segmenter(options: BuildOptions, recipes: Sequence[Recipe]) -> None:
    """Refuses what finds Chinese words where no recipe asks for them."""
    given = {"--user-dict": options.user_dict, "--segmenter": options.segmenter != "auto"}
    unused = [name for name, value in given.items() if value]
    if unused and not any(recipe.segments_words for recipe in recipes):
        names = " or ".join(recipe.name for recipe in recipes)
        raise UsageError(f"{names}: nothing there needs whole words; leave out {', '.join(unused)}")


def check_markers(options: BuildOptions, recipes: Sequence[Recipe]) -> None:
    """Refuses markers that no recipe takes."""
    if options.markers is not None and not any(map(has_markers, recipes)):
        names = " or ".join(recipe.name for recipe in recipes)
        raise UsageError(
            f"--markers {options.markers}: {names} predicts no discourse markers; leave it "
            f"out, or build {' or '.join(recipes_where(has_markers))}"
        )


def check_records(options: BuildOptions, recipes: Sequence[Recipe]) -> None:
    """Holds --text-field to what the recipes read: records of three fields, or a text."""
    names = " or ".join(recipe.name for recipe in recipes if takes_records(recipe))
    fields = record_fields(options.text_field)
    if names and not fields:
        raise UsageError(
            f"{names} needs JSON lines of a query, a title and a label; name their fields, as in "
            "--text-field query,title,label"
        )
    if fields and not names:
        raise UsageError(
            f"--text-field {options.text_field}: a query, a title and a label are for "
            f"{' or '.join(recipes_where(takes_records))}; name the one field with the text"
        )


def check_unbounded(recipes: Sequence[Recipe]) -> None:
    """Refuses recipes of whole words where the text grows."""
    if names := [recipe.name for recipe in recipes if recipe.of_words]:
        raise UsageError(
            f"{names[0]}: a list of words is counted once, of a text that is finished; build that "
            "with `shardmill build`"
        )


def check_counts(options: BuildOptions, recipes: Sequence[Recipe]) -> None:
    """Refuses counts that no random token follows."""
    if options.counts is None or any(recipe.follows_counts for recipe in recipes):
        return
    names = " or ".join(recipe.name for recipe in recipes)
    example = recipes_where(lambda recipe: recipe.follows_counts)[0]
    raise UsageError(
        f"--counts {options.counts}: no random token of {names} follows counts; leave it "
        f"out, or take a recipe whose random_ids are UnigramIds, such as {example}"
    )
