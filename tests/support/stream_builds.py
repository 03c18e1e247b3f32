"""Finished builds whose rows are cut from streams, of the bundled sample: only read them."""

import contextlib
import functools
import io
import json
from collections.abc import Sequence
from pathlib import Path

from pipelines.build import main as build
from tests.support.made_once import made_once
from tests.support.sample_builds import SAMPLE, WITH_EOD, tokenizer_file


@functools.cache
def streams(recipe: str, *settings: str, length: int = 32, shards: int = 2) -> Path:
    """Returns a build of short rows: two shards for training, one for evaluation.

    Args:
      recipe: Of the table.
      settings: Fields of it, as PATH=VALUE.
      length: Of rows.
      shards: For training.
    """
    name = "-".join([recipe, *settings, str(length), str(shards)]).replace("/", "_")
    fields = [part for each in settings for part in ("--set", each)]
    copies = ["--copies", "3"] if recipe == "xlnet" else []
    options = ["--max-seq-length", str(length), "--shards", str(shards), *fields, *copies]
    return made_once(name, lambda folder: _build(folder, recipe, options))


@functools.cache
def xlnet(*settings: str) -> Path:
    """Returns a build of XLNet's rows, of 48 tokens, 24 of which a model remembers."""
    return streams("xlnet", "segment.reuse_len=24", "memory=36", *settings, length=48)


def _build(folder: Path, recipe: str, options: Sequence[str]) -> None:
    text = [
        "--input",
        f"{SAMPLE}/*.txt",
        "--tokenizer",
        str(tokenizer_file(f"wordpiece{WITH_EOD}")),
    ]
    split = ["--eval-fraction", "0.2", "--output", str(folder)]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        assert build([recipe, *text, *split, *options]) == 0


def rows_of_split(folder: Path, split: str = "train") -> int:
    """Returns how many rows a split has."""
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    return sum(int(shard["rows"]) for shard in manifest["splits"][split]["shards"])
