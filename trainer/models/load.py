"""Finds the model that is asked for by name, and checks it against the data."""

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import transformers

from schemas.errors import UsageError
from trainer.models.electra_family import ElectraFamily
from trainer.models.encoder_families import ENCODERS
from trainer.models.family import Family, configurations
from trainer.models.presets import PRESETS
from trainer.models.trainable import METHODS, with_defaults
from transforms.build.corpus import Corpus
from transforms.objectives.settings import nearest

FAMILIES: Mapping[str, Family] = {**ENCODERS, "electra": ElectraFamily()}
"""By `model_type` of the configuration."""


def load_model(
    name: str, corpora: Sequence[Corpus], longest: int, entity_embeddings: str | None = None
) -> Any:
    """Makes the model to train, with weights drawn from torch's generator unless it has some.

    Args:
      name: One of `PRESETS`, a configuration file (.json), a folder that `from_pretrained` loads,
        or module:callable, which is called with the corpus, or with a list of those of a mixture's
        members, and returns a `trainer.models.trainable.TrainableModel`.
      corpora: What it is trained on: a build, or the members of a mixture, which share a
        vocabulary.
      longest: Maximum tokens of a row.
      entity_embeddings: File of embeddings for the entities of the data, see
        `trainer.models.entity_embeddings.read_embeddings`; without it they are learned.

    Raises:
      UsageError: if there is no such model, or it does not fit the data.
    """
    corpus = corpora[0]
    if entity_embeddings is not None and not any(each.entities for each in corpora):
        raise UsageError(
            f"--entity-embeddings {entity_embeddings}: {corpus.folder} is not aligned with "
            "entities; leave it out, or build a recipe that needs them"
        )
    if ":" in name and not os.path.exists(name):
        if entity_embeddings is not None:
            raise UsageError(
                f"--entity-embeddings {entity_embeddings} is not for your own --model {name}, "
                "which has to read them itself"
            )
        return _own_model(name, [*corpora] if len(corpora) > 1 else corpus)
    config = _config(name, corpus)
    family = FAMILIES.get(config.model_type)
    if family is None:
        raise UsageError(
            f"--model {name} is of type {config.model_type!r}, which is not trained here; known: "
            f"{', '.join(FAMILIES)}, or your own as module:callable"
        )
    for each in corpora:
        _check_fit(name, config, family, each, longest + family.first_position(config))
    dropout = config.attention_probs_dropout_prob if name not in PRESETS else 0.0
    own = config.attention_probs_dropout_prob, config.chunk_size_feed_forward
    # Packed attention has no dropout of its weights, and a sequence is not cut into chunks.
    config.attention_probs_dropout_prob, config.chunk_size_feed_forward = 0.0, 0
    model: Any = family.make(name, config, corpora, longest, entity_embeddings)
    if dropout:
        notice = f"attention dropout is 0, not {dropout:g}: packed attention has none"
        model.notice = "; ".join(filter(None, [notice, model.notice]))
    # Layers have read their configuration by now. It is saved as it was, for fine-tuning.
    for each in (config, *configurations(model).values()):
        each.attention_probs_dropout_prob, each.chunk_size_feed_forward = own
    return model


def _config(name: str, corpus: Corpus) -> Any:
    """Returns the configuration of a model of `transformers`."""
    try:
        corpus.vocabulary.require(frozenset({"pad"}))
    except ValueError as error:
        raise UsageError(f"{corpus.folder}: {error}") from error
    pad = corpus.vocabulary.roles["pad"]
    if name in PRESETS:
        config: Any = transformers.AutoConfig.for_model(
            **PRESETS[name],
            pad_token_id=pad,
            # Tensor cores want a multiple of 64; the ids added are never used.
            vocab_size=-(-corpus.vocabulary.size // 64) * 64,
        )
        first = FAMILIES[config.model_type].first_position(config)
        config.max_position_embeddings = 512 + first
        return config
    if not (os.path.isfile(name) or os.path.isdir(name)):
        raise UsageError(
            f"--model {name!r} is neither a file, a folder nor module:callable; "
            f"{nearest(name, PRESETS)}"
        )
    inside = [os.path.join(name, each.subfolder) for each in FAMILIES.values() if each.subfolder]
    try:
        config = transformers.AutoConfig.from_pretrained(next(filter(os.path.isdir, inside), name))
    except Exception as error:
        raise UsageError(f"--model {name} is no configuration of a model: {error}") from error
    if config.pad_token_id != pad:
        raise UsageError(
            f"--model {name} has pad_token_id {config.pad_token_id}, the tokenizer of "
            f"{corpus.folder} has {pad}"
        )
    return config


def _check_fit(name: str, config: Any, family: Family, corpus: Corpus, positions: int) -> None:
    """Refuses a model that lacks ids, positions, segments or the head that the data need."""
    size, pair = corpus.vocabulary.size, corpus.recipe.pair
    if config.vocab_size < size:
        raise UsageError(
            f"--model {name} has a vocabulary of {config.vocab_size}, the ids of {corpus.folder} "
            f"need {size}"
        )
    if getattr(config, "is_decoder", False):
        raise UsageError(f"--model {name} is a decoder; masked tokens need an encoder")
    if config.max_position_embeddings < positions:
        raise UsageError(
            f"--model {name} has {config.max_position_embeddings} positions, the rows of "
            f"{corpus.folder} need {positions}; build them with a smaller --max-seq-length"
        )
    one_segment = corpus.recipe.segments == 2 and config.type_vocab_size < corpus.recipe.segments
    if pair.task is not None and (one_segment or not family.has_pairs):
        raise UsageError(
            f"--model {name} has no head for the pairs ({', '.join(pair.relations)}) of "
            f"{corpus.folder}; train bert on them, or build a recipe without pairs"
        )
    if one_segment:
        raise UsageError(
            f"--model {name} has no second segment (type_vocab_size {config.type_vocab_size}), "
            f"which the rows of {corpus.folder} have; train bert on them, or build a recipe "
            "without pairs"
        )


def _own_model(name: str, corpus: Corpus | list[Corpus]) -> Any:
    """Imports and calls module:callable."""
    module, _, attribute = name.partition(":")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        factory = getattr(importlib.import_module(module), attribute)
    except (AttributeError, ImportError, SyntaxError, TypeError, ValueError) as error:
        raise UsageError(f"--model {name} cannot be imported: {error}") from error
    if not callable(factory):
        raise UsageError(f"--model {name} is a {type(factory).__name__}, which cannot be called")
    model = factory(corpus)
    lacking = [method for method in METHODS if not callable(getattr(model, method, None))]
    if not isinstance(model, torch.nn.Module) or lacking:
        what = f"has no {', '.join(lacking)}" if lacking else f"is a {type(model).__name__}"
        raise UsageError(
            f"--model {name} must return an nn.Module with the methods {', '.join(METHODS)}; "
            f"what it returned {what}"
        )
    return with_defaults(model)
