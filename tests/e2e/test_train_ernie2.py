"""The tasks of ERNIE 2.0, each trained alone, from text to a falling loss."""

from pathlib import Path

import pytest

from pipelines.cli import main as shardmill
from tests.support.sample_builds import few_documents
from tests.support.training_runs import LEARN, learner, records, train

TASKS = {
    "ernie2-capitals": ("capitals", 100, 0.4),
    "ernie2-document": ("elsewhere", 150, 0.7),
    "ernie2-distance": ("distance", 240, 0.4),
    "ernie2-reordering": ("reordering", 200, 0.4),
}
"""Recipe to the part of the loss that it is there for, steps, and what is left of it after them."""


@pytest.mark.slow
@pytest.mark.parametrize("recipe", TASKS)
def test_a_task_is_learned_beside_masked_words(
    recipe: str, tmp_path: Path, tokenizer: Path
) -> None:
    data, (task, steps, share) = tmp_path / "data", TASKS[recipe]
    build = ["build", recipe, "--input", str(few_documents()), "--tokenizer", str(tokenizer)]
    options = ["--output", str(data), "--max-seq-length", "32", "--eval-fraction", "0"]
    passes = ["--passes", "1"] if recipe == "ernie2-distance" else []
    assert shardmill([*build, *options, "--copies", "1", *passes]) == 0
    assert shardmill(["verify", str(data)]) == 0
    options = [*LEARN, "--batch-tokens", "1024", "--steps", str(steps), "--log-every", "25"]
    assert train(data, learner(tmp_path), tmp_path / "run", *options) == 0
    told = records(tmp_path / "run")
    assert told[-1]["loss_mlm"] < 0.9 * told[0]["loss_mlm"]
    assert told[-1][f"loss_{task}"] < share * told[0][f"loss_{task}"]
