"""CBOW, skip-gram and fastText on the CPU: compiled loops, several threads over ranges of rows.

Threads change the same vectors without waiting for each other (Hogwild). So with several of them no
two runs are the same; with one, the same data, settings and seed give the same vectors, to the bit,
on processors of one kind.

Source: tmikolov/word2vec word2vec.c; facebookresearch/fastText src/fasttext.cc:387-420. Niu et al.
  2011 for threads.
Differs: rows are cut before words are dropped. The learning rate falls with the words that a
  thread has done of its own rows; threads have as many words each. Draws are those of a row.
"""

import dataclasses
from typing import Any, ClassVar

from schemas.errors import UsageError
from trainer.vectors.model import Model, Setting, Task
from trainer.vectors.options import VectorsOptions
from transforms.labels.context_words import BUCKETS, CBOW, FASTTEXT, ContextWords

_NGRAMS = ("min_n", "max_n", "buckets")
_OWN = ("window", "negatives", "subsample", *_NGRAMS)


class Contexts:
    """Learns words from their neighbours: see `trainer.vectors.model.Method`."""

    options: ClassVar[frozenset[str]] = frozenset(_OWN)
    epochs: ClassVar[int] = 5
    gpu: ClassVar[bool] = True

    def settings(self, predict: ContextWords, options: VectorsOptions) -> dict[str, Setting]:
        """Returns the fields of `ContextWords` and the learning rate."""
        part = with_options(predict, options)
        pairs = part.architecture != CBOW and part.law != FASTTEXT
        lr = options.lr if options.lr is not None else (0.025 if pairs else 0.05)
        return {"lr": lr, **dataclasses.asdict(part)}

    def model(self, task: Task) -> Model:
        """Makes the vectors at random."""
        if task.cuda:
            from trainer.vectors.torch_contexts import TorchContextModel

            return TorchContextModel(task, "cuda")
        from trainer.vectors.context_model import ContextModel

        return ContextModel(task)


def with_options(predict: ContextWords, options: VectorsOptions) -> ContextWords:
    """Returns what a recipe predicts, with what was given in the place of its own.

    Raises:
      UsageError: if some do not go together.
    """
    given: dict[str, Any] = {
        name: value for name in _OWN if (value := getattr(options, name)) is not None
    }
    if predict.law != FASTTEXT and (wrong := [name for name in _NGRAMS if given.get(name)]):
        raise UsageError(
            f"--{wrong[0].replace('_', '-')} is for n-grams, which fasttext has; leave it out"
        )
    if 0 in (given.get("min_n"), given.get("max_n")):
        given = {"min_n": 0, "max_n": 0, "buckets": 0, **given}
    elif "max_n" in given:
        given = {"buckets": predict.buckets or BUCKETS, **given}
    try:
        part = dataclasses.replace(predict, **given)
    except ValueError as error:
        message = str(error).replace("min_n", "--min-n").replace("max_n", "--max-n")
        raise UsageError(message if message.startswith("-") else f"--{message}") from error
    if part.max_n and part.law != FASTTEXT:
        raise UsageError(
            f"the build has n-grams (max_n {part.max_n}), which fasttext alone learns; give "
            "--max-n 0"
        )
    return part
