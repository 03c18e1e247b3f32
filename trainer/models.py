"""Finds the model that is asked for by name, and holds it to the data."""

import importlib
import os
import sys
from collections.abc import Mapping
from typing import Any

import torch
import transformers

from schemas.errors import UsageError
from trainer.family import FAMILIES, Family
from trainer.model import Encoder
from trainer.tasks import tasks_of
from trainer.tasks.relation import OWN_CLASSES
from transforms.corpus import Corpus
from transforms.objectives.settings import nearest

_CONTRACT = ("counts", "forward", "save_pretrained")


def _bert(layers: int, hidden: int) -> Mapping[str, Any]:
    return {
        "model_type": "bert",
        "num_hidden_layers": layers,
        "hidden_size": hidden,
        "num_attention_heads": hidden // 64,
        "intermediate_size": 4 * hidden,
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
}
"""Configurations by name; Devlin et al. 2019, Turc et al. 2019 (small, tiny), Liu et al. 2019, and
Lan et al. 2020 without dropout, as its second version."""


def load_model(name: str, corpus: Corpus, longest: int) -> Any:
    """Makes the model to train, with weights drawn from torch's generator unless it has some.

    Args:
      name: One of `PRESETS`, a configuration file (.json), a folder that `from_pretrained` loads,
        or module:callable, which is called with the corpus and returns a
        `trainer.model.TrainableModel`.
      corpus: What it is trained on.
      longest: Most tokens of a row.

    Raises:
      UsageError: if there is no such model, or it does not fit the data.
    """
    if ":" in name and not os.path.exists(name):
        return _own_model(name, corpus)
    folder = name if os.path.isdir(name) else None
    config = _config(name, corpus)
    family = FAMILIES.get(config.model_type)
    if family is None:
        raise UsageError(
            f"--model {name} is of type {config.model_type!r}, which is not trained here; known: "
            f"{', '.join(FAMILIES)}, or your own as module:callable"
        )
    first = config.pad_token_id + 1 if family.after_padding else 0
    _check_fit(name, config, family, corpus, longest + first)
    tasks = tasks_of(corpus.recipe)
    paired = corpus.recipe.pair.task is not None
    kind = getattr(transformers, str(family.pairs if paired else family.masked_lm))
    dropout = config.attention_probs_dropout_prob if name not in PRESETS else 0.0
    # Packed attention has no dropout of its weights, and a sequence is not cut into chunks.
    config.attention_probs_dropout_prob, config.chunk_size_feed_forward = 0.0, 0
    try:
        hf = (
            kind(config)
            if folder is None
            else kind.from_pretrained(folder, config=config, dtype=torch.float32)
        )
    except (KeyError, OSError, RuntimeError, ValueError) as error:
        raise UsageError(f"--model {name} cannot be made: {error}") from error
    notices = [f"attention dropout is 0, not {dropout:g}: packed attention has none"]
    encoder = Encoder(
        hf,
        backbone=family.backbone,
        heads={task.name: task.head(family, config) for task in tasks},
        longest=longest,
        first_position=first,
        notice="; ".join(notices if dropout else []),
    )
    if paired and max(corpus.recipe.pair.labels.values()) >= OWN_CLASSES:
        # The head of Hugging Face stays as it is: it has two answers, and learns nothing.
        family.answer(hf).requires_grad_(requires_grad=False)
    if folder is not None:
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
        if FAMILIES[fields["model_type"]].after_padding:
            fields["max_position_embeddings"] += pad + 1
        # Matrix units of a GPU want a multiple of 64; the ids added are never used.
        fields["vocab_size"] = -(-corpus.vocabulary.size // 64) * 64
        return transformers.AutoConfig.for_model(**fields)
    if not os.path.exists(name):
        raise UsageError(
            f"--model {name!r} is neither a file, a folder nor module:callable; "
            f"{nearest(name, PRESETS)}"
        )
    try:
        config = transformers.AutoConfig.from_pretrained(name)
    except Exception as error:
        raise UsageError(f"--model {name} is no configuration of a model: {error}") from error
    if config.pad_token_id != pad:
        raise UsageError(
            f"--model {name} has pad_token_id {config.pad_token_id}, the tokenizer of "
            f"{corpus.folder} has {pad}"
        )
    return config


def _check_fit(name: str, config: Any, family: Family, corpus: Corpus, positions: int) -> None:
    """Refuses a model that lacks ids, positions or the head that the data need."""
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
    no_head = pair.task is not None and family.pairs is None
    if no_head or (corpus.recipe.segments == 2 and config.type_vocab_size < 2):
        raise UsageError(
            f"--model {name} has no head for the pairs ({', '.join(pair.relations)}) of "
            f"{corpus.folder}; train bert on them, or build a recipe without pairs such as roberta"
        )


def _own_model(name: str, corpus: Corpus) -> Any:
    """Imports and calls module:callable."""
    module, _, attribute = name.partition(":")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        factory = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
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
