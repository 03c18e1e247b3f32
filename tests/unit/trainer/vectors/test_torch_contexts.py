"""Predictions that are learned in torch are those of the loops, and learned likewise."""

from typing import Any

import numpy as np
import pytest
import torch

from schemas.records import Array
from tests.oracles.word_vectors import SlowVectors
from tests.support.sample_builds import corpus
from trainer.loader.open_corpus import open_local_corpus
from trainer.vectors.laws import keep_thresholds, negative_table
from trainer.vectors.options import VectorsOptions
from trainer.vectors.predictions import BAGS, CBOW, PAIRS, Predictions, draw_predictions
from trainer.vectors.progress import Progress
from trainer.vectors.subwords import Bags, ngram_bags, single_bags
from trainer.vectors.torch_contexts import TorchContextModel, learn_batch
from trainer.vectors.train import task_of

WORDS = ["", "", "", "an", "ana", "banana", "bcd"]
COUNTS = np.array([6, 0, 0, 30, 12, 9, 7])
ROWS = [[3, 4, 5, 3, 6, 3, 0], [3], [5, 4], [6, 5, 4, 3, 4, 3, 3, 6, 5, 4]] * 2
KEY = 0x0123456789ABCDEF
DIM = 5
KINDS = {"cbow": CBOW, "pairs": PAIRS, "bags": BAGS}


def drawn(bags: Bags, law: str, kind: int) -> Predictions:
    ids = np.array([word for row in ROWS for word in row], np.int32)
    offsets = np.cumsum([0, *map(len, ROWS)])
    negatives = (*negative_table(COUNTS, law), law == "fasttext")
    given: Any = ids, offsets, 0, np.uint64(KEY), keep_thresholds(COUNTS, 0.1), negatives
    bag = bags.rows.values, bags.rows.offsets, bags.gains
    return draw_predictions(*given, bag, (3, 4), kind)


def tensors(made: Predictions, begin: int, end: int) -> list[torch.Tensor]:
    """What `learn_batch` takes of some predictions."""
    offsets = np.cumsum([0, *made.sizes])
    words = np.concatenate([made.targets[:, None], made.negatives], axis=1)[begin:end]
    inputs = made.inputs[offsets[begin] : offsets[end]]
    owners = np.repeat(np.arange(end - begin), made.sizes[begin:end])
    shares = (1 / made.sizes[begin:end]).astype(np.float32)
    arrays: list[Array] = [words.astype(np.int64), inputs.astype(np.int64), owners, shares]
    return [torch.from_numpy(each) for each in arrays]


@pytest.mark.parametrize(
    ("architecture", "law", "ngrams"),
    [
        ("cbow", "word2vec", False),
        ("pairs", "word2vec", False),
        ("bags", "fasttext", True),
        ("cbow", "fasttext", True),
    ],
)
def test_batches_of_one_are_the_slow_loop(architecture: str, law: str, ngrams: bool) -> None:
    bags = ngram_bags(WORDS, 1, 3, 11) if ngrams else single_bags(len(WORDS))
    rng = np.random.default_rng(3)
    inputs, outputs = (
        torch.from_numpy(rng.normal(size=(size, DIM)).astype(np.float32))
        for size in (bags.size, len(WORDS))
    )
    thresholds, others = negative_table(COUNTS, law)
    slow = SlowVectors(
        inputs=inputs.tolist(),
        outputs=outputs.tolist(),
        bags=[bags.rows.row(word).tolist() for word in range(len(WORDS))],
        keep=keep_thresholds(COUNTS, 0.1).tolist(),
        table=(thresholds.tolist(), others.tolist()),
        again=law == "fasttext",
        steps=10**9,
        bound=40,
        window=3,
        negatives=4,
        at_once=True,
    )
    slow.train(ROWS, KEY, [0.2] * len(ROWS), architecture)
    made, loss = drawn(bags, law, KINDS[architecture]), 0.0
    for number in range(len(made)):
        given = tensors(made, number, number + 1)
        loss += float(learn_batch(inputs, outputs, *given, torch.tensor([0.2])))
    assert len(made) == slow.predictions > 15
    assert inputs.numpy() == pytest.approx(np.array(slow.inputs), abs=2e-5)
    assert outputs.numpy() == pytest.approx(np.array(slow.outputs), abs=2e-5)
    assert loss == pytest.approx(slow.loss, rel=1e-4)


def test_gradients_of_a_batch_add_up() -> None:
    """Each is that of the vectors before the batch."""
    made = drawn(single_bags(len(WORDS)), "word2vec", PAIRS)
    rng = np.random.default_rng(4)
    start = [torch.from_numpy(rng.normal(size=(7, DIM)).astype(np.float32)) for _ in range(2)]
    sums = [torch.zeros_like(each) for each in start]
    for number in range(len(made)):
        tables = [each.clone() for each in start]
        learn_batch(*tables, *tensors(made, number, number + 1), torch.tensor([0.2]))
        for total, after, before in zip(sums, tables, start, strict=True):
            total += after - before
    tables = [each.clone() for each in start]
    learn_batch(*tables, *tensors(made, 0, len(made)), torch.full((len(made),), 0.2))
    for after, before, total in zip(tables, start, sums, strict=True):
        assert torch.allclose(after, before + total, atol=1e-4)


@pytest.mark.parametrize("recipe", ["cbow", "skipgram", "fasttext"])
def test_an_epoch_on_the_cpu_learns(recipe: str) -> None:
    options = VectorsOptions(data="", output="", dim=8, epochs=2, threads=2, device="cpu")
    task = task_of(options, open_local_corpus(corpus(recipe)))
    model = TorchContextModel(task, "cpu", batch=64)
    progress = Progress("words", model.size, 2)
    losses = [model.epoch(number, progress) for number in range(2)]
    assert losses[1] < losses[0] < 5
    assert np.isfinite(model.learned().vectors).all()
