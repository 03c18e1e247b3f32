"""What lanes and batches of next tokens must hold, for any streams and any number of lanes."""

import functools
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracles import stream_batches
from tests.oracles.batches import plain
from tests.support.sample_builds import shard_paths, stored_rows
from tests.support.stream_builds import streams, xlnet
from trainer.loader.batches import ArrowBatches
from trainer.loader.lanes import deal
from trainer.rows.lane_rows import Lanes
from trainer.rows.layouts import Packed
from trainer.rows.stored_rows import Streams
from transforms.arrays.randomness import rng_for

SHORT = {"deadline": None, "max_examples": 60}


@st.composite
def some_streams(draw: st.DrawFn) -> Streams:
    lengths = np.array(draw(st.lists(st.integers(1, 12), max_size=8)), np.int64)
    both = draw(st.booleans())
    flags = draw(st.lists(st.booleans(), min_size=len(lengths), max_size=len(lengths)))
    backward = np.array(flags, np.bool_) & both
    ends = np.cumsum(lengths)
    return Streams(ends - lengths, ends, backward, both)


@settings(**SHORT)
@given(
    streams=some_streams(),
    groups=st.integers(1, 3),
    half=st.integers(1, 4),
    seed=st.none() | st.integers(0, 3),
)
def test_a_plan_of_lanes(streams: Streams, groups: int, half: int, seed: int | None) -> None:
    lanes = 2 * half
    rng = None if seed is None else rng_for(seed, "lanes")
    plan = deal(streams, groups, lanes, rng)
    stream_of = np.repeat(np.arange(len(streams.begins)), streams.ends - streams.begins)
    steps = len(plan) // groups
    assert len(plan) == steps * groups
    rows = np.array([plan.rows(batch) for batch in range(len(plan))], np.int64)
    reset = np.array([plan.reset(batch) for batch in range(len(plan))], np.bool_)
    rows, reset = (each.reshape(steps, groups, lanes) for each in (rows, reset))
    assert sorted(rows[rows >= 0].tolist()) == list(range(len(stream_of)))
    counts = (rows >= 0).sum(axis=0)
    # Of each kind of streams lanes differ by one at most, and slots without a row come last.
    for kind in (counts[:, :half], counts[:, half:]) if streams.both else (counts,):
        assert kind.max() - kind.min() <= 1
    for group, lane in itertools.product(range(groups), range(lanes)):
        run = rows[:, group, lane].tolist()
        assert run == [row for row in run if row >= 0] + [-1] * run.count(-1)
        before = None
        for row, begins in zip(run, reset[:, group, lane].tolist(), strict=True):
            if row < 0:
                assert begins
                continue
            follows = before is not None and row == before + 1
            same = follows and stream_of[row] == stream_of[row - 1]
            assert begins == (not same)
            assert not streams.both or streams.backward[stream_of[row]] == (lane >= half)
            before = row


@functools.cache
def rows_in(folder: Path, split: str) -> list[dict[str, Any]]:
    return [row for path in shard_paths(folder, split) for row in stored_rows(path)]


BUILDS = {
    "gpt": lambda: streams("gpt"),
    "apart": lambda: streams("gpt", "predict.keep_apart=true"),
    "not-after-end": lambda: streams("gpt", "predict.after_document_end=false"),
    "no-overlap": lambda: streams("gpt", "segment.overlap=false"),
    "best-fit": lambda: streams("gpt", "segment.packing=best_fit", "predict.keep_apart=true"),
    "transformer-xl": lambda: streams("transformer-xl", "memory=32"),
}
APART = ("apart", "best-fit")
"""Their documents are kept apart, which only packed batches do."""
CASES = [
    (name, layout)
    for name in BUILDS
    for layout in ("packed", "padded", "lanes")
    if layout == "packed" or name not in APART
]


@pytest.mark.parametrize(("name", "layout"), CASES)
@settings(max_examples=6, deadline=None)
@given(
    tokens=st.integers(33, 300),
    step=st.integers(1, 3),
    seed=st.integers(0, 5),
    split=st.sampled_from(["train", "eval"]),
    shuffle=st.booleans(),
)
def test_next_tokens_are_those_that_are_written_out_slowly(
    name: str, layout: str, tokens: int, step: int, seed: int, split: str, shuffle: bool
) -> None:
    folder = BUILDS[name]()
    batches = ArrowBatches(
        folder,
        batch_tokens=tokens,
        split=split,
        layout=layout,
        seed=seed,
        shuffle=shuffle,
        batches_per_step=step,
        checksums=False,
    )
    stored, chosen = rows_in(folder, split), batches.corpus.recipe.predict
    assert chosen is not None
    what = {
        "apart": chosen.keep_apart,  # type: ignore[attr-defined]
        "after_end": chosen.after_document_end,  # type: ignore[attr-defined]
        "end": batches.corpus.vocabulary.eod,
        "longest": batches.layout.longest,
        "pad": batches.layout.pad,
    }
    seen = []
    for batch in map(plain, batches):
        numbers = [number for number in batch["row_ids"] if number >= 0]
        seen += numbers
        if layout == "packed":
            found = stream_batches.packed(
                [stored[number] for number in numbers], tokens=batch_size(batches), **what
            )
            assert batch["input_ids"] == [found["input_ids"]]
            assert batch["position_ids"] == [found["position_ids"]]
            assert filled(batch["cu_seqlens"], found["cu_seqlens"], batch_size(batches))
            assert filled(batch["target_positions"], found["target_positions"], 0)
            assert filled(batch["labels"], found["labels"], -100)
        else:
            lines = [None if each < 0 else stored[each] for each in batch["row_ids"]]
            found = stream_batches.lines(lines, **what)
            assert {name: batch[name] for name in found} == found
        assert batch["num_tokens"] == sum(len(stored[each]["input_ids"]) - 1 for each in numbers)
    assert sorted(seen) == list(range(len(stored)))


def batch_size(batches: ArrowBatches) -> int:
    assert isinstance(batches.layout, Packed)
    return batches.layout.tokens


def filled(found: list[int], expected: list[int], filler: int) -> bool:
    """Returns whether a list is another one, filled up."""
    rest = len(found) - len(expected)
    return rest >= 0 and found == expected + [filler] * rest


@pytest.mark.parametrize("bi_data", [False, True])
@settings(max_examples=8, deadline=None)
@given(
    tokens=st.integers(96, 400),
    step=st.integers(1, 3),
    seed=st.integers(0, 5),
    epoch=st.integers(0, 4),
)
def test_permuted_tokens_are_those_that_are_written_out_slowly(
    bi_data: bool, tokens: int, step: int, seed: int, epoch: int
) -> None:
    folder = xlnet() if bi_data else xlnet("segment.bi_data=false")
    batches = ArrowBatches(
        folder,
        batch_tokens=tokens,
        split="eval",
        layout="lanes",
        seed=seed,
        checksums=False,
        batches_per_step=step,
    )
    stored = rows_in(folder, "eval")
    batches.load_state_dict({**batches.state_dict(), "epoch": epoch})
    layout = batches.layout
    assert isinstance(layout, Lanes)
    half, seen = layout.rows // 2, []
    for batch in map(plain, batches):
        lanes = [None if each < 0 else stored[each] for each in batch["row_ids"]]
        found = stream_batches.permuted(
            lanes, epoch % 3, longest=48, pad=layout.pad, targets=layout.targets
        )
        assert {name: batch[name] for name in found} == found
        if bi_data:
            sides = [row and row["reversed"] for row in lanes]
            assert True not in sides[:half]
            assert False not in sides[half:]
        seen += [each for each in batch["row_ids"] if each >= 0]
    assert sorted(seen) == list(range(len(stored)))


@settings(max_examples=10, deadline=None)
@given(epoch=st.integers(0, 3), seed=st.integers(0, 3))
def test_orders_that_are_drawn_anew_are_orders(epoch: int, seed: int) -> None:
    batches = ArrowBatches(
        xlnet(),
        batch_tokens=200,
        split="eval",
        layout="lanes",
        seed=seed,
        checksums=False,
        copies="dynamic",
    )
    batches.load_state_dict({**batches.state_dict(), "epoch": epoch})
    batch = next(iter(batches))
    there = (batch["row_ids"] >= 0).nonzero().flatten().tolist()
    assert there
    for lane in there:
        ranks, special = batch["ranks"][lane], batch["special_tokens_mask"][lane]
        for part in (ranks[:24], ranks[24:]):
            chosen = part[part >= 0].sort().values
            assert chosen.tolist() == list(range(len(chosen)))
        wanted = ((ranks >= 0) & (special == 0)).nonzero().flatten().tolist()
        count = int((batch["labels"][lane] != -100).sum())
        assert batch["target_positions"][lane].tolist()[:count] == wanted
        assert batch["labels"][lane].tolist()[:count] == batch["input_ids"][lane][wanted].tolist()
        assert count == 48 // 6
