"""Makes the two models of ELECTRA from a configuration, or from what a run has saved."""

import copy
import os
from typing import Any

import torch
import transformers

from schemas.errors import UsageError
from trainer.models.electra import DISCRIMINATOR, GENERATOR, Electra
from trainer.models.family import made
from trainer.tasks import tasks_of
from trainer.tasks.masked import MaskedTask
from transforms.build.corpus import Corpus

GENERATOR_SIZE = 0.25
"""The generator's width as a share of the discriminator's, if the configuration has no
`generator_size`."""


def discriminator_folder(name: str) -> str:
    """Returns where the discriminator lies in a folder that a run has saved; else the name."""
    inside = os.path.join(name, DISCRIMINATOR)
    return inside if os.path.isdir(inside) else name


def make_electra(name: str, config: Any, corpus: Corpus, longest: int, notice: str) -> Electra:
    """Makes both models.

    Args:
      name: What the user asked for; a folder must hold generator/ and discriminator/.
      config: Of the discriminator; it may say `generator_size`.
      corpus: What it is trained on.
      longest: Most tokens of a row.
      notice: What the user should know of it.

    Raises:
      UsageError: if the models cannot be made, or do not fit the data.
    """
    _check_tasks(name, corpus)
    with made(name):
        if not os.path.isdir(name):
            return Electra(
                transformers.ElectraForMaskedLM(generator_config(config)),
                transformers.ElectraForPreTraining(config),
                longest=longest,
                notice=notice,
            )
        parts = {
            GENERATOR: transformers.ElectraForMaskedLM,
            DISCRIMINATOR: transformers.ElectraForPreTraining,
        }
        folders = {part: os.path.join(name, part) for part in parts}
        if not all(map(os.path.isdir, folders.values())):
            raise UsageError(
                f"--model {name} has no folders {GENERATOR} and {DISCRIMINATOR}, as a run saves "
                "them; name its configuration (config.json) to begin anew"
            )
        models = {}
        for part, kind in parts.items():
            own = transformers.AutoConfig.from_pretrained(folders[part])
            own.attention_probs_dropout_prob, own.chunk_size_feed_forward = 0.0, 0
            models[part] = kind.from_pretrained(folders[part], config=own, dtype=torch.float32)
    return Electra(models[GENERATOR], models[DISCRIMINATOR], longest=longest, notice=notice)


def _check_tasks(name: str, corpus: Corpus) -> None:
    """Refuses data that teach more than masked tokens."""
    tasks = tasks_of(corpus.recipe)
    if any(not isinstance(task, MaskedTask) for task in tasks) or len(tasks) != 1:
        told = ", ".join(task.name for task in tasks)
        raise UsageError(
            f"--model {name} learns masked and replaced tokens, and {corpus.folder} is made for "
            f"{told}; build the recipe electra, or another with nothing but masked tokens"
        )


def generator_config(config: Any) -> Any:
    """Returns the configuration of the generator that belongs to a discriminator's.

    It is as deep, with embeddings as wide, and all else is narrower by `generator_size`.

    Source: google-research/electra pretrain/pretrain_helpers.py, get_generator_config.
    """
    share = getattr(config, "generator_size", GENERATOR_SIZE)
    small = copy.deepcopy(config)
    small.num_attention_heads = max(round(config.num_attention_heads * share), 1)
    # Every head must be equally wide.
    width = round(config.hidden_size * share / small.num_attention_heads)
    small.hidden_size = max(width, 1) * small.num_attention_heads
    small.intermediate_size = max(round(config.intermediate_size * share), 1)
    return small
