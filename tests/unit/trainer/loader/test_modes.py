"""Modes of attention: drawn for each step, on all ranks alike, and what batches hold of them."""

import dataclasses
import functools
import itertools
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from schemas.errors import UsageError
from tests.support.synthetic_builds import build_folder
from trainer.loader.batches import ArrowBatches
from trainer.loader.open_corpus import open_local_corpus
from trainer.rows.layouts import Batch
from trainer.rows.modes import drawn_mode, mode_context, mode_ranges, mode_types
from trainer.tasks.members import batch_marks
from trainer.tasks.of_recipes import tasks_of
from transforms.build.corpus import Corpus
from transforms.contract.modes import FAR, Mode
from transforms.contract.oracle import rate, uniformity
from transforms.objectives import OBJECTIVES

UNILM = OBJECTIVES["unilm"]
MODES = UNILM.modes
BIDIRECTIONAL, LEFT, RIGHT, SEQUENCES = MODES


@functools.cache
def _root() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="shardmill-tests-")


@functools.cache
def opened(name: str) -> Corpus:
    """A build of short rows of made-up text."""
    recipe = dataclasses.replace(OBJECTIVES[name], max_seq_length=40, copies=1)
    build_folder(Path(_root().name, name), recipe, documents=40)
    return open_local_corpus(Path(_root().name, name))


def loader(name: str = "unilm", **options: Any) -> ArrowBatches:
    fields = {"batch_tokens": 160, "seed": 3, "checksums": False, **options}
    return ArrowBatches(opened(name), **fields)


NONE = ""


def mode_of(batch: Batch) -> str:
    """Says which mode a batch is in by its highest token type; `NONE` if it has no rows."""
    size = int(batch["num_tokens"])
    if not size:
        return NONE
    return MODES[{1: 0, 2: 1, 3: 2, 5: 3}[int(batch["token_type_ids"][0, :size].max())]].name


def test_modes_come_in_the_proportions_of_the_paper() -> None:
    steps = 6000
    drawn = [drawn_mode(MODES, 1, 0, step).name for step in range(steps)]
    for mode, share in zip(MODES, (1 / 3, 1 / 6, 1 / 6, 1 / 3), strict=True):
        assert rate(mode.name, drawn.count(mode.name), steps, share).holds
        # Biased by two fifths, it would be found out.
        assert not rate(mode.name, drawn.count(mode.name), steps, 1.4 * share).holds
    pairs = [drawn[step] + drawn[step + 1] for step in range(0, steps, 2)]
    names = [one.name + other.name for one in MODES for other in MODES]
    weights = [one.share * other.share for one in MODES for other in MODES]
    assert uniformity("pairs", [pairs.count(name) for name in names], weights).holds


def test_the_mode_of_a_step_is_always_the_same() -> None:
    drawn = [drawn_mode(MODES, 12345, 0, step).name.partition("_")[0] for step in range(10)]
    told = {name[0]: name for name in ("bidirectional", "left", "right", "sequence")}
    assert drawn == [told[letter] for letter in "lssllbbbsb"]
    for other in [(1, 0), (12345, 1)]:
        assert [drawn_mode(MODES, *other, step).name for step in range(20)] != [
            drawn_mode(MODES, 12345, 0, step).name for step in range(20)
        ]


def test_a_mode_without_a_share_is_never_drawn() -> None:
    some = (Mode(name="a", share=0), Mode(name="b", share=3), Mode(name="c", share=0))
    assert {drawn_mode(some, 0, 0, step).name for step in range(50)} == {"b"}


def test_batches_of_a_step_are_in_one_mode_on_all_ranks() -> None:
    alone = loader(batches_per_step=2)
    modes = [(mode_of(batch), alone.state_dict()["mode"]) for batch in alone]
    assert all(own in {told, NONE} for own, told in modes)
    names = [told for _, told in modes]
    assert len(set(names)) >= 3
    assert names[::2] == names[1::2]
    for rank in range(2):
        batches = loader(batches_per_step=2, rank=rank, world_size=2)
        assert [mode_of(batch) for batch in batches] == [own for own, _ in modes[rank::2]]
    assert names[::2] == [drawn_mode(MODES, 3, 0, step).name for step in range(len(names) // 2)]
    # The next epoch has others.
    assert [mode_of(batch) for batch in alone][::2] != names[::2]


def test_a_loader_goes_on_with_the_modes_that_it_would_have_had() -> None:
    expected = [mode_of(batch) for batch in loader(batches_per_step=2)]
    first = loader(batches_per_step=2)
    taken = [mode_of(batch) for batch in itertools.islice(first, 4)]
    again = loader(batches_per_step=2, rank=0, world_size=2)
    again.load_state_dict(first.state_dict())
    assert taken == expected[:4]
    assert [mode_of(batch) for batch in again] == expected[4::2]
    assert len(expected) > 10


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)
def test_batches_hold_what_a_mode_says(mode: Mode) -> None:
    fields: dict[str, Any] = {"shuffle": False, "mode": mode.name}
    plain, batch = (next(iter(loader(**fields))) for fields in ({"shuffle": False}, fields))
    whole = next(iter(loader(shuffle=False, mode="bidirectional")))
    rows, pieces = int(batch["num_tokens"]), whole["token_type_ids"][0]
    types = torch.tensor(mode.types)[pieces]
    types[rows:] = 0
    assert torch.equal(batch["token_type_ids"][0], types)
    assert torch.equal(batch["input_ids"], plain["input_ids"])
    assert torch.equal(batch["labels"], plain["labels"])
    assert ("pieces" in batch) == ("visible_ranges" in batch) == (mode != BIDIRECTIONAL)
    if mode != BIDIRECTIONAL:
        assert torch.equal(batch["pieces"][0], pieces)
    assert ("has_nsp" in batch) == mode.pairs
    assert "has_mlm" in batch
    labels = batch["next_sentence_label"]
    count = int((batch["row_ids"] >= 0).sum())
    expected = whole["next_sentence_label"] if mode.pairs else torch.full_like(labels, -100)
    assert torch.equal(labels, expected)
    assert -100 not in whole["next_sentence_label"][:count].tolist()


def test_types_and_distances_of_a_mode() -> None:
    segments = np.array([0, 0, 1, 1], np.int8)
    assert mode_types(segments, None).tolist() == [0, 0, 1, 1]
    assert mode_types(segments, SEQUENCES).tolist() == [4, 4, 5, 5]
    assert mode_types(segments, RIGHT).tolist() == [3, 3, 3, 3]
    assert mode_ranges(LEFT).tolist() == [[[-FAR, -FAR], [-FAR, -FAR]], [[0, 0], [0, 0]]]
    assert mode_ranges(SEQUENCES).tolist() == [[[-FAR, FAR], [-FAR, -FAR]], [[FAR, -FAR], [FAR, 0]]]


# Rows of 5 tokens, of which 2 are of the first segment, and of 3 tokens without a second.
SEEN = {
    "bidirectional": (25 + 9) / 8,
    "left_to_right": (15 + 6) / 8,
    "right_to_left": (15 + 6) / 8,
    # 4 of the first segment, 6 + 6 of the second.
    "sequence_to_sequence": (16 + 9) / 8,
}


def test_tokens_see_as_many_as_their_mode_says() -> None:
    lengths, starts = np.array([5, 3], np.int32), np.array([2, 3])
    assert {mode.name: mode_context([mode], lengths, starts) for mode in MODES} == SEEN
    first_half = dataclasses.replace(
        LEFT, first_sees=("before", "none"), second_sees=("all", "all")
    )
    assert mode_context([first_half], lengths, starts) == (3 + 15 + 6) / 8
    mean = (2 * (25 + 9) + (15 + 6) + (15 + 6) + 2 * (16 + 9)) / 6 / 8
    assert mode_context(MODES, lengths, starts) == pytest.approx(mean)
    assert mode_context(MODES, lengths[:0], starts[:0]) == 0


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)
def test_the_context_of_a_loader_is_that_of_its_batches(mode: Mode) -> None:
    found, seen, tokens = loader(mode=mode.name), 0, 0
    for batch in found:
        size = int(batch["num_tokens"])
        borders = [begin for begin in batch["cu_seqlens"].tolist() if begin < size]
        for begin, end in itertools.pairwise([*borders, size]):
            pieces = batch.get("pieces", torch.zeros(1, end, dtype=torch.int64))[0, begin:end]
            ranges = batch.get("visible_ranges", mode_ranges_of_all())
            distance = torch.arange(end - begin) - torch.arange(end - begin)[:, None]
            least, greatest = (each[pieces[:, None], pieces] for each in ranges)
            seen += int(((distance >= least) & (distance <= greatest)).sum())
            tokens += end - begin
    assert found.context == pytest.approx(seen / tokens)
    assert mode == BIDIRECTIONAL or found.context < 0.8 * loader(mode="bidirectional").context


def mode_ranges_of_all() -> torch.Tensor:
    """Distances when all is seen."""
    return torch.from_numpy(mode_ranges(BIDIRECTIONAL))


def test_batches_name_their_tasks_where_these_vary() -> None:
    tasks = tasks_of(UNILM)
    assert batch_marks(tasks) == {}
    assert list(batch_marks(tasks, mode=BIDIRECTIONAL)) == ["has_mlm", "has_nsp"]
    assert list(batch_marks(tasks, mode=LEFT)) == ["has_mlm"]
    assert {name: int(each) for name, each in batch_marks(tasks, 3, LEFT).items()} == {
        "has_mlm": 1,
        "member": 3,
    }
    assert loader().tasks_vary
    assert not loader(mode="bidirectional").tasks_vary
    assert not loader("bert").tasks_vary


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^there is no mode of attention 'causal'; known: bidir"):
        loader(mode="causal")
    with pytest.raises(UsageError, match=r"^there is no mode of attention 'causal'; known: none$"):
        loader("bert", mode="causal")
