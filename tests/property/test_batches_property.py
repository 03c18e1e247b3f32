"""What the loader must hold for every objective of the table; a new one needs no edit here."""

import dataclasses
import functools
import itertools
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.manifest import add_up
from tests.oracles.batches import (
    Masks,
    Row,
    fill,
    masks_in,
    names_of,
    order_of,
    other_names,
    packed,
    padded,
    plain,
    row_numbers,
    stored_masks,
)
from tests.oracles.boundaries import packed_boundaries, padded_boundaries
from tests.oracles.modes import in_mode
from tests.support.recipes import varied
from tests.support.sample_builds import IN_MODES, MASKED, shard_paths, stored_rows
from tests.support.synthetic_builds import build_folder
from trainer.loader.batch_shapes import LAYOUTS
from trainer.loader.batches import COPIES, ArrowBatches
from trainer.loader.open_corpus import open_local_corpus
from trainer.rows.layouts import Packed, Padded
from trainer.rows.modes import drawn_mode
from trainer.tasks.boundary import BoundaryTask
from transforms.arrays.randomness import rng_for
from transforms.build.corpus import Corpus
from transforms.build.examine import examine, judge
from transforms.checks.pairs import LEFT_OUT
from transforms.contract.oracle import Findings
from transforms.contract.packing import Pair
from transforms.corruption.bernoulli import BernoulliUnits, StagedUnits
from transforms.corruption.budgets import (
    CappedBudget,
    CeiledBudget,
    RandomizedBudget,
    RoundedBudget,
)
from transforms.corruption.geometric import GeometricSpans
from transforms.corruption.mixed_ngrams import MixedNgrams
from transforms.corruption.ngrams import BudgetedNgrams
from transforms.corruption.rewrite import MaskRandomKeep, MaskRandomKeepRuns
from transforms.corruption.select import BudgetedUnits
from transforms.corruption.targets import MaskedTokens
from transforms.objectives import OBJECTIVES
from transforms.objectives.corruption import Corruption
from transforms.objectives.recipe import Recipe

NAMES = pytest.mark.parametrize("name", [*MASKED, *IN_MODES])
EPOCHS = 8
Build = tuple[Corpus, list[dict[str, Any]]]


@functools.cache
def _root() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="shardmill-tests-")


@functools.cache
def small(name: str, length: int = 40) -> Build:
    """Returns a build of a few short rows, and these rows as plain Python."""
    recipe = varied(OBJECTIVES[name], max_seq_length=length, copies=3)
    return opened(Path(_root().name) / f"{name}-{length}", recipe, documents=10)


@functools.cache
def large(name: str) -> Build:
    """Returns a build with enough tokens for statistics."""
    recipe = OBJECTIVES[name]
    # Epochs take the stages that copies have.
    staged = any(corruption.select.stage_numbers(1) for corruption in recipe.corrupt)
    recipe = varied(recipe, copies=EPOCHS if staged else 1)
    return opened(Path(_root().name) / f"{name}-large", recipe, documents=250)


def opened(path: Path, recipe: Recipe, documents: int) -> Build:
    folder = build_folder(path, recipe, shards=2, documents=documents)
    rows = [row for shard in shard_paths(folder.path) for row in stored_rows(shard)]
    return open_local_corpus(path), rows


@dataclasses.dataclass(frozen=True)
class Options:
    """How a loader is made, and which epoch it stands before."""

    more_tokens: int
    layout: str
    copies: str
    seed: int
    shuffle: bool
    epoch: int
    world_size: int
    batches_per_rank: int

    @property
    def step(self) -> int:
        return self.world_size * self.batches_per_rank

    def ranks(self, build: Corpus, longest: int) -> list[ArrowBatches]:
        found = []
        for rank in range(self.world_size):
            batches = ArrowBatches(
                build,
                batch_tokens=longest + self.more_tokens,
                layout=self.layout,
                copies=self.copies,
                seed=self.seed,
                shuffle=self.shuffle,
                rank=rank,
                world_size=self.world_size,
                batches_per_step=self.step,
                checksums=False,
            )
            batches.load_state_dict({**batches.state_dict(), "epoch": self.epoch})
            found.append(batches)
        return found


OPTIONS = st.builds(
    Options,
    more_tokens=st.integers(0, 200),
    layout=st.sampled_from(LAYOUTS),
    copies=st.sampled_from(COPIES),
    seed=st.integers(0, 1 << 62),
    shuffle=st.booleans(),
    epoch=st.integers(0, 1 << 30),
    world_size=st.integers(1, 4),
    batches_per_rank=st.integers(1, 3),
)


def longest_of(rows: Sequence[Row]) -> int:
    return max(len(row["input_ids"]) for row in rows)


def most_targets(rows: Sequence[Row], recipe: Recipe, copies: str) -> list[int]:
    lengths = np.array([len(row["input_ids"]) for row in rows], np.int64)
    select = recipe.corrupt[0].select
    found: list[int] = select.most_tokens(lengths, recipe.max_seq_length).tolist()
    if copies == "cycle" and recipe.stored:
        name = f"{recipe.stored[0].targets.name}_positions"
        stored = [max(map(len, row[name])) for row in rows]
        return [min(each) for each in zip(found, stored, strict=True)]
    return found


def in_order(ranks: Sequence[ArrowBatches]) -> Iterator[Mapping[str, Any]]:
    """Yields the batches of all ranks, as lists, in the order that one rank would have."""
    for step in zip(*ranks, strict=True):
        yield from map(plain, step)


def expected_batches(
    ranks: Sequence[ArrowBatches], options: Options, rows: Sequence[Row]
) -> list[list[int]]:
    """Returns the rows of every batch of the epoch, those of empty ones too."""
    order = list(range(len(rows)))
    if options.shuffle:
        rng = rng_for(options.seed, "train-order", "train", options.epoch)
        order = order_of(len(rows), rng.bit_generator.random_raw(len(rows)).tolist())
    recipe = ranks[0].corpus.recipe
    lengths = [len(row["input_ids"]) for row in rows]
    targets = most_targets(rows, recipe, options.copies)
    aligned = [len(row.get("entity_positions", ())) for row in rows]
    found = fill(order, lengths, targets, ranks[0].layout.limits, aligned)
    found = [sorted(batch) for batch in found]
    return [*found, *[[]] * (-len(found) % options.step)]


def slowly(
    loader: ArrowBatches,
    numbers: Sequence[int],
    rows: Sequence[Row],
    masks: Sequence[Masks],
    pair: Pair,
) -> dict[str, Any]:
    layout, others = loader.layout, other_names(loader.tasks)
    assert isinstance(layout, Packed | Padded)
    bounded = [task for task in loader.tasks if isinstance(task, BoundaryTask)]
    if isinstance(layout, Packed):
        found = packed(layout, numbers, rows, masks, pair, others)
        return found | (packed_boundaries(layout, rows, masks) if bounded else {})
    found = padded(layout, numbers, rows, masks, pair, others)
    return found | (padded_boundaries(layout, rows, masks) if bounded else {})


@NAMES
@settings(max_examples=25)
@given(options=OPTIONS)
def test_batches_are_those_that_are_written_out_slowly(name: str, options: Options) -> None:
    build, rows = small(name)
    ranks = options.ranks(build, longest_of(rows))
    pair = build.recipe.pair
    expected = expected_batches(ranks, options, rows)
    found = list(in_order(ranks))
    assert len(found) == len(expected)
    for place, (batch, numbers) in enumerate(zip(found, expected, strict=True)):
        taken = [rows[number] for number in numbers]
        names = names_of(build.recipe)
        shown = masks_in(batch, taken, names)
        if options.copies == "cycle" and build.recipe.stored:
            assert shown == [stored_masks(row, options.epoch % 3, names) for row in taken]
        else:
            check_masks(shown, taken, build)
        # All else is taken from the stored rows: what is not selected is seen as it is.
        written = slowly(ranks[0], numbers, taken, shown, pair)
        if modes := build.recipe.modes:
            mode = drawn_mode(modes, options.seed, options.epoch, place // options.step)
            written = in_mode(written, taken, mode)
        assert {key: batch[key] for key in written} == written


def check_masks(shown: Sequence[Masks], rows: Sequence[Row], build: Corpus) -> None:
    """Checks masks that were drawn anew."""
    most = most_targets(rows, build.recipe, "dynamic")
    for row, masks, allowed in zip(rows, shown, most, strict=True):
        assert all(a < b for a, b in itertools.pairwise(masks.positions))
        assert all(0 <= position < len(row["input_ids"]) for position in masks.positions)
        assert all(0 <= token < build.vocabulary.size for token in masks.seen)
        assert len(masks.positions) <= allowed


@NAMES
@settings(max_examples=25)
@given(options=OPTIONS)
def test_all_ranks_together_have_every_row_once(name: str, options: Options) -> None:
    build, rows = small(name)
    ranks = options.ranks(build, longest_of(rows))
    batches = [list(each) for each in ranks]
    assert len({len(each) for each in batches}) == 1
    assert len(batches[0]) % options.batches_per_rank == 0
    found = [row for each in batches for batch in each for row in row_numbers(batch)]
    assert sorted(found) == list(range(len(rows)))
    assert [each.state_dict()["epoch"] for each in ranks] == [options.epoch + 1] * len(ranks)


@NAMES
@settings(max_examples=25)
@given(options=OPTIONS)
def test_limits_are_kept(name: str, options: Options) -> None:
    build, rows = small(name)
    [one, *_] = options.ranks(build, longest_of(rows))
    limits = one.layout.limits
    assert limits.tokens <= longest_of(rows) + options.more_tokens
    for batch in one:
        assert len(row_numbers(batch)) <= limits.rows
        assert int(batch["num_tokens"]) <= limits.tokens
        assert int((batch["labels"] != -100).sum()) <= limits.targets
        assert batch["input_ids"].numel() == limits.tokens


@NAMES
@settings(max_examples=15)
@given(options=OPTIONS, taken=st.integers(0, 40))
def test_another_loader_goes_on_exactly(name: str, options: Options, taken: int) -> None:
    build, rows = small(name)
    whole = options.ranks(build, longest_of(rows))[-1]
    left = [plain(batch) for batch in itertools.islice(whole, taken)]
    state = whole.state_dict()
    rest = [plain(batch) for batch in whole]
    resumed = options.ranks(build, longest_of(rows))[-1]
    resumed.load_state_dict(state)
    assert [plain(batch) for batch in resumed] == rest
    assert len(left) <= taken


def drawn(build: Corpus, rows: Sequence[Row], seed: int = 3) -> list[list[Masks]]:
    """Returns fresh masks of every row, for each of some epochs."""
    batches = ArrowBatches(
        build, batch_tokens=8192, copies="dynamic", seed=seed, checksums=False, rank=0, world_size=1
    )
    found = []
    for _ in range(EPOCHS):
        masks: dict[int, Masks] = {}
        for batch in map(plain, batches):
            numbers = [number for number in batch["row_ids"] if number >= 0]
            taken = [rows[number] for number in numbers]
            masks.update(zip(numbers, masks_in(batch, taken, names_of(build.recipe)), strict=True))
        found.append([masks[number] for number in range(len(rows))])
    return found


def with_columns(recipe: Recipe) -> Recipe:
    """The recipe as one that stores a copy for every epoch."""
    corrupt = recipe.corrupt
    if not recipe.stored:
        corrupt = tuple(
            dataclasses.replace(each, targets=MaskedTokens(name=each.targets.name))
            for each in corrupt
        )
    return dataclasses.replace(recipe, copies=EPOCHS, corrupt=corrupt)


def examined(build: Corpus, rows: Sequence[Row], recipe: Recipe) -> tuple[Findings, bool]:
    """Puts the masks of the epochs into the columns of copies, and judges them as a shard's."""
    recipe = with_columns(recipe)
    epochs = drawn(build, rows)
    stored = [dict(row) for row in rows]
    for number, row in enumerate(stored):
        for name in names_of(recipe):
            copies = [epoch[number] for epoch in epochs]
            copies = [each.more.get(name, each) for each in copies]
            row[f"{name}_positions"] = [each.positions for each in copies]
            row[f"{name}_input_ids"] = [each.seen for each in copies]
    batch = pa.RecordBatch.from_pylist(stored, schema=recipe.schema(build.vocabulary))
    found = examine(batch, recipe, build.vocabulary)
    assert build.manifest is not None
    shards = build.manifest.entries["train"]
    left_out = {LEFT_OUT: sum(shard.left_out for shard in shards)}
    totals = add_up([found.counts, left_out, *(shard.drawn for shard in shards)])
    oracles = judge(totals, recipe, build.vocabulary)
    assert len(oracles) >= 6
    return found, all(oracle.holds for oracle in oracles)


@NAMES
def test_fresh_masks_are_as_good_as_stored_ones(name: str) -> None:
    build, rows = large(name)
    found, holds = examined(build, rows, build.recipe)
    assert not found.breaches
    assert found.counts["length.rows"] == len(rows)
    assert holds


@NAMES
def test_fresh_masks_differ_from_epoch_to_epoch(name: str) -> None:
    build, rows = large(name)
    epochs = drawn(build, rows)
    long = [number for number, row in enumerate(rows) if len(row["input_ids"]) > 60]
    assert len(long) > 20
    for number in long:
        assert len({tuple(epoch[number].positions) for epoch in epochs}) == EPOCHS


@NAMES
def test_fresh_masks_differ_from_seed_to_seed(name: str) -> None:
    build, rows = small(name)
    assert drawn(build, rows, seed=3) == drawn(build, rows, seed=3)
    assert drawn(build, rows, seed=3) != drawn(build, rows, seed=4)


def at_another_rate(recipe: Recipe, rate: float) -> Recipe:
    corruption, *others = recipe.corrupt
    select = corruption.select
    biased: Corruption
    if isinstance(select, BernoulliUnits | StagedUnits):
        biased = dataclasses.replace(corruption, select=dataclasses.replace(select, rate=rate))
    else:
        assert isinstance(select, BudgetedUnits | BudgetedNgrams | GeometricSpans | MixedNgrams)
        assert isinstance(
            select.budget, RoundedBudget | RandomizedBudget | CeiledBudget | CappedBudget
        )
        budget = dataclasses.replace(select.budget, rate=rate)
        biased = dataclasses.replace(corruption, select=dataclasses.replace(select, budget=budget))
    return dataclasses.replace(recipe, corrupt=(biased, *others))


@NAMES
@pytest.mark.parametrize("rate", [0.95 * 0.15, 1.05 * 0.15])
def test_masks_at_a_rate_five_percent_off_are_found_out(name: str, rate: float) -> None:
    build, rows = large(name)
    biased = dataclasses.replace(build, recipe=at_another_rate(build.recipe, rate))
    found, holds = examined(biased, rows, build.recipe)
    assert found.breaches or not holds


@NAMES
def test_rewriting_five_percent_off_is_found_out(name: str) -> None:
    build, rows = large(name)
    corruption, *others = build.recipe.corrupt
    assert isinstance(corruption.rewrite, MaskRandomKeep | MaskRandomKeepRuns)
    rewrite = dataclasses.replace(corruption.rewrite, mask=0.95 * corruption.rewrite.mask)
    corrupt = (dataclasses.replace(corruption, rewrite=rewrite), *others)
    biased = dataclasses.replace(build, recipe=dataclasses.replace(build.recipe, corrupt=corrupt))
    assert not examined(biased, rows, build.recipe)[1]
