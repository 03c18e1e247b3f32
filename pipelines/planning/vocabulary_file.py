"""Reads the file of --tokenizer: a tokenizer, or a list of words with counts."""

import dataclasses
from collections.abc import Sequence

from pipelines.planning.files import read_file
from pipelines.planning.options import BuildOptions
from pipelines.planning.recipe_needs import recipes_where
from schemas.errors import UsageError
from schemas.word_list import WordListError, is_word_list, read_word_list
from transforms.objectives.recipe import Recipe

_MAKE_WORDS = "shardmill vocab --model words --input ... --output words.txt"
_MAKE_TOKENIZER = "shardmill vocab --model wordpiece --size 30000 --input ... --output FILE"


@dataclasses.dataclass(frozen=True)
class VocabularyFile:
    """What tokens there are.

    Attributes:
      tokenizer_json: A file of `tokenizers`.
      counts: Of its tokens, if the same file has them; see `schemas.counts.read_counts`.
    """

    tokenizer_json: str
    counts: str | None = None


def read_vocabulary_file(options: BuildOptions, recipes: Sequence[Recipe]) -> VocabularyFile:
    """Reads the file of --tokenizer, which recipes of one kind share.

    Raises:
      UsageError: if it is a tokenizer where words are needed, or the reverse, or the recipes are of
        both kinds.
    """
    content = read_file(options.tokenizer, "--tokenizer")
    names = " or ".join(recipe.name for recipe in recipes)
    if not any(recipe.of_words for recipe in recipes):
        if is_word_list(content):
            raise UsageError(
                f"--tokenizer {options.tokenizer}: a list of words with counts, which "
                f"{', '.join(recipes_where(lambda recipe: recipe.of_words))} take; {names} needs a "
                f"tokenizers JSON file, as `{_MAKE_TOKENIZER}` makes one"
            )
        return VocabularyFile(content)
    _refuse_options(options, recipes)
    if content.lstrip().startswith("{"):
        raise UsageError(
            f"--tokenizer {options.tokenizer}: a JSON file, and {names} needs a list of words with "
            f"counts; make one of the text with `{_MAKE_WORDS}`"
        )
    try:
        words = read_word_list(content)
    except WordListError as error:
        raise UsageError(
            f"--tokenizer {options.tokenizer}: not a list of words with counts: {error}; make one "
            f"with `{_MAKE_WORDS}`"
        ) from error
    return VocabularyFile(words.tokenizer_json, words.counts_json)


def _refuse_options(options: BuildOptions, recipes: Sequence[Recipe]) -> None:
    """Refuses what does not go with a list of words."""
    if len(recipes) > 1:
        words = " and ".join(recipe.name for recipe in recipes if recipe.of_words)
        raise UsageError(
            f"{words}: recipes of whole words are no members of a mixture, whose members share "
            "their tokens; build them alone"
        )
    if options.counts is not None:
        raise UsageError(
            f"--counts {options.counts}: a list of words has its own counts; leave it out"
        )
    if options.special_tokens:
        given = ", ".join(f"--{role}-token" for role in options.special_tokens)
        raise UsageError(f"{given}: a list of words has special tokens of its own; leave it out")
