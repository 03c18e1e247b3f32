"""What is saved of a configuration is what was given, but for what a reason is named for."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import transformers

from schemas.word_list import WordList
from tests.support.language_rows import corpus_of
from tests.support.task_runs import FAMILIES as TASK_TYPES
from tests.support.task_runs import made
from trainer.models.load import FAMILIES, load_model
from transforms.build.corpus import Corpus
from transforms.objectives import OBJECTIVES

ROLES = {"cls": 0, "sep": 1, "mask": 2, "pad": 3, "unk": 4, "eod": 5}
_ENCODER = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "embedding_size": 16,
    "max_position_embeddings": 600,
    "type_vocab_size": 2,
    "hidden_dropout_prob": 0.2,
    "attention_probs_dropout_prob": 0.3,
    "chunk_size_feed_forward": 4,
}
_GPT = {
    "n_layer": 1,
    "n_embd": 16,
    "n_head": 2,
    "n_positions": 600,
    "attn_pdrop": 0.3,
    "resid_pdrop": 0.2,
}
_BART = {
    "d_model": 16,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 32,
    "decoder_ffn_dim": 32,
    "max_position_embeddings": 600,
    "attention_dropout": 0.3,
    "dropout": 0.2,
}
FIELDS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "albert": ("albert", _ENCODER),
    "bert": ("bert", _ENCODER),
    "ernie": ("bert", _ENCODER),
    "roberta": ("roberta", _ENCODER),
    "xlm-roberta": ("roberta", _ENCODER),
    "electra": ("electra", _ENCODER),
    "gpt2": ("gpt", _GPT),
    "openai-gpt": ("gpt", _GPT),
    "xlnet": (
        "xlnet",
        {
            "n_layer": 1,
            "d_model": 16,
            "n_head": 2,
            "d_inner": 32,
            "dropout": 0.3,
            "mem_len": None,
            "reuse_len": None,
        },
    ),
    "bart": ("bart", _BART),
    "prophetnet": (
        "prophetnet",
        {
            "hidden_size": 16,
            "num_encoder_layers": 1,
            "num_decoder_layers": 1,
            "num_encoder_attention_heads": 2,
            "num_decoder_attention_heads": 2,
            "encoder_ffn_dim": 32,
            "decoder_ffn_dim": 32,
            "attention_dropout": 0.3,
            "max_position_embeddings": 600,
        },
    ),
    "t5": ("t5", {"num_layers": 1, "d_model": 16, "d_kv": 8, "num_heads": 2, "d_ff": 32}),
    "elmo": ("elmo", {"hidden_size": 16, "cell_size": 16}),
}
"""A recipe and a small configuration of each family."""
OF_LIBRARY = {"_name_or_path", "architectures", "dtype", "transformers_version"}
OF_TOKENIZER = {"bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id"}
"""Special tokens are those of the data."""
REASONS: Mapping[str, set[str]] = {
    # The memory that the rows are made for.
    "xlnet": {"mem_len", "reuse_len"},
    # `shardmill generate` reads what the decoder writes.
    "bart": {"forced_eos_token_id", "denoising"},
    "prophetnet": {"denoising"},
    "t5": {"denoising"},
}
GENERATOR = {"hidden_size", "intermediate_size", "num_attention_heads"}
"""ELECTRA's generator is smaller than the discriminator, whose configuration it is."""


def corpus(recipe: str) -> Corpus:
    """Returns a corpus with a tokenizer that has all special tokens."""
    found = corpus_of(OBJECTIVES[recipe])
    vocabulary = dataclasses.replace(
        found.vocabulary,
        size=400,
        roles=ROLES,
        names={role: f"<{role}>" for role in ROLES},
        sentinels=tuple(range(40, 340)),
    )
    words = WordList(["the", "cat"], np.array([2, 1])).tokenizer_json
    return dataclasses.replace(found, vocabulary=vocabulary, tokenizer_json=words)


def fields_of(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = transformers.AutoConfig.from_pretrained(path).to_dict()
    return found


def changed(given: Mapping[str, Any], saved: Mapping[str, Any]) -> set[str]:
    names = {*given, *saved}
    return {name for name in names if given.get(name, ...) != saved.get(name, ...)} - OF_LIBRARY


@pytest.mark.parametrize("model_type", FAMILIES)
def test_a_configuration_is_saved_as_it_was_given(model_type: str, tmp_path: Path) -> None:
    recipe, fields = FIELDS[model_type]
    path = tmp_path / "given.json"
    own = {"model_type": model_type, "vocab_size": 400, "pad_token_id": ROLES["pad"]}
    path.write_text(json.dumps({**own, **fields}), "utf-8")
    given = fields_of(path)
    load_model(str(path), [corpus(recipe)], 64).save_pretrained(tmp_path / "out")
    allowed = OF_TOKENIZER | REASONS.get(model_type, set())
    saved = sorted((tmp_path / "out").rglob("config.json"))
    assert saved
    for each in saved:
        small = GENERATOR if each.parent.name == "generator" else set()
        assert changed(given, fields_of(each.parent)) <= allowed | small, each
    # What training cannot have is in the file as it was asked for.
    written = json.loads(saved[0].read_text("utf-8"))
    asked = {name: value for name, value in fields.items() if "drop" in name}
    assert {name: written[name] for name in asked} == asked


@pytest.mark.parametrize("model_type", TASK_TYPES)
def test_a_fine_tuned_model_keeps_the_dropout_that_was_asked_for(
    model_type: str, tmp_path: Path
) -> None:
    asked = {"attention_probs_dropout_prob": 0.3, "chunk_size_feed_forward": 4}
    made(tmp_path, "classify", model_type, **asked).save_pretrained(tmp_path / "out")
    written = json.loads((tmp_path / "out" / "config.json").read_text("utf-8"))
    assert {name: written[name] for name in asked} == asked
