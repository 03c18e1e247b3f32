"""Small runs of `shardmill vectors`, and what they leave."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.sample_builds import corpus
from trainer.vectors.command import main

Captured = pytest.CaptureFixture[str]
SMALL = ("--dim", "8", "--epochs", "3", "--threads", "1", "--device", "cpu")


def vectors(recipe: str, run: Path, *options: str) -> int:
    """Trains vectors on a build of the sample; returns the exit status."""
    return main(["--data", str(corpus(recipe)), "--output", str(run), *SMALL, *options])


def files_of(run: Path) -> Mapping[str, bytes]:
    """Returns the content of the files of a run, by name."""
    return {path.name: path.read_bytes() for path in sorted(run.iterdir()) if path.is_file()}


def refused(capsys: Captured) -> str:
    """Returns the sentence that a command ended with."""
    [*_, line] = capsys.readouterr().err.strip().split("\n")
    assert line.startswith("shardmill: ")
    return line
