"""Rows of streams are the same whatever the workers, and after a build that was killed."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.cli import main
from tests.support.killed_builds import entries, kill_half_way
from tests.support.sample_builds import SAMPLE, tokenizer_file

Digests = Callable[[Path], dict[str, str]]
OPTIONS = ["--shards", "8", "--max-seq-length", "64", "--eval-fraction", "0.1"]


@pytest.mark.parametrize(
    # So many passes that the build takes long enough to be killed.
    ("recipe", "passes"),
    [("transformer-xl", 150), ("xlnet", 4)],
)
def test_killed_builds_of_two_workers_go_on(
    recipe: str,
    passes: int,
    start_build: Callable[..., subprocess.Popen[str]],
    digests: Digests,
    tmp_path: Path,
) -> None:
    tokenizer = str(tokenizer_file("wordpiece+eod"))
    options = [*OPTIONS, "--tokenizer", tokenizer, "--passes", str(passes)]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    arguments = ["build", recipe, "--input", f"{SAMPLE}/*.txt", *options]
    assert main([*arguments, "--output", str(whole)]) == 0
    assert len(digests(whole)) == 9
    kill_half_way(start_build(killed, *options, "--workers", "2", recipe=recipe), killed)
    assert entries(killed)
    assert digests(killed).items() < digests(whole).items()
    assert main([*arguments, "--output", str(killed)]) == 0
    assert digests(killed) == digests(whole)
    assert main(["verify", str(killed)]) == 0
