"""Which predictions are shown, and that they are those of the model."""

import functools
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from tests.support.labelled_builds import labelled
from tests.support.sample_builds import corpus
from tests.support.task_runs import loader, made, rows_of
from trainer.loader.open_corpus import open_local_corpus
from trainer.report.samples import Sampler
from trainer.tasks.guesses import Chosen, token_guesses
from transforms.arrays.randomness import rng_for

CHOSEN = Chosen(
    rows=(2, 5),
    begins=np.array([10, 40]),
    ends=np.array([20, 43]),
    most=3,
    words=lambda number: f"w{number}",
    text=lambda ids: " ".join(map(str, ids)),
    classes={},
    rng=rng_for(1, "samples"),
)


def test_targets_of_the_chosen_rows_are_evenly_spaced() -> None:
    slots = torch.tensor([3, 10, 11, 12, 14, 19, 20, 41, 42, 43])
    known = torch.tensor([True] * 8 + [False, True])
    assert CHOSEN.among(slots, known).tolist() == [1, 3, 5, 7]
    assert list(CHOSEN.named(slots[[1, 3, 5, 7]])) == [(2, 0), (2, 2), (2, 9), (5, 1)]


def test_logits_are_computed_at_the_places_that_are_shown_alone() -> None:
    asked = []

    def logits(at: torch.Tensor) -> torch.Tensor:
        asked.extend(at.tolist())
        return torch.tensor([[0.0, 3.0, 1.0]]).expand(len(at), 3)

    slots, labels = torch.tensor([0, 12, 41]), torch.tensor([1, 1, -100])
    [guess] = token_guesses(slots, labels, logits, CHOSEN)
    assert asked == [1]
    assert (guess.row, guess.at, guess.right) == (2, 2, "w1")
    assert [word for word, _ in guess.best] == ["w1", "w2", "w0"]
    assert sum(share or 0 for _, share in guess.best) == pytest.approx(1, abs=1e-3)


@functools.cache
def first_batch(kind: str) -> Any:
    return next(iter(loader(kind)))


def test_classes_are_those_that_the_model_says_of_the_row_alone(tmp_path: Any) -> None:
    model = made(tmp_path, "classify").eval()
    build = open_local_corpus(labelled("classify"))
    batch = first_batch("classify")
    with torch.no_grad():
        samples = Sampler(model, {"": build}, seed=3).taken(batch, "")
        again = Sampler(model, {"": build}, seed=3).taken(batch, "")
        others = Sampler(model, {"": build}, seed=4).taken(batch, "")
    assert samples == again
    assert [each["text"] for each in samples] != [each["text"] for each in others]
    # What the classifier says of all rows of the batch, by their text.
    with torch.no_grad():
        logits = model.logits(batch)
    words = Tokenizer.from_str(build.tokenizer_json)
    texts = [words.decode(row["input_ids"][0].tolist()) for row in rows_of(batch)]
    assert build.recipe.labelled is not None
    names = build.recipe.labelled.names
    for each in samples:
        text = " ".join(" ".join(each["text"][1:-1]).split())
        [row] = [
            number
            for number, found in enumerate(texts)
            if found.replace(" ", "") == text.replace(" ", "")
        ]
        [prediction] = each["predictions"]
        assert prediction["right"] == names[batch["row_labels"][row]]
        assert prediction["best"][0][0] == names[int(logits[row].argmax())]
        share = float(logits[row].softmax(-1).max())
        assert prediction["best"][0][1] == pytest.approx(share, abs=1e-3)


def test_a_model_without_guesses_has_no_samples() -> None:
    build = open_local_corpus(corpus("bert-wwm"))
    assert Sampler(torch.nn.Linear(1, 1), {"": build}, seed=1).taken({}, "") == []
