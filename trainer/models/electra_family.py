"""Makes the two models of ELECTRA from a configuration, or from what a run has saved."""

import copy
import dataclasses
import os
from typing import Any, ClassVar

import torch
import transformers

from schemas.errors import UsageError
from trainer.models.electra import DISCRIMINATOR, GENERATOR, Electra
from trainer.models.family import BidirectionalFamily, Wanted, model_errors
from trainer.tasks.masked import MaskedTask
from trainer.tasks.of_recipes import tasks_of
from transforms.build.corpus import Corpus

GENERATOR_SIZE = 0.25
"""The generator's width as a share of the discriminator's, if the configuration has no
`generator_size`."""


@dataclasses.dataclass(frozen=True)
class ElectraFamily(BidirectionalFamily):
    """Generators and discriminators; the configuration is the discriminator's.

    The configuration may have `generator_size`. The folder of saved models must hold generator/
    and discriminator/.
    """

    subfolder: ClassVar[str] = DISCRIMINATOR
    has_pairs: ClassVar[bool] = False

    def make(self, wanted: Wanted) -> Electra:
        """Makes both models."""
        name, config = wanted.name, wanted.config
        _check_tasks(name, wanted.only_build())
        with model_errors(name):
            if wanted.saved is None:
                generator = transformers.ElectraForMaskedLM(generator_config(config))
                discriminator = transformers.ElectraForPreTraining(config)
            else:
                folders = [os.path.join(name, each) for each in (GENERATOR, DISCRIMINATOR)]
                if not all(map(os.path.isdir, folders)):
                    raise UsageError(
                        f"--model {name} has no folders {GENERATOR} and {DISCRIMINATOR}, as a run "
                        "saves them; name its configuration (config.json) to start over"
                    )
                generator = _load(transformers.ElectraForMaskedLM, folders[0])
                discriminator = _load(transformers.ElectraForPreTraining, folders[1])
        return Electra(generator, discriminator, longest=wanted.longest)


def _load(kind: Any, folder: str) -> Any:
    config = transformers.AutoConfig.from_pretrained(folder)
    config.attention_probs_dropout_prob, config.chunk_size_feed_forward = 0.0, 0
    return kind.from_pretrained(folder, config=config, dtype=torch.float32)


def _check_tasks(name: str, corpus: Corpus) -> None:
    """Refuses data with other tasks than masked tokens."""
    tasks = tasks_of(corpus.recipe)
    if tasks != (MaskedTask(tasks[0].name),):
        names = ", ".join(task.name for task in tasks)
        raise UsageError(
            f"--model {name} learns masked and replaced tokens, and {corpus.folder} is made for "
            f"{names}; build a recipe with nothing but masked tokens"
        )


def generator_config(config: Any) -> Any:
    """Returns the configuration of the generator that belongs to a discriminator's.

    It has as many layers and embeddings of the same width; all other widths are multiplied by
    `generator_size`.

    Source: google-research/electra pretrain/pretrain_helpers.py, get_generator_config.
    """
    share = getattr(config, "generator_size", GENERATOR_SIZE)
    small = copy.deepcopy(config)
    small.num_attention_heads = max(round(config.num_attention_heads * share), 1)
    # All heads must have the same width.
    width = round(config.hidden_size * share / small.num_attention_heads)
    small.hidden_size = max(width, 1) * small.num_attention_heads
    small.intermediate_size = max(round(config.intermediate_size * share), 1)
    return small
