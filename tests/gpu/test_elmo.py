"""ELMo on a GPU: the losses of the CPU, and those of bfloat16."""

import pytest
import torch
from torch import Tensor

from tests.support.sample_builds import corpus
from trainer.loader.batches import ArrowBatches
from trainer.loader.open_corpus import open_local_corpus
from trainer.models.load import load_model
from trainer.seeding import seed_torch

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

DEVICE = "cuda"


def losses(device: str, *, bf16: bool) -> Tensor:
    """Returns the losses of both directions in three batches that go on in their lanes."""
    data = open_local_corpus(corpus("elmo"))
    seed_torch(5, "gpu-elmo")
    model = load_model("elmo-tiny", [data], 21).to(device).eval()
    state, found = None, []
    for batch, _ in zip(
        ArrowBatches(data, batch_tokens=640, layout="lanes"), range(3), strict=False
    ):
        there = {name: tensor.to(device) for name, tensor in batch.items()}
        with torch.autocast(device, torch.bfloat16, enabled=bf16):
            terms, after = model(there, state)
        state = {name: each.detach() for name, each in after.items()}
        total = sum(term.loss for term in terms.values())
        assert isinstance(total, Tensor)
        total.backward()
        found += [term.loss.detach().cpu() for term in terms.values()]
    for name, weight in model.named_parameters():
        assert weight.grad is not None, name
        assert bool(weight.grad.isfinite().all()), name
    return torch.stack(found)


def test_the_losses_are_those_of_the_cpu() -> None:
    found, expected = losses(DEVICE, bf16=False), losses("cpu", bf16=False)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=0)


def test_bfloat16_loses_what_float32_does() -> None:
    found, expected = losses(DEVICE, bf16=True), losses(DEVICE, bf16=False)
    torch.testing.assert_close(found, expected, rtol=2e-2, atol=0)
