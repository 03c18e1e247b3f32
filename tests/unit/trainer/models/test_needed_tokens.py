"""What training needs of a tokenizer, the build asks for."""

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
import torch

from schemas.errors import UsageError
from schemas.word_list import WordList
from tests.support.language_rows import corpus_of
from trainer.loader.other_objective import with_objective
from trainer.models.load import FAMILIES, load_model
from trainer.models.presets import PRESETS
from transforms.build.corpus import Corpus
from transforms.objectives import OBJECTIVES

ALL = {"cls": 0, "sep": 1, "mask": 2, "pad": 3, "unk": 4, "eod": 5}
WITHOUT_PADDING = ["gpt", "transformer-xl", "xlnet", "elmo"]
EVERY = pytest.mark.parametrize("name", [n for n, each in OBJECTIVES.items() if each.evaluated])


def with_tokens(recipe: Any, roles: Iterable[str]) -> Corpus:
    """A corpus whose tokenizer has these special tokens and no others."""
    found = corpus_of(recipe)
    vocabulary = dataclasses.replace(
        found.vocabulary,
        roles={role: ALL[role] for role in roles},
        names={role: f"<{role}>" for role in roles},
        sentinels=tuple(range(40, 40 + 300)),
        size=400,
    )
    text = WordList(["the", "cat"], np.array([2, 1])).tokenizer_json
    return dataclasses.replace(
        found, vocabulary=vocabulary, entities=("Q1", "Q2"), tokenizer_json=text
    )


def refusals(corpus: Corpus) -> dict[str, str]:
    """What each preset with the attention of a recipe says of a corpus, "" where it is made."""
    found = {}
    for preset, fields in PRESETS.items():
        if corpus.recipe.attention not in FAMILIES[fields["model_type"]].attention:
            continue
        try:
            with torch.device("meta"):
                load_model(preset, [corpus], longest=64)
        except UsageError as error:
            found[preset] = str(error)
        else:
            found[preset] = ""
    return found


@EVERY
def test_models_need_no_token_but_those_that_the_build_asks_for(name: str) -> None:
    recipe = OBJECTIVES[name]
    corpus = with_tokens(recipe, recipe.roles | recipe.training_roles)
    recipe.check_vocabulary(corpus.vocabulary)
    found = refusals(corpus)
    assert ("" in found.values()) == (name != "annotated")
    assert [text for text in found.values() if "token TOKEN" in text] == []


@EVERY
def test_a_tokenizer_that_training_refuses_is_refused_by_the_build(name: str) -> None:
    recipe = OBJECTIVES[name]
    corpus = with_tokens(recipe, {*ALL} - {"pad"})
    if name in WITHOUT_PADDING:
        recipe.check_vocabulary(corpus.vocabulary)
        assert "" in refusals(corpus).values()
        return
    with pytest.raises(ValueError, match=r"no \[PAD\] or <pad> token.*--pad-token TOKEN"):
        recipe.check_vocabulary(corpus.vocabulary)
    assert {*map(bool, refusals(corpus).values())} == {True}


@pytest.mark.parametrize("objective", ["bert", "bart", "mass", "ernie-gen", "electra"])
def test_objectives_of_rows_without_masks_find_their_tokens(objective: str) -> None:
    recipe = OBJECTIVES["annotated"]
    corpus = with_tokens(recipe, recipe.roles | recipe.training_roles)
    recipe.check_vocabulary(corpus.vocabulary)
    assert "" in refusals(with_objective(corpus, objective)).values()
