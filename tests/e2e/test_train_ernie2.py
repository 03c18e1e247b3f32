"""The tasks of ERNIE 2.0, each trained alone, from text to a falling loss."""

from pathlib import Path

import pytest

from pipelines.cli import main as shardmill
from tests.e2e.train_runs import records, train

TASKS = {
    "ernie2-capitals": ("capitals", 0.75),
    "ernie2-document": ("elsewhere", 0.75),
    "ernie2-distance": ("distance", 0.95),
    "ernie2-reordering": ("reordering", 0.75),
}
"""Recipe to the part of the loss that it is there for, and what is left of it in the end."""


@pytest.mark.slow
@pytest.mark.parametrize("recipe", TASKS)
def test_a_task_is_learned_beside_masked_words(
    recipe: str, tmp_path: Path, sample: Path, tokenizer: Path
) -> None:
    data, (task, share) = tmp_path / "data", TASKS[recipe]
    build = ["build", recipe, "--input", f"{sample}/*.txt", "--tokenizer", str(tokenizer)]
    options = ["--output", str(data), "--max-seq-length", "64", "--eval-fraction", "0.1"]
    assert shardmill([*build, *options]) == 0
    assert shardmill(["verify", str(data)]) == 0
    train_options = ("--batch-tokens", "2048", "--steps", "250", "--log-every", "25")
    assert train(data, "bert-tiny", tmp_path / "run", *train_options) == 0
    told = records(tmp_path / "run")
    assert told[-1]["loss_mlm"] < 0.9 * told[0]["loss_mlm"]
    assert told[-1][f"loss_{task}"] < share * told[0][f"loss_{task}"]
