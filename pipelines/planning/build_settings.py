"""Reads tokenizer, counts and user dictionary, and checks that the recipes can use them."""

import dataclasses
from collections.abc import Sequence

from pipelines.planning.annotators import AnnotationSource
from pipelines.planning.files import read_file
from pipelines.planning.options import BuildOptions
from pipelines.planning.recipe_needs import check_counts, check_segmenter
from pipelines.planning.vocabulary_file import VocabularyFile
from schemas.counts import CountsError
from schemas.errors import UsageError
from schemas.vocabulary import read_vocabulary
from transforms.annotate.annotator import Annotator
from transforms.build.build_examples import BuildSettings
from transforms.objectives.recipe import Recipe
from transforms.text.words import Segmenter


def build_settings(
    options: BuildOptions,
    recipes: Sequence[Recipe],
    source: AnnotationSource | None,
    file: VocabularyFile,
) -> list[BuildSettings]:
    """Returns what each recipe is built with, after checking that it can use the tokenizer."""
    tokenizer_json = file.tokenizer_json
    check_counts(options, recipes)
    counts = file.counts
    if options.counts is not None:
        counts = read_file(options.counts, "--counts")
    try:
        needed = frozenset[str]().union(*(recipe.roles for recipe in recipes))
        counted = read_vocabulary(
            tokenizer_json,
            {**file.names, **options.special_tokens},
            counts,
            needed,
            of_words=file.counts is not None,
        )
    except CountsError as error:
        raise UsageError(f"--counts {options.counts}: {error}") from error
    except ValueError as error:
        raise UsageError(f"--tokenizer {options.tokenizer}: {error}") from error
    trained = frozenset[str]().union(*(recipe.training_roles for recipe in recipes))
    file.require(options, needed | trained, counted.roles)
    plain = dataclasses.replace(counted, counts=None)
    for recipe in recipes:
        recipe.check_vocabulary(plain)
        for labels in recipe.labels:
            labels.check_tokenizer(tokenizer_json)
    check_segmenter(options, recipes)
    user_dict = read_user_dict(options.user_dict)
    entities = len(source.entities) if source else 0
    plain, counted = (dataclasses.replace(each, entities=entities) for each in (plain, counted))
    return [
        BuildSettings(
            recipe=recipe,
            seed=options.seed,
            tokenizer_json=tokenizer_json,
            vocabulary=counted if recipe.follows_counts else plain,
            sentences=options.sentences,
            segmenter=Segmenter(options.segmenter, user_dict),
            annotations=source.annotations if source else Annotator(),
        )
        for recipe in recipes
    ]


def read_user_dict(path: str | None) -> str:
    """Reads jieba's user dictionary, "" if there is none."""
    if path is None:
        return ""
    found = read_file(path, "--user-dict")
    lines = enumerate(found.splitlines(), 1)
    # jieba would take all of the line for a word that no text has.
    if tabbed := next((number for number, line in lines if "\t" in line), 0):
        raise UsageError(
            f"--user-dict {path}: line {tabbed} has a tab; write a word, and if you "
            "like its frequency and tag, with single spaces between"
        )
    return found
