"""The tasks of ERNIE 2.0, each trained alone, from text to a falling loss."""

from pathlib import Path

import pytest

from pipelines.cli import main as shardmill
from tests.support.training_runs import records, train

TASKS = {
    "ernie2-capitals": ("capitals", 250, 0.75),
    "ernie2-document": ("elsewhere", 250, 0.75),
    "ernie2-distance": ("distance", 500, 0.9),
    "ernie2-reordering": ("reordering", 250, 0.75),
}
"""Recipe to the part of the loss that it is there for, steps, and what is left of it after them."""


@pytest.mark.slow
@pytest.mark.parametrize("recipe", TASKS)
def test_a_task_is_learned_beside_masked_words(
    recipe: str, tmp_path: Path, sample: Path, tokenizer: Path
) -> None:
    data, (task, steps, share) = tmp_path / "data", TASKS[recipe]
    build = ["build", recipe, "--input", f"{sample}/*.txt", "--tokenizer", str(tokenizer)]
    options = ["--output", str(data), "--max-seq-length", "64", "--eval-fraction", "0.1"]
    assert shardmill([*build, *options]) == 0
    assert shardmill(["verify", str(data)]) == 0
    train_options = ("--batch-tokens", "2048", "--steps", str(steps), "--log-every", "25")
    assert train(data, "bert-tiny", tmp_path / "run", *train_options) == 0
    told = records(tmp_path / "run")
    assert told[-1]["loss_mlm"] < 0.9 * told[0]["loss_mlm"]
    assert told[-1][f"loss_{task}"] < share * told[0][f"loss_{task}"]
