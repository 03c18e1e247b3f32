"""Finds the model that is asked for by name, and checks it against the data."""

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import transformers

from schemas.errors import UsageError
from trainer.models.causal_families import CAUSAL_FAMILIES
from trainer.models.electra_family import ElectraFamily
from trainer.models.elmo_family import ElmoFamily
from trainer.models.encoder_families import ENCODERS
from trainer.models.family import Family, Wanted, configurations
from trainer.models.presets import PRESETS, check_name
from trainer.models.same_tokenizer import check_tokenizer
from trainer.models.saved_folder import check_folder
from trainer.models.seq2seq_families import SEQ2SEQ_FAMILIES
from trainer.models.task_families import TASK_FAMILIES
from trainer.models.trainable import METHODS, with_defaults
from trainer.models.xlnet_family import XLNetFamily
from transforms.build.corpus import Corpus
from transforms.contract.attention import ENCODER_DECODER

FAMILIES: Mapping[str, Family] = {
    **ENCODERS,
    "electra": ElectraFamily(),
    **CAUSAL_FAMILIES,
    "xlnet": XLNetFamily(),
    **SEQ2SEQ_FAMILIES,
    "elmo": ElmoFamily(),
}
"""By `model_type` of the configuration."""


def load_model(
    name: str,
    corpora: Sequence[Corpus],
    longest: int,
    entity_embeddings: str | None = None,
    tasks: Sequence[str] = (),
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
      tasks: Names of several builds of labelled records, for which it is fine-tuned.

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
        _check_own(name, corpus, entity_embeddings)
        return _own_model(name, [*corpora] if len(corpora) > 1 else corpus)
    _check_tokens(corpora)
    check_folder(name)
    config = _config(name, corpora)
    family = _family_of(name, config, corpora)
    for each in corpora:
        _check_attention(name, family, each)
        _check_padding(name, config, each)
        _check_fit(name, config, family, each, longest)
        family.check(name, config, each)
    own = {field: getattr(config, field) for field in family.fields}
    for field, value in family.fields.items():
        setattr(config, field, value)
    wanted = Wanted(
        name=name,
        config=config,
        corpora=corpora,
        longest=longest,
        entity_embeddings=entity_embeddings,
        names=tasks,
    )
    model: Any = family.make(wanted)
    dropout = own.get(family.attention_dropout, 0.0)
    if dropout and name not in PRESETS:
        notice = f"attention dropout is 0, not {dropout:g}: packed attention has none"
        model.notice = "; ".join(filter(None, [notice, model.notice]))
    # Layers have read their configuration by now. It is saved as it was, for fine-tuning.
    for each in (config, *configurations(model).values()):
        for field, value in own.items():
            setattr(each, field, value)
    return with_defaults(model)


def _family_of(name: str, config: Any, corpora: Sequence[Corpus]) -> Family:
    """Returns the family of a configuration: of models to fine-tune, if rows are labelled."""
    if corpora[0].recipe.labelled is None:
        families: Mapping[str, Family] = FAMILIES
        what, own = "trained here", ", or your own as module:callable"
    else:
        families, what, own = TASK_FAMILIES, "fine-tuned", ""
    family = families.get(config.model_type)
    if family is None:
        raise UsageError(
            f"--model {name} is of type {config.model_type!r}, which is not {what}; known: "
            f"{', '.join(families)}{own}"
        )
    if families is TASK_FAMILIES:
        check_tokenizer(name, family.subfolder, corpora)
    return family


def _check_own(name: str, corpus: Corpus, entity_embeddings: str | None) -> None:
    """Refuses what a model of the user's own cannot be given."""
    if entity_embeddings is not None:
        raise UsageError(
            f"--entity-embeddings {entity_embeddings} is not for your own --model {name}, "
            "which has to read them itself"
        )
    if corpus.recipe.labelled is not None:
        raise UsageError(
            f"--model {name} is your own, and labels are predicted by models of type "
            f"{', '.join(TASK_FAMILIES)}; name a folder or a configuration of one"
        )


def _config(name: str, corpora: Sequence[Corpus]) -> Any:
    """Returns the configuration of a model of `transformers`."""
    corpus = corpora[0]
    if name in PRESETS:
        roles = corpus.vocabulary.roles
        ends = dict.fromkeys(("bos_token_id", "eos_token_id"), roles.get("eod"))
        config: Any = transformers.AutoConfig.for_model(
            **PRESETS[name],
            pad_token_id=roles.get("pad"),
            # Those of GPT-2 by default may not be in the vocabulary.
            **(ends if "eod" in roles else {}),
            # Tensor cores want a multiple of 64; the ids added are never used.
            vocab_size=-(-corpus.vocabulary.size // 64) * 64,
        )
        own = [each.recipe.token_types for each in corpora if each.recipe.modes]
        FAMILIES[config.model_type].complete(config, max(own, default=0))
        return config
    check_name(name)
    inside = [os.path.join(name, each.subfolder) for each in FAMILIES.values() if each.subfolder]
    try:
        return transformers.AutoConfig.from_pretrained(next(filter(os.path.isdir, inside), name))
    except Exception as error:
        if several := sorted(Path(name).glob("*/config.json")):
            raise UsageError(
                f"--model {name} holds the models of several tasks; name the folder of one, such "
                f"as {several[0].parent}"
            ) from error
        raise UsageError(f"--model {name} is no configuration of a model: {error}") from error


def _check_tokens(corpora: Sequence[Corpus]) -> None:
    """Refuses data whose tokenizer lacks special tokens that models need."""
    needed = frozenset[str]().union(*(corpus.recipe.training_roles for corpus in corpora))
    try:
        corpora[0].vocabulary.require(needed)
    except ValueError as error:
        raise UsageError(f"{corpora[0].folder}: {error}") from error


def _check_attention(name: str, family: Family, corpus: Corpus) -> None:
    """Refuses models of another attention than the rows are made for."""
    recipe = corpus.recipe
    if recipe.attention not in family.attention:
        offer = (kind for kind, each in FAMILIES.items() if recipe.attention in each.attention)
        raise UsageError(
            f"--model {name} has {' or '.join(family.attention)} attention, the rows of "
            f"{corpus.folder} ({recipe.name}) need {recipe.attention} attention; train a model of "
            f"type {' or '.join(offer)} on them"
        )


def _check_padding(name: str, config: Any, corpus: Corpus) -> None:
    """Refuses another padding token than that of the data, where models depend on it."""
    pad = corpus.vocabulary.roles.get("pad")
    if "pad" not in corpus.recipe.training_roles:
        # Whoever uses the model has what the tokenizer has.
        config.pad_token_id = pad
    elif config.pad_token_id != pad:
        raise UsageError(
            f"--model {name} has pad_token_id {config.pad_token_id}, the tokenizer of "
            f"{corpus.folder} has {pad}"
        )


def _check_fit(name: str, config: Any, family: Family, corpus: Corpus, longest: int) -> None:
    """Refuses a model that lacks ids, positions, segments or the head that the data need."""
    size, recipe = corpus.vocabulary.size, corpus.recipe
    pair = recipe.pair
    if config.vocab_size < size:
        raise UsageError(
            f"--model {name} has a vocabulary of {config.vocab_size}, the ids of {corpus.folder} "
            f"need {size}"
        )
    # A source has so many tokens at most.
    given = recipe.max_seq_length if recipe.attention == ENCODER_DECODER else longest
    # The last token of a row is predicted, but not seen, if every token is predicted.
    hidden = recipe.predict is not None and recipe.labelled is None
    needed = given - hidden + family.first_position(config)
    positions = family.positions(config)
    if positions is not None and positions < needed:
        raise UsageError(
            f"--model {name} has {positions} positions, the rows of {corpus.folder} need {needed}; "
            "build them with a smaller --max-seq-length"
        )
    # A model that is fine-tuned is given type 0 if it has no other, see `token_types.known_types`.
    segments = None if recipe.labelled is not None else family.segments(config)
    one_segment = segments is not None and segments < recipe.segments == 2
    if pair.task is not None and (one_segment or not family.has_pairs):
        raise UsageError(
            f"--model {name} has no head for the pairs ({', '.join(pair.relations)}) of "
            f"{corpus.folder}; train bert on them, or build a recipe without pairs"
        )
    if one_segment:
        raise UsageError(
            f"--model {name} has no second segment (type_vocab_size {segments}), "
            f"which the rows of {corpus.folder} have; train bert on them, or build a recipe "
            "without pairs"
        )
    # A model with weights is given those of modes that it lacks.
    added = recipe.modes and os.path.isdir(name)
    if segments is not None and segments < recipe.token_types and not added:
        what = "modes of attention" if recipe.modes else "sources and targets"
        raise UsageError(
            f"--model {name} has type_vocab_size {segments}, the {what} of {corpus.folder} "
            f"({recipe.name}) need {recipe.token_types}; set it to as many"
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
