"""ELMo: states of lanes, directions, losses, and what a saved network is used for."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from schemas.errors import UsageError
from tests.support.sample_builds import corpus
from trainer.loader.batches import ArrowBatches
from trainer.loader.open_corpus import open_local_corpus
from trainer.models.elmo import TERMS, Elmo
from trainer.models.elmo_config import ElmoConfig
from trainer.models.elmo_lstm import TwoWayLstm
from trainer.models.elmo_vectors import ElmoVectors
from trainer.models.load import load_model
from trainer.seeding import seed_torch
from transforms.build.corpus import Corpus


def opened() -> Corpus:
    return open_local_corpus(corpus("elmo"))


@pytest.fixture(scope="module")
def model() -> Elmo:
    seed_torch(1, "weights")
    found: Elmo = load_model("elmo-tiny", [opened()], 21)
    return found.eval()


def config(**fields: Any) -> ElmoConfig:
    return ElmoConfig(hidden_size=4, cell_size=6, dropout=0.0, **fields)


def by_hand(lstm: TwoWayLstm, direction: int, words: Tensor, clip: float) -> list[list[Tensor]]:
    """Every layer's outputs for one row, a word and a gate at a time."""
    layers = []
    given = list(words)
    for number, gates in enumerate(lstm.gates):
        weight, bias = gates[direction], lstm.biases[number].view(2, -1)[direction]
        output, cell, outputs = torch.zeros(4), torch.zeros(6), []
        for word in given:
            opened = torch.cat([word, output]) @ weight + bias
            into, value, forget, out = (opened[6 * n : 6 * n + 6] for n in range(4))
            cell = torch.sigmoid(forget + 1) * cell + torch.sigmoid(into) * torch.tanh(value)
            cell = cell.clamp(-clip, clip)
            output = (torch.sigmoid(out) * torch.tanh(cell)) @ lstm.projections[number][direction]
            output = output.clamp(-clip, clip)
            outputs.append(output)
        given = [one + two for one, two in zip(outputs, given, strict=True)] if number else outputs
        layers.append(given)
    return layers


@pytest.mark.parametrize("clip", [3.0, 0.2])
def test_layers_are_what_the_equations_say(clip: float) -> None:
    seed_torch(2, "lstm")
    lstm = TwoWayLstm(config(clip=clip))
    words = 3 * torch.randn(2, 3, 5, 4)
    with torch.no_grad():
        found, state = lstm(words, lstm.begin(3))
        for direction in range(2):
            for row in range(3):
                layers = by_hand(lstm, direction, words[direction, row], clip)
                for mine, theirs in zip(layers, found, strict=True):
                    torch.testing.assert_close(torch.stack(mine), theirs[direction, row])
    assert state.outputs.shape == (2, 2, 3, 4)
    assert state.cells.shape == (2, 2, 3, 6)
    assert float(state.cells.abs().max()) <= clip + 1e-6


def test_layers_go_on_from_a_state() -> None:
    seed_torch(2, "lstm")
    lstm, words = TwoWayLstm(config()), torch.randn(2, 3, 9, 4)
    whole, after = lstm(words, lstm.begin(3))
    one, between = lstm(words[:, :, :4], lstm.begin(3))
    two, last = lstm(words[:, :, 4:], between)
    for parts, all_of_it in zip(zip(one, two, strict=True), whole, strict=True):
        torch.testing.assert_close(torch.cat(parts, dim=2), all_of_it)
    torch.testing.assert_close(last.cells, after.cells)


def batches(**options: Any) -> ArrowBatches:
    fields = {"batch_tokens": 160, "layout": "lanes", "seed": 5, "checksums": False, **options}
    return ArrowBatches(opened(), **fields)


def test_lanes_are_read_as_a_whole_stream_is(model: Elmo) -> None:
    """Rows of 20 words with a state between them are one long row."""
    lanes = list(batches(split="eval", shuffle=False, lanes=2))
    state, losses = None, dict.fromkeys(TERMS, 0.0)
    with torch.no_grad():
        for batch in lanes:
            terms, state = model(batch, state)
            for name, term in terms.items():
                losses[name] += float(term.loss)
        rows = [batch["input_ids"] for batch in lanes]
        whole = {
            "input_ids": torch.cat(rows, dim=1),
            "labels": torch.cat([batch["labels"] for batch in lanes], dim=1),
            "reset": torch.ones(2, dtype=torch.bool),
        }
        expected, after = model(whole)
    assert len(lanes) > 5
    for name in TERMS:
        assert losses[name] == pytest.approx(float(expected[name].loss), rel=1e-4)
    assert state is not None
    torch.testing.assert_close(state["cells"], after["cells"], rtol=1e-4, atol=1e-5)
    assert state["cells"].shape == (2, 2, 64)
    assert state["outputs"].shape == (2, 2, 32)


def test_a_lane_that_begins_anew_has_no_state(model: Elmo) -> None:
    first, second = list(batches(lanes=4))[:2]
    reset = torch.tensor([True, False, False, True])
    with torch.no_grad():
        _, state = model(first)
        _, kept = model({**second, "reset": torch.zeros(4, dtype=torch.bool)}, state)
        _, found = model({**second, "reset": reset}, state)
        _, fresh = model(second)
    for name in ("outputs", "cells"):
        torch.testing.assert_close(found[name][reset], fresh[name][reset])
        torch.testing.assert_close(found[name][~reset], kept[name][~reset])
        assert not torch.equal(found[name][reset], kept[name][reset])


def test_directions_do_not_see_each_other(model: Elmo) -> None:
    batch = next(iter(batches(lanes=4)))
    changed = batch["input_ids"].clone()
    changed[2:] = changed[2:].flip(1)
    with torch.no_grad():
        one, _ = model(batch)
        two, _ = model({**batch, "input_ids": changed})
    assert torch.equal(one["forward"].loss, two["forward"].loss)
    assert not torch.equal(one["reversed"].loss, two["reversed"].loss)


def test_gradients_are_those_of_the_loss_times_the_words_of_a_row(model: Elmo) -> None:
    batch = next(iter(batches(lanes=4)))
    terms, _ = model(batch)
    model.hf.zero_grad()
    sum(term.loss for term in terms.values()).backward()
    bias = model.hf.softmax.bias.grad
    # That of a bias are probabilities less labels, which add up to 0; at 0 it is 1 / V less 1.
    labels = batch["labels"].flatten()
    with torch.no_grad():
        hidden = model.hf.layers(
            model._read(batch["input_ids"]).unflatten(0, (2, -1)), model.hf.layers.begin(2)
        )[0][-1]
        chances = model.hf.softmax(hidden.flatten(0, 2)).softmax(-1).sum(0)
    expected = 20 * (chances - torch.bincount(labels, minlength=len(chances)))
    torch.testing.assert_close(bias, expected, rtol=1e-3, atol=1e-3)
    model.hf.zero_grad()


def test_words_are_drawn_in_training_alone(model: Elmo) -> None:
    batch = next(iter(batches(lanes=4)))
    model.hf.config.dropout, before = 0.0, model.hf.config.dropout
    model.train()
    losses = []
    for seed in (1, 1, 2):
        seed_torch(seed, "draws")
        losses.append(model(batch)[0]["forward"].loss.item())
    model.eval()
    model.hf.config.dropout = before
    assert losses[0] == losses[1] != losses[2]
    assert len({model(batch)[0]["forward"].loss.item() for _ in range(3)}) == 1


def test_a_small_vocabulary_is_predicted_whole() -> None:
    seed_torch(1, "weights")
    found = load_model("elmo-small", [opened()], 21)
    assert found._drawn is None
    assert {term.weight for term in found(next(iter(batches(lanes=2))))[0].values()} == {0.5}


@pytest.fixture
def vectors(model: Elmo, tmp_path: Path) -> ElmoVectors:
    model.save_pretrained(tmp_path / "saved")
    return ElmoVectors.load(tmp_path / "saved")


SENTENCES = [["The", "cat"], [], ["Zzyzx", "中", "é", "the", "the"], ["a"]]


def test_vectors_of_any_words(vectors: ElmoVectors) -> None:
    found = vectors.layers(SENTENCES)
    assert [each.shape for each in found] == [(3, len(each), 64) for each in SENTENCES]
    assert {each.dtype for each in found} == {np.dtype(np.float32)}
    assert np.array_equal(found[2][0, :, :32], found[2][0, :, 32:])
    # A word without its context is the same everywhere; with it, it is not.
    assert np.array_equal(found[2][0, 3], found[2][0, 4])
    assert not np.array_equal(found[2][1, 3], found[2][1, 4])
    assert vectors.layers([]) == []


def test_other_sentences_change_nothing(vectors: ElmoVectors) -> None:
    together = vectors.layers(SENTENCES)
    for sentence, found in zip(SENTENCES, together, strict=True):
        [alone] = vectors.layers([sentence])
        np.testing.assert_allclose(alone, found, rtol=1e-5, atol=1e-5)
    for one, two in zip(vectors.layers(SENTENCES, 1), together, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-5)


def test_each_direction_sees_what_is_on_its_side(vectors: ElmoVectors) -> None:
    one, two = vectors.layers([["a", "b", "c"], ["a", "b", "x"]])
    for layer in (1, 2):
        assert np.array_equal(one[layer, :2, :32], two[layer, :2, :32])
        assert (one[layer, :, 32:] != two[layer, :, 32:]).any(axis=1).all()


def test_vectors_are_those_of_training(vectors: ElmoVectors, model: Elmo) -> None:
    """A sentence at the begin of both streams: the lanes of a batch, against the use."""
    ids = opened()
    words = ["the", "a", "it"]
    number = json.loads(ids.tokenizer_json)["model"]["vocab"]
    forward = [1, *(number[word] for word in words)]
    backward = [0, *(number[word] for word in reversed(words))]
    with torch.no_grad():
        read = model._read(torch.tensor([forward, backward])).unflatten(0, (2, -1))
        layers, _ = model.hf.layers(read, model.hf.layers.begin(1))
    [found] = vectors.layers([words])
    for layer, each in enumerate(layers, 1):
        np.testing.assert_allclose(found[layer, :, :32], each[0, 0, 1:], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(
            found[layer, :, 32:], each[1, 0, 1:].flip(0), rtol=1e-5, atol=1e-6
        )


def test_what_is_no_elmo_is_refused(tmp_path: Path, vectors: ElmoVectors) -> None:
    with pytest.raises(UsageError, match="is no folder; give one that"):
        ElmoVectors.load(tmp_path / "nothing")
    with pytest.raises(UsageError, match="cannot be made"):
        ElmoVectors.load(tmp_path)
    with pytest.raises(UsageError, match="a sentence is a list of words, got the string 'The cat'"):
        vectors.layers(["The cat"])


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ([1], r"a sentence is a list of words, got 1 \(int\)"),
        ([["a"], [1]], r"a word is a string, got 1 \(int\) in a sentence; give words, and no ids"),
        ([["a", None]], r"a word is a string, got None \(NoneType\)"),
        ([[["a"]]], r"a word is a string, got \['a'\] \(list\)"),
        ([b"a"], r"a word is a string, got 97 \(int\)"),
        ([["x\ud800"]], r"the word 'x\\ud800' has half of a surrogate pair"),
    ],
)
def test_what_are_no_words_is_refused(wrong: Any, told: str, vectors: ElmoVectors) -> None:
    with pytest.raises(UsageError, match=told):
        vectors.layers(wrong)


def test_words_may_be_in_arrays(vectors: ElmoVectors) -> None:
    words: Any = np.array(["The", "cat"])
    assert np.array_equal(vectors.layers([words])[0], vectors.layers([["The", "cat"]])[0])


def test_a_saved_model_goes_on(model: Elmo, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path / "saved")
    again = load_model(str(tmp_path / "saved"), [opened()], 21)
    for name, weight in model.state_dict().items():
        assert torch.equal(weight, again.state_dict()[name]), name


def test_negatives_that_cannot_be(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    size = opened().vocabulary.size
    fields = ElmoConfig(hidden_size=4, cell_size=4, vocab_size=size, negatives=-1).to_json_string()
    path.write_text(fields, "utf-8")
    with pytest.raises(UsageError, match="cannot be made: count must be in"):
        load_model(str(path), [opened()], 21)
