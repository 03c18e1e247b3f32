"""Which method learns vectors from what a recipe predicts."""

from collections.abc import Mapping

from schemas.errors import UsageError
from trainer.vectors.contexts import Contexts
from trainer.vectors.glove import Glove
from trainer.vectors.model import Method
from trainer.vectors.options import SHARED, VectorsOptions
from transforms.build.corpus import Corpus
from transforms.labels.co_occurrences import CoOccurrences
from transforms.labels.context_words import ContextWords

METHODS: Mapping[type, Method] = {ContextWords: Contexts(), CoOccurrences: Glove()}
"""By the class of `Recipe.predict`."""


def method_of(corpus: Corpus) -> Method:
    """Returns the method for a build.

    Raises:
      UsageError: if no vectors of words are trained on it.
    """
    found = METHODS.get(type(corpus.recipe.predict))
    if found is None:
        raise UsageError(
            f"{corpus.folder} is a build of {corpus.recipe.name}, of which no vectors of words are "
            f"trained; train a model on it with shardmill train --data {corpus.folder}"
        )
    return found


def check_options(options: VectorsOptions, method: Method, corpus: Corpus) -> None:
    """Refuses options that are of another method.

    Raises:
      UsageError: naming the first.
    """
    every = frozenset[str]().union(*(each.options for each in METHODS.values()))
    for name in sorted(every - method.options - SHARED):
        if getattr(options, name) is not None:
            raise UsageError(
                f"--{name.replace('_', '-')} is for other recipes than {corpus.recipe.name}; leave "
                "it out"
            )
