"""Counts the pairs of folders that are made without the pipeline."""

import dataclasses
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from schemas.lock import WORK_FOLDER
from schemas.manifest_parts import ShardEntry, json_of
from transforms.build.build_examples import BuildSettings
from transforms.counting.pair_counter import PairCounter


def with_pairs(
    folder: Path, settings: BuildSettings, entries: Sequence[dict[str, Any]], parts: int = 2
) -> dict[str, Any]:
    """Counts the pairs of shards, if the recipe asks for them.

    Returns:
      What the manifest says of them: {"cooccurrences": ...}, or {}.
    """
    recipe, vocabulary = settings.recipe, settings.vocabulary
    counter = PairCounter.of(recipe, vocabulary, settings.seed, len(entries), parts, str(folder))
    if counter is None:
        return {}
    rows = [ShardEntry.from_json(json.loads(json.dumps(entry))) for entry in entries]
    counter = dataclasses.replace(counter, rows=rows)
    (folder / "cooccurrences").mkdir(exist_ok=True)
    (folder / WORK_FOLDER).mkdir(exist_ok=True)
    for number in range(counter.shards):
        counter.count(number)
    for part in range(parts):
        counter.add_up(part)
    found = [json_of(entry) for entry in counter.entries()]
    for name in counter.runs:
        (folder / name).unlink()
    shutil.rmtree(folder / WORK_FOLDER)
    return {
        "cooccurrences": {
            "window": counter.rule.window,
            "symmetric": counter.rule.symmetric,
            "records": sum(each["records"] for each in found),
            "shards": found,
        }
    }
