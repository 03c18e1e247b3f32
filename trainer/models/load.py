"""Finds the model that is asked for by name, and holds it to the data."""

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import transformers

from schemas.entities import ENTITIES, entities_text
from schemas.errors import UsageError
from trainer.models.electra_models import discriminator_folder, make_electra
from trainer.models.embeddings import WIDTH, read_embeddings
from trainer.models.family import FAMILIES, Family, made
from trainer.models.model import Encoder, task_embedding
from trainer.tasks.relation import RelationTask
from trainer.tasks.shared import shared_tasks
from transforms.build.corpus import Corpus
from transforms.objectives.recipe import Recipe
from transforms.objectives.settings import nearest

ELECTRA = "electra"
"""The `model_type` that is two models; see `trainer.models.electra`."""
_CONTRACT = ("counts", "forward", "save_pretrained")


def _bert(layers: int, hidden: int) -> Mapping[str, Any]:
    return {
        "model_type": "bert",
        "num_hidden_layers": layers,
        "hidden_size": hidden,
        "num_attention_heads": hidden // 64,
        "intermediate_size": 4 * hidden,
    }


def _electra(hidden: int, embedding: int, generator_size: float) -> Mapping[str, Any]:
    return {
        **_bert(12, hidden),
        "model_type": "electra",
        "embedding_size": embedding,
        "generator_size": generator_size,
    }


def _ernie(layers: int, hidden: int) -> Mapping[str, Any]:
    return {
        **_bert(layers, hidden),
        "model_type": "ernie",
        "use_task_id": True,
        "task_type_vocab_size": 16,
    }


PRESETS: Mapping[str, Mapping[str, Any]] = {
    "bert-base": _bert(12, 768),
    "bert-large": _bert(24, 1024),
    "bert-small": _bert(4, 512),
    "bert-tiny": _bert(2, 128),
    "albert-base": {
        **_bert(12, 768),
        "model_type": "albert",
        "embedding_size": 128,
        "hidden_act": "gelu_new",
        "hidden_dropout_prob": 0.0,
    },
    "roberta-base": {
        **_bert(12, 768),
        "model_type": "roberta",
        "type_vocab_size": 1,
        "layer_norm_eps": 1e-5,
    },
    "ernie-base": _ernie(12, 768),
    "ernie-tiny": _ernie(2, 128),
    "electra-base": _electra(768, 768, 1 / 3),
    "electra-small": _electra(256, 128, 1 / 4),
}
"""Configurations by name; Devlin et al. 2019, Turc et al. 2019 (small, tiny), Liu et al. 2019,
Lan et al. 2020 without dropout, as its second version, Sun et al. 2020 (ERNIE 2.0), with room for
16 tasks, and Clark et al. 2020, table 6, where `generator_size` is the width of the generator."""


def load_model(
    name: str,
    corpus: Corpus,
    longest: int,
    others: Sequence[Corpus] = (),
    entity_embeddings: str | None = None,
) -> Any:
    """Makes the model to train, with weights drawn from torch's generator unless it has some.

    Args:
      name: One of `PRESETS`, a configuration file (.json), a folder that `from_pretrained` loads,
        or module:callable, which is called with the corpus, or with a list of those of a mixture's
        members, and returns a `trainer.models.model.TrainableModel`.
      corpus: What it is trained on, or the first member of it.
      longest: Most tokens of a row.
      others: The other members of a mixture; they have the same vocabulary.
      entity_embeddings: File of embeddings for the entities of the data, see
        `trainer.models.embeddings.read_embeddings`; without it they are learned.

    Raises:
      UsageError: if there is no such model, or it does not fit the data.
    """
    entities = next((each.entities for each in (corpus, *others) if each.entities), ())
    if entity_embeddings is not None and not entities:
        raise UsageError(
            f"--entity-embeddings {entity_embeddings}: {corpus.folder} is not aligned with "
            "entities; leave it out, or build the recipe ernie-thu"
        )
    if ":" in name and not os.path.exists(name):
        if entity_embeddings is not None:
            raise UsageError(
                f"--entity-embeddings {entity_embeddings} is not for your own --model {name}, "
                "which has to read them itself"
            )
        return _own_model(name, [corpus, *others] if others else corpus)
    config = _config(name, corpus)
    family = FAMILIES.get(config.model_type)
    if family is None and config.model_type != ELECTRA:
        raise UsageError(
            f"--model {name} is of type {config.model_type!r}, which is not trained here; known: "
            f"{', '.join((*FAMILIES, ELECTRA))}, or your own as module:callable"
        )
    first = config.pad_token_id + 1 if family and family.after_padding else 0
    for each in (corpus, *others):
        _check_fit(name, config, family, each, longest + first)
    if family is None and others:
        raise UsageError(
            f"--model {name} learns one recipe, and not a mixture; train it on the folder of one "
            f"member, such as {corpus.folder}"
        )
    dropout = config.attention_probs_dropout_prob if name not in PRESETS else 0.0
    own = config.attention_probs_dropout_prob, config.chunk_size_feed_forward
    # Packed attention has no dropout of its weights, and a sequence is not cut into chunks.
    config.attention_probs_dropout_prob, config.chunk_size_feed_forward = 0.0, 0
    notice = f"attention dropout is 0, not {dropout:g}: packed attention has none"
    if family is None:
        electra = make_electra(name, config, corpus, longest, notice if dropout else "")
        _restore(own, config, electra.generator.config, electra.discriminator.config)
        return electra
    recipes = [each.recipe for each in (corpus, *others)]
    embeddings = read_embeddings(entity_embeddings, entities) if entity_embeddings else None
    if entities:
        # What the heads need to know; the names are those of transformers' LUKE.
        config.entity_vocab_size = len(entities)
        learned = getattr(config, "entity_emb_size", WIDTH)
        config.entity_emb_size = learned if embeddings is None else embeddings.shape[1]
    encoder = _encoder(name, config, family, recipes, longest, notice if dropout else "", entities)
    _restore(own, config, encoder.hf.config)
    if embeddings is not None:
        head: Any = encoder.heads["dea"]
        head.freeze(embeddings)
    return encoder


def _restore(own: tuple[float, int], *configs: Any) -> None:
    """Lets what is saved say what the model has by itself, for those who fine-tune it.

    Layers have read their configuration by then.
    """
    for config in configs:
        config.attention_probs_dropout_prob, config.chunk_size_feed_forward = own


def _encoder(
    name: str,
    config: Any,
    family: Family,
    recipes: Sequence[Recipe],
    longest: int,
    notice: str,
    entities: Sequence[str],
) -> Encoder:
    """Makes a masked-LM with the heads that the data need."""
    folder = name if os.path.isdir(name) else None
    tasks = shared_tasks(recipes)
    paired = any(recipe.pair.task is not None for recipe in recipes)
    kind = getattr(transformers, str(family.pairs if paired else family.masked_lm))
    with made(name):
        hf = (
            kind(config)
            if folder is None
            else kind.from_pretrained(folder, config=config, dtype=torch.float32)
        )
    _check_tasks(name, hf, len(recipes))
    encoder = Encoder(
        hf,
        backbone=family.backbone,
        heads={task.name: task.head(family, config) for task in tasks},
        longest=longest,
        first_position=config.pad_token_id + 1 if family.after_padding else 0,
        notice=notice,
        files={ENTITIES: entities_text(entities)} if entities else {},
    )
    if paired and not any(isinstance(task, RelationTask) and task.lent for task in tasks):
        # The head of Hugging Face stays as it is: it has two answers, and learns nothing.
        family.answer(hf).requires_grad_(requires_grad=False)
    if folder is not None:
        with made(name):
            encoder.load_heads(folder)
    return encoder


def _config(name: str, corpus: Corpus) -> Any:
    """Returns the configuration of a Hugging Face model."""
    try:
        corpus.vocabulary.require(frozenset({"pad"}))
    except ValueError as error:
        raise UsageError(f"{corpus.folder}: {error}") from error
    pad = corpus.vocabulary.roles["pad"]
    if name in PRESETS:
        fields = {**PRESETS[name], "pad_token_id": pad, "max_position_embeddings": 512}
        family = FAMILIES.get(fields["model_type"])
        if family is not None and family.after_padding:
            fields["max_position_embeddings"] += pad + 1
        # Matrix units of a GPU want a multiple of 64; the ids added are never used.
        fields["vocab_size"] = -(-corpus.vocabulary.size // 64) * 64
        return transformers.AutoConfig.for_model(**fields)
    if not (os.path.isfile(name) or os.path.isdir(name)):
        raise UsageError(
            f"--model {name!r} is neither a file, a folder nor module:callable; "
            f"{nearest(name, PRESETS)}"
        )
    try:
        config = transformers.AutoConfig.from_pretrained(discriminator_folder(name))
    except Exception as error:
        raise UsageError(f"--model {name} is no configuration of a model: {error}") from error
    if config.pad_token_id != pad:
        raise UsageError(
            f"--model {name} has pad_token_id {config.pad_token_id}, the tokenizer of "
            f"{corpus.folder} has {pad}"
        )
    return config


def _check_fit(
    name: str, config: Any, family: Family | None, corpus: Corpus, positions: int
) -> None:
    """Refuses a model that lacks ids, positions, segments or the head that the data need."""
    size, pair = corpus.vocabulary.size, corpus.recipe.pair
    if config.vocab_size < size:
        raise UsageError(
            f"--model {name} has a vocabulary of {config.vocab_size}, the ids of {corpus.folder} "
            f"need {size}"
        )
    if getattr(config, "is_decoder", False):
        raise UsageError(f"--model {name} is a decoder; masked tokens want an encoder")
    if config.max_position_embeddings < positions:
        raise UsageError(
            f"--model {name} has {config.max_position_embeddings} positions, the rows of "
            f"{corpus.folder} need {positions}; build them with a smaller --max-seq-length"
        )
    one_segment = corpus.recipe.segments == 2 and config.type_vocab_size < corpus.recipe.segments
    if pair.task is not None and (one_segment or family is None or family.pairs is None):
        raise UsageError(
            f"--model {name} has no head for the pairs ({', '.join(pair.relations)}) of "
            f"{corpus.folder}; train bert on them, or build a recipe without pairs such as roberta"
        )
    if one_segment:
        raise UsageError(
            f"--model {name} knows no second segment (type_vocab_size {config.type_vocab_size}), "
            f"which the rows of {corpus.folder} have; train bert on them, or build a recipe "
            "without pairs such as roberta"
        )


def _check_tasks(name: str, hf: Any, members: int) -> None:
    """Refuses a model whose embedding of tasks has fewer numbers than there are members."""
    embedding = task_embedding(hf)
    if embedding is not None and embedding.num_embeddings < members:
        raise UsageError(
            f"--model {name} has task_type_vocab_size {embedding.num_embeddings}, and the mixture "
            f"has {members} members; set it to {members} or more, or use_task_id to false"
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
    lacking = [method for method in _CONTRACT if not callable(getattr(model, method, None))]
    if not isinstance(model, torch.nn.Module) or lacking:
        what = f"has no {', '.join(lacking)}" if lacking else f"is a {type(model).__name__}"
        raise UsageError(
            f"--model {name} must return an nn.Module with the methods {', '.join(_CONTRACT)}; "
            f"what it returned {what}"
        )
    return model
