"""Reads what --tokenizer names: a tokenizer of any format, or a list of words with counts."""

import dataclasses
from collections.abc import Collection, Mapping, Sequence

from pipelines.planning.files import read_file
from pipelines.planning.options import BuildOptions
from pipelines.planning.recipe_needs import recipes_where
from pipelines.planning.tokenizer_files import read_given
from pipelines.tokenizers.converted import Converted
from pipelines.tokenizers.given import Given
from pipelines.tokenizers.kinds import convert
from pipelines.tokenizers.tiktoken_file import find_ranks
from schemas.errors import UsageError
from schemas.vocabulary import ROLES
from schemas.word_list import WordListError, is_word_list, read_word_list
from transforms.objectives.recipe import Recipe

_MAKE_WORDS = "shardmill vocab --model words --input ... --output words.txt"
_MAKE_TOKENIZER = "shardmill vocab --model wordpiece --size 30000 --input ... --output FILE"
_APPENDED = {**{role: names[1] for role, names in ROLES.items()}, "eod": ROLES["eod"][0]}
"""What a token is called that is appended for a role: as RoBERTa's and GPT's tokenizers have it."""


@dataclasses.dataclass(frozen=True)
class VocabularyFile:
    """What tokens there are.

    Attributes:
      tokenizer_json: A file of `tokenizers`.
      counts: Of its tokens, if the same file has them; see `schemas.counts.read_counts`.
      converted: How it was read, if it is a tokenizer.
    """

    tokenizer_json: str
    counts: str | None = None
    converted: Converted | None = None

    def require(self, options: BuildOptions, needed: Collection[str], has: Collection[str]) -> None:
        """Says how a tokenizer gets special tokens that its file lacks, and that may be appended.

        Args:
          options: What the user asked for.
          needed: Roles that the recipes need.
          has: Roles that the tokenizer has.

        Raises:
          UsageError: if it lacks one.
        """
        lacking = [role for role in ROLES if role in needed and role not in has]
        if lacking and self.converted is not None and self.converted.appends:
            given = " ".join(f"--{role}-token {_APPENDED[role]!r}" for role in lacking)
            raise UsageError(
                f"--tokenizer {options.tokenizer}: it has no token for {', '.join(lacking)}, which "
                f"this recipe needs; append what it lacks with {given}"
            )

    @property
    def names(self) -> Mapping[str, str]:
        """Role to token, where the files beside a tokenizer name it."""
        return self.converted.names if self.converted else {}


def read_vocabulary_file(options: BuildOptions, recipes: Sequence[Recipe]) -> VocabularyFile:
    """Reads the file of --tokenizer, which recipes of one kind share.

    Raises:
      UsageError: if it is a tokenizer where words are needed, or the reverse, or the recipes are of
        both kinds.
    """
    names = " or ".join(recipe.name for recipe in recipes)
    if not any(recipe.of_words for recipe in recipes):
        given = read_given(options)
        _refuse_words(given, names)
        converted = convert(given)
        return VocabularyFile(converted.tokenizer_json, converted=converted)
    content = read_file(options.tokenizer, "--tokenizer")
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


def _refuse_words(given: Given, names: str) -> None:
    """Refuses a list of words where a tokenizer is needed."""
    if given.is_folder or find_ranks(given) is not None:
        return
    [content] = given.files.values()
    if is_word_list(content.partition(b"\n")[0].decode("utf-8-sig", "replace")):
        raise given.problem(
            "a list of words with counts, which "
            f"{', '.join(recipes_where(lambda recipe: recipe.of_words))} take; {names} needs a "
            f"tokenizer, as `{_MAKE_TOKENIZER}` makes one"
        )


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
