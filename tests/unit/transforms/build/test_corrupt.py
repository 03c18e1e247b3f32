"""What is corrupted depends on a row and its number, and on nothing else."""

import dataclasses
import functools
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from schemas.columns import SENTENCES
from schemas.records import ShardId
from schemas.windows import Examples
from tests.oracles.spans import with_spans
from tests.oracles.streams import tokens_of, vocabulary
from transforms.annotate.annotations import mark_sentences
from transforms.arrays.randomness import rng_for
from transforms.build.build_examples import BuildSettings, arrange_examples
from transforms.build.corrupt import corrupt
from transforms.corruption.random_ids import UnigramIds
from transforms.objectives import OBJECTIVES
from transforms.objectives.settings import recipe_from

ROOT = Path(__file__).resolve().parents[4]
SHARD = ShardId("train", 0, 1)
NAMES = (
    "albert",
    "bert-wwm",
    "ernie1",
    "infoword",
    "roberta",
    "spanbert",
    "structbert",
    "xlnet",
    "t5",
    "prefix-lm",
    "bart",
    "mass",
    "prophetnet",
    "ernie-gen",
)
"""Objectives that have among them every selector, every rewriter and every noise."""
SETTINGS = {
    "bart": {
        "denoise.noise.1.rate": 0.1,
        "denoise.noise.2.rate": 0.1,
        "denoise.noise.3.random_rate": 0.2,
        "denoise.noise.4.rate": 0.5,
    },
}
"""What is switched off by default."""


def settings_of(name: str) -> BuildSettings:
    recipe = recipe_from(name, {"copies": 3, "max_seq_length": 32, **SETTINGS.get(name, {})})
    return BuildSettings(recipe=recipe, seed=3, tokenizer_json="", vocabulary=vocabulary(5000))


@functools.cache
def rows_of(name: str) -> Examples:
    """Returns a few rows of an objective, before they are corrupted."""
    rng, settings = rng_for(1, "documents"), settings_of(name)
    tokens = tokens_of([rng.integers(4, 12, 8).tolist() for _ in range(4)])
    words = rng.random(len(tokens.ids)) < 0.7
    tokens = dataclasses.replace(tokens, word_starts=words)
    tokens = with_spans(tokens, settings.recipe.annotations)
    tokens = mark_sentences(tokens) if SENTENCES in settings.recipe.needs else tokens
    return arrange_examples(tokens, settings, SHARD)


def drawn(name: str, begin: int = 0, end: int | None = None) -> pa.Table:
    """Corrupts rows [begin, end); returns the columns that this makes."""
    settings, examples = settings_of(name), rows_of(name)
    recipe, some = settings.recipe, examples.slice(begin, len(examples) if end is None else end)
    stream = settings.stream(SHARD)
    batches = corrupt(some, recipe, settings.vocabulary, stream, first_row=begin)
    parts = (*recipe.corrupt, *([recipe.denoise] if recipe.denoise else []))
    names = [column.name for each in parts for column in each.columns("uint16")]
    return pa.Table.from_batches(batches).select(names)


@pytest.mark.parametrize("name", NAMES)
def test_some_rows_are_corrupted_as_among_all(name: str) -> None:
    whole, rows = drawn(name), len(rows_of(name))
    assert rows > 6
    some = drawn(name, 2, rows - 1)
    random_ids = [getattr(each.rewrite, "random_ids", None) for each in OBJECTIVES[name].corrupt]
    if UnigramIds() in random_ids:
        # Random tokens are those of the rows that are corrupted together.
        whole, some = whole.select(["mlm_positions"]), some.select(["mlm_positions"])
    assert some.equals(whole.slice(2, rows - 3))
    assert not drawn(name, 0, rows - 3).equals(drawn(name, 1, rows - 2))


def test_the_loops_are_the_python_that_they_are() -> None:
    """Compiled or not, they give the same."""
    code = """
from tests.unit.transforms.build.test_corrupt import NAMES, drawn
for name in NAMES:
    print(name, drawn(name).to_pydict())
"""
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            capture_output=True,
            text=True,
            cwd=ROOT,
            env={**os.environ, "NUMBA_DISABLE_JIT": disabled, "PYTHONPATH": str(ROOT)},
        ).stdout
        for disabled in ("0", "1")
    }
    assert len(found) == 1
    assert len(found.pop()) > 10_000
