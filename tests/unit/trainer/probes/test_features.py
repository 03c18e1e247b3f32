"""What a probe sees is what the classes of Hugging Face compute of each row alone."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from schemas.records import Array
from tests.support.labelled_builds import labelled
from tests.support.sample_builds import corpus
from tests.support.training_runs import tiny_config
from trainer.loader.open_corpus import open_local_corpus
from trainer.models.load import load_model
from trainer.probes.features import features_of
from trainer.probes.task_rows import TaskRows, is_label, open_rows, padded_batches
from trainer.seeding import seed_torch
from transforms.arrays.ragged import Ragged

CPU = torch.device("cpu")
SIZES: dict[str, Any] = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1}
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "bert": ("bert-wwm", {**SIZES}),
    "roberta": (
        "roberta",
        {**SIZES, "type_vocab_size": 1, "pad_token_id": None, "max_position_embeddings": 160},
    ),
    "albert": ("bert-wwm", {**SIZES, "embedding_size": 8}),
    "electra": ("electra", {**SIZES, "embedding_size": 16}),
    "gpt2": ("gpt", {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 128}),
}


def made(kind: str, folder: Path) -> tuple[Any, Any]:
    """Returns a model in training, and one of Hugging Face alone with the same weights."""
    recipe, fields = MODELS[kind]
    data = open_local_corpus(corpus(recipe))
    given = {**fields, "pad_token_id": data.vocabulary.roles.get("pad")}
    seed_torch(1, "weights")
    model = load_model(str(tiny_config(folder, model_type=kind, **given)), [data], 128)
    hf = model.discriminator if kind == "electra" else model.hf
    config = copy.deepcopy(hf.config)
    plain = type(hf)._from_config(config, attn_implementation="eager")
    plain.load_state_dict(hf.state_dict())
    return model.eval(), plain.eval()


def alone(kind: str, plain: Any, rows: TaskRows, segments: int | None) -> list[Array]:
    """Returns the hidden states of each row, which the model is given without others."""
    found = []
    for number in rows.numbers:
        row = rows.shards.rows(np.array([number]))
        types = row.token_types.astype(np.int64)
        given = {"input_ids": torch.from_numpy(row.tokens.values.astype(np.int64))[None]}
        if kind != "gpt2" and segments != 1:
            given["token_type_ids"] = torch.from_numpy(types)[None]
        if kind == "roberta":
            given["attention_mask"] = torch.ones_like(given["input_ids"])
            first = plain.config.pad_token_id + 1
            given["position_ids"] = torch.arange(first, first + len(types))[None]
        with torch.no_grad():
            found.append(plain.base_model(**given).last_hidden_state[0].numpy())
    return found


@pytest.mark.parametrize("task", ["pair", "tag"])
@pytest.mark.parametrize("kind", MODELS)
def test_features_are_the_hidden_states_of_the_last_layer(
    kind: str, task: str, tmp_path: Path
) -> None:
    model, plain = made(kind, tmp_path)
    rows = open_rows(open_local_corpus(labelled(task)), "eval", None)
    segments = {"roberta": 1}.get(kind)
    with torch.no_grad():
        found, labels = features_of(model, rows, tokens=256, segments=segments, device=CPU)
    states = alone(kind, plain, rows, segments)
    stored = rows.shards.labels_of(np.arange(len(rows.shards)), rows.column)
    if isinstance(stored, Ragged):
        own = [stored.row(number) for number in rows.numbers]
        expected = np.concatenate(
            [each[label >= 0] for each, label in zip(states, own, strict=True)]
        )
        expected_labels = np.concatenate([label[label >= 0] for label in own])
    else:
        expected = np.array([each.mean(axis=0) for each in states])
        expected_labels = stored[rows.numbers]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(labels, expected_labels)
    assert len(found) >= 32


def test_labels_that_are_given() -> None:
    assert is_label(np.array([-1, 0, 3], np.int32)).tolist() == [False, True, True]
    assert is_label(np.array([np.nan, -1.5, 0], np.float32)).tolist() == [False, True, True]


def test_shorter_rows_come_first() -> None:
    rows = open_rows(open_local_corpus(labelled("classify")), "train", None)
    assert len(rows) == 96
    lengths = rows.shards.lengths[rows.numbers]
    assert (np.diff(lengths) >= 0).all()
    assert rows.longest == lengths[-1] == rows.shards.lengths.max()


def test_the_same_rows_are_drawn_every_time() -> None:
    data = open_local_corpus(labelled("classify"))
    one, again, whole = (open_rows(data, "train", most) for most in (30, 30, None))
    assert one.numbers.tolist() == again.numbers.tolist()
    assert len({*one.numbers.tolist()}) == 30
    assert {*one.numbers.tolist()} < {*whole.numbers.tolist()}
    # They are of both shards.
    assert one.numbers.min() < 48 <= one.numbers.max()


@given(st.lists(st.integers(1, 60), min_size=1, max_size=40), st.integers(1, 130))
def test_batches_are_as_large_as_fits(lengths: list[int], tokens: int) -> None:
    ascending = np.array(sorted(lengths))
    found = [*padded_batches(ascending, tokens)]
    assert [number for begin, end in found for number in range(begin, end)] == [
        *range(len(lengths))
    ]
    for begin, end in found:
        assert end == begin + 1 or (end - begin) * ascending[end - 1] <= tokens
        assert end == len(lengths) or (end - begin + 1) * ascending[end] > tokens
