"""What a probe sees on a GPU in bfloat16 is what it sees on a CPU."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.support.labelled_builds import labelled
from tests.support.sample_builds import corpus
from tests.support.training_runs import tiny_config
from trainer.loader.open_corpus import open_local_corpus
from trainer.models.load import load_model
from trainer.probes.features import features_of
from trainer.probes.task_rows import open_rows
from trainer.seeding import seed_torch

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")


@pytest.mark.parametrize("task", ["classify", "tag"])
def test_hidden_states_are_the_same(task: str, tmp_path: Path) -> None:
    data = open_local_corpus(corpus("bert-wwm"))
    seed_torch(1, "weights")
    model = load_model(str(tiny_config(tmp_path)), [data], 128).eval()
    rows = open_rows(open_local_corpus(labelled(task)), "eval", None)
    found = []
    for device in map(torch.device, ("cpu", "cuda")):
        autocast = torch.autocast("cuda", torch.bfloat16, enabled=device.type == "cuda")
        with torch.no_grad(), autocast:
            found.append(features_of(model.to(device), rows, tokens=512, segments=2, device=device))
    (expected, labels), (seen, own) = found
    np.testing.assert_array_equal(labels, own)
    # bfloat16 keeps 8 bits.
    np.testing.assert_allclose(seen, expected, rtol=0.05, atol=0.05)
