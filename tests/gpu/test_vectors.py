"""Vectors of words that a GPU learns are those that the CPU learns."""

import numpy as np
import pytest
import torch

from tests.support.sample_builds import corpus
from trainer.loader.open_corpus import open_local_corpus
from trainer.vectors.options import VectorsOptions
from trainer.vectors.progress import Progress
from trainer.vectors.torch_contexts import TorchContextModel
from trainer.vectors.train import task_of

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@pytest.mark.parametrize("recipe", ["cbow", "skipgram", "fasttext"])
def test_an_epoch_on_a_gpu_is_that_of_the_cpu(recipe: str) -> None:
    options = VectorsOptions(data="", output="", dim=16, epochs=1, threads=2, device="cpu")
    task = task_of(options, open_local_corpus(corpus(recipe)))
    models = [TorchContextModel(task, device, batch=64) for device in ("cpu", "cuda")]
    losses = [model.epoch(0, Progress("words", model.size, 1)) for model in models]
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
    one, other = (model.learned().vectors for model in models)
    assert np.abs(one - other).max() < 0.05 * np.abs(one).max()
