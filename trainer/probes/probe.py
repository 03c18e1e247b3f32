"""The probes of a run: opened and checked before it begins, and measured at its evaluations."""

import dataclasses
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
import transformers

from schemas.errors import UsageError
from schemas.extras import pip_install
from schemas.label_kinds import NUMBER
from schemas.wording import short_names
from trainer.loader.open_corpus import open_local_corpus, shard_problem
from trainer.models.load import FAMILIES
from trainer.probes.features import features_of
from trainer.probes.linear import measured
from trainer.probes.task_rows import PROBED, TaskRows, open_rows
from transforms.build.corpus import Corpus

ROWS = 2000
"""Rows that a probe is fitted on at most, unless another number is asked for."""
METHOD = "hidden"
"""What a model must have to be probed."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Probe:
    """A task that hidden states are probed for.

    Attributes:
      name: In logs.
      numbers: Whether its labels are numbers, and not classes.
      fitted: Rows to fit a linear model on.
      held_out: Rows to measure it on.
    """

    name: str
    numbers: bool
    fitted: TaskRows
    held_out: TaskRows


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Probes:
    """All probes of a run.

    Attributes:
      probes: In the order in which they were asked for.
      tokens: Of a batch.
      segments: Types of tokens that the model has; None if any.
    """

    probes: Sequence[Probe]
    tokens: int
    segments: int | None

    def figures(
        self, model: Any, precision: AbstractContextManager[Any], device: torch.device
    ) -> dict[str, float]:
        """Returns "probe/NAME/FIGURE" of all probes.

        Nothing of the model is changed, and no random number is drawn.

        Args:
          model: To probe.
          precision: The autocast context.
          device: Of the model.
        """
        found: dict[str, float] = {}
        was_training = model.training
        model.eval()
        with torch.no_grad(), precision:
            for probe in self.probes:
                (fitted, labels), (held_out, expected) = (
                    features_of(
                        model, rows, tokens=self.tokens, segments=self.segments, device=device
                    )
                    for rows in (probe.fitted, probe.held_out)
                )
                scores = measured(fitted, labels, held_out, expected, numbers=probe.numbers)
                found |= {f"probe/{probe.name}/{name}": value for name, value in scores.items()}
        model.train(was_training)
        return found


def open_probes(
    folders: Sequence[str],
    trained_on: Corpus,
    model: Any,
    *,
    model_name: str,
    rows: int,
    tokens: int,
    checksums: bool,
) -> Probes:
    """Opens the tasks of a run's probes.

    Args:
      folders: Builds of labelled records.
      trained_on: A build that the model is trained on.
      model: To be probed.
      model_name: As it was asked for.
      rows: To fit a linear model on, at most.
      tokens: Of a batch.
      checksums: Compare the sha256 of shards with the manifest, not only their sizes.

    Raises:
      UsageError: if a task or the model cannot be probed, or they do not go together.
      DamagedError: if a build is damaged.
    """
    if not callable(getattr(model, METHOD, None)) or model.layout != "packed":
        raise UsageError(
            f"--probe {folders[0]}: --model {model_name} has no hidden states that can be probed; "
            "leave --probe out, or train an encoder, electra or gpt2"
        )
    _check_sklearn()
    for number, folder in enumerate(folders):
        if folder in folders[:number]:
            raise UsageError(f"--probe {folder} is given twice; leave one out")
    # Of a model of the user's own nothing is known.
    config = _configuration(model)
    family = None if config is None else FAMILIES.get(config.model_type)
    positions = family.positions(config) if family else None
    if family and positions is not None:
        positions -= family.first_position(config)
    probes = []
    for folder, name in zip(folders, short_names(folders), strict=True):
        corpus = _opened(folder, trained_on, checksums=checksums)
        probe = _probe(corpus, name, rows)
        longest = max(probe.fitted.longest, probe.held_out.longest)
        if positions is not None and longest > positions:
            raise UsageError(
                f"--probe {folder} has rows of {longest} tokens, and --model {model_name} has "
                f"{positions} positions; build it with --max-seq-length {positions} or less"
            )
        probes.append(probe)
    segments = family.segments(config) if family else None
    return Probes(probes=probes, tokens=tokens, segments=segments)


def _probe(corpus: Corpus, name: str, rows: int) -> Probe:
    assert corpus.recipe.labelled is not None
    return Probe(
        name=name,
        numbers=corpus.recipe.labelled.kind == NUMBER,
        fitted=open_rows(corpus, "train", rows),
        held_out=open_rows(corpus, "eval", None),
    )


def _opened(folder: str, trained_on: Corpus, *, checksums: bool) -> Corpus:
    """Opens a task, and refuses what is none that can be probed."""
    corpus = open_local_corpus(folder)
    recipe = corpus.recipe
    if recipe.labelled is None:
        raise UsageError(
            f"--probe {folder} is a build of {recipe.name}, which has no labels; give one of "
            "labelled records, as shardmill build classify makes it"
        )
    if recipe.labelled.kind not in PROBED:
        raise UsageError(
            f"--probe {folder} is a build of {recipe.name}; probes learn labels that are "
            f"{', '.join(PROBED)}"
        )
    if corpus.vocabulary.sha256 != trained_on.vocabulary.sha256:
        raise UsageError(
            f"--probe {folder} was built with another tokenizer than {trained_on.folder}; build it "
            "again with the same --tokenizer"
        )
    shards = [(corpus.folder, entry) for split in corpus.splits.values() for entry in split]
    if problem := shard_problem(shards, checksums=checksums):
        raise UsageError(f"--probe {problem}")
    return corpus


def _configuration(model: Any) -> Any:
    """Returns the configuration of the model of `transformers` that is probed; None of others."""
    probed = getattr(model, "hf", getattr(model, "discriminator", None))
    return probed.config if isinstance(probed, transformers.PreTrainedModel) else None


def _check_sklearn() -> None:
    """Raises UsageError unless scikit-learn is installed."""
    try:
        import sklearn.linear_model  # noqa: F401
    except ImportError as error:
        raise UsageError(
            f"--probe needs scikit-learn, which is not installed: {pip_install('trainer')}"
        ) from error
