"""Checks the counts of pairs of a finished build, against themselves and against the rows."""

import dataclasses
import tempfile
from collections.abc import Iterator, Sequence

import numpy as np

from pipelines.running.progress import track_shards
from schemas.checked_json import DamagedError
from schemas.co_occurrences import PAIRS, PairsRecord
from schemas.manifest import Manifest
from transforms.build.build_examples import BuildSettings
from transforms.build.check_shard import Problem
from transforms.counting.check_pairs import check_pairs, read_pairs, same_pairs
from transforms.counting.pair_counter import PairCounter
from transforms.counting.row_words import read_row_words
from transforms.counting.runs import write_run
from transforms.files.checked_files import UnreadableError
from transforms.files.storage import join


def pair_problems(
    folder: str,
    manifest: Manifest,
    settings: BuildSettings,
    *,
    recounted: bool,
    doing: str = "verifying",
) -> list[Problem]:
    """Returns what is wrong with the counts of pairs; nothing if the recipe has none.

    Args:
      folder: Of the build.
      manifest: Of it.
      settings: Recipe, seed and tokenizer.
      recounted: Count all rows again and compare every value. The records lie in a temporary
        folder meanwhile, with about 8 times the size of the text.
      doing: What is shown on a terminal meanwhile.
    """
    record = manifest.cooccurrences
    if record is None:
        return []
    shards, parts = manifest.shards.train, len(record.shards)
    counter = PairCounter.of(
        settings.recipe, settings.vocabulary, settings.seed, shards, parts, folder
    )
    assert counter is not None
    counter = dataclasses.replace(counter, rows=manifest.splits["train"].shards)
    special = set(settings.vocabulary.roles.values())
    if not recounted:
        return list(_problems(counter, record, special, [], doing))
    with tempfile.TemporaryDirectory() as place:
        try:
            paths = [_run(counter, number, place) for number in range(shards)]
        except DamagedError:
            # Reported where the rows were checked.
            paths = []
        return list(_problems(counter, record, special, paths, doing))


def _run(counter: PairCounter, number: int, place: str) -> str:
    """Counts a shard of rows again; returns the path of the run."""
    path = join(place, str(number))
    write_run(counter.blocks(number), path)
    return path


def _problems(
    counter: PairCounter,
    record: PairsRecord,
    special: set[int],
    runs: Sequence[str],
    doing: str,
) -> Iterator[Problem]:
    weight, whole = 0, True
    for part, entry in enumerate(track_shards(record.shards, doing)):
        try:
            pairs = read_pairs(counter.output, entry)
        except UnreadableError as error:
            yield Problem(*error.args)
            whole = False
            continue
        own = (counter.rule, counter.words, special, counter.key, (part, counter.parts))
        problems = list(check_pairs(pairs, entry, *own))
        yield from problems
        whole = whole and not problems
        weight += int(pairs.weights(counter.rule).sum())
        if (
            runs
            and not problems
            and not same_pairs(pairs, counter.sums_of(runs, part), counter.rule)
        ):
            yield Problem("replay", f"{entry.path}: the rows have other pairs, or other values")
    if whole and (wanted := _weight_of_rows(counter)) not in (None, weight):
        sums = f"{weight / counter.rule.unit:.6g}, not {(wanted or 0) / counter.rule.unit:.6g}"
        yield Problem("statistics", f"{PAIRS}: the values add up to {sums}, as lengths of rows say")


def _weight_of_rows(counter: PairCounter) -> int | None:
    """Returns the weight of all pairs, which follows from the lengths of rows; None if unknown."""
    total = 0
    for entry in counter.rows:
        try:
            _, offsets = read_row_words(counter.output, entry, counter.words)
        except DamagedError:
            # Reported where the rows were checked.
            return None
        total += counter.rule.total(np.diff(offsets))
    return total
