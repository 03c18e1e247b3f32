import json
import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from schemas.checked_json import DamagedError
from schemas.errors import UsageError
from tests.oracles.batches import (
    masks_in,
    names_of,
    plain,
    row_numbers,
    seen_tokens,
    stored_masks,
)
from tests.support.sample_builds import MASKED, copy_of, corpus, shard_paths, stored_rows
from trainer.loader.batch_shapes import LAYOUTS
from trainer.loader.batches import COPIES, ArrowBatches
from trainer.loader.open_corpus import open_local_corpus
from transforms.objectives import OBJECTIVES

TOKENS = 4096
EVERY_KIND = [(layout, copies) for layout in LAYOUTS for copies in COPIES]
EVERY_RECIPE = pytest.mark.parametrize("recipe", MASKED)


def loader(data: Any = None, **options: Any) -> ArrowBatches:
    """Returns a loader of BERT's sample, with what is given changed."""
    chosen = {"batch_tokens": TOKENS, "seed": 5, "checksums": False, **options}
    return ArrowBatches(data or corpus("bert"), **chosen)


def content(batch: Mapping[str, Tensor]) -> dict[str, tuple[torch.dtype, Any, bytes]]:
    """Returns what can be compared of a batch."""
    return {
        name: (tensor.dtype, tuple(tensor.shape), tensor.numpy().tobytes())
        for name, tensor in batch.items()
    }


def epochs(batches: ArrowBatches, count: int) -> list[Any]:
    return [content(batch) for _ in range(count) for batch in batches]


def rows_of(batches: ArrowBatches) -> list[list[int]]:
    return [row_numbers(batch) for batch in batches]


def all_rows(recipe: str, split: str = "train") -> list[dict[str, Any]]:
    return [row for path in shard_paths(corpus(recipe), split) for row in stored_rows(path)]


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("options", "told"),
        [
            ({"layout": "ragged"}, "layout must be packed or padded for bert, got 'ragged'"),
            ({"copies": "none"}, "copies must be cycle or dynamic, got 'none'"),
            ({"rank": 2, "world_size": 2}, "rank must be in [0, 2), got 2"),
            ({"rank": -1, "world_size": 2}, "rank must be in [0, 2), got -1"),
            ({"rank": 0, "world_size": 0}, "rank must be in [0, 0), got 0"),
            (
                {"rank": 0, "world_size": 2, "batches_per_step": 3},
                "batches_per_step must be a multiple of the 2 processes, got 3",
            ),
        ],
    )
    def test_options(self, options: Mapping[str, Any], told: str) -> None:
        with pytest.raises(UsageError) as refused:
            loader(**options)
        assert str(refused.value) == told

    @pytest.mark.parametrize("batches", [0, -2])
    def test_steps_without_batches(self, batches: int) -> None:
        with pytest.raises(UsageError, match=f"batches_per_step must be .* got {batches}$"):
            loader(rank=0, world_size=2, batches_per_step=batches)

    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_batches_below_the_longest_row(self, layout: str) -> None:
        longest = max(len(row["input_ids"]) for row in all_rows("bert"))
        assert loader(batch_tokens=longest, layout=layout).layout.limits.tokens == longest
        with pytest.raises(UsageError) as refused:
            loader(batch_tokens=longest - 1, layout=layout)
        assert str(refused.value) == (
            f"batch_tokens must be at least {longest}, the longest row of {corpus('bert')}/train, "
            f"got {longest - 1}"
        )

    def test_a_split_that_is_not_there(self) -> None:
        with pytest.raises(UsageError) as refused:
            loader(split="test")
        assert str(refused.value) == f"{corpus('bert')} has no split 'test'; it has train and eval"

    @pytest.mark.parametrize("folder", ["gs://bucket/corpus", "s3://bucket/corpus"])
    def test_a_folder_that_is_not_on_a_disk(self, folder: str) -> None:
        with pytest.raises(UsageError) as refused:
            loader(folder)
        assert str(refused.value) == (
            f"{folder} is not on a local disk; copy the build there, shards are mapped"
        )

    @pytest.mark.parametrize("name", ["manifest.json", "tokenizer.json"])
    def test_a_folder_without_a_file(self, name: str, tmp_path: Path) -> None:
        folder = copy_of("bert", tmp_path / "corpus")
        (folder / name).unlink()
        with pytest.raises(UsageError) as refused:
            loader(folder)
        assert str(refused.value) == (
            f"{folder} holds no {name}; is it the output of a finished `shardmill build`?"
        )

    def test_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"holds no manifest.json; is it the output of a fin"):
            loader(tmp_path / "nowhere")

    def test_an_edited_manifest(self, tmp_path: Path) -> None:
        folder = copy_of("bert", tmp_path / "corpus")
        manifest = folder / "manifest.json"
        told = json.loads(manifest.read_text("utf-8"))
        manifest.write_text(json.dumps({**told, "seed": 99}), "utf-8")
        with pytest.raises(DamagedError) as refused:
            loader(folder)
        assert str(refused.value) == (
            f"{folder}: manifest.json was edited after it was written: its checksum differs; "
            "run shardmill verify for a full check"
        )

    def test_another_tokenizer(self, tmp_path: Path) -> None:
        folder = copy_of("bert", tmp_path / "corpus")
        with (folder / "tokenizer.json").open("a") as file:
            file.write("\n")
        with pytest.raises(DamagedError) as refused:
            loader(folder)
        assert str(refused.value) == (
            f"{folder}: tokenizer.json was changed: its sha256 is not the manifest's; "
            "run shardmill verify for a full check"
        )

    @pytest.mark.parametrize("number", [0, 1])
    def test_a_changed_byte(self, number: int, tmp_path: Path) -> None:
        folder = copy_of("bert", tmp_path / "corpus")
        path = shard_paths(folder)[number]
        change_a_byte(path)
        with pytest.raises(UsageError) as refused:
            loader(folder, checksums=True)
        assert str(refused.value) == (
            f"{path} was changed: its sha256 is not the manifest's; "
            "run shardmill verify for a full check"
        )

    @pytest.mark.parametrize("checksums", [True, False])
    def test_a_shard_of_another_size(self, checksums: bool, tmp_path: Path) -> None:
        folder = copy_of("bert", tmp_path / "corpus")
        path = shard_paths(folder)[1]
        size = path.stat().st_size
        path.write_bytes(path.read_bytes() + b"\0")
        with pytest.raises(UsageError) as refused:
            loader(folder, checksums=checksums)
        assert str(refused.value) == (
            f"{path} has {size + 1} bytes, its manifest says {size}; "
            "run shardmill verify for a full check"
        )

    @pytest.mark.parametrize("checksums", [True, False])
    def test_a_shard_that_is_gone(self, checksums: bool, tmp_path: Path) -> None:
        folder = copy_of("bert", tmp_path / "corpus")
        path = shard_paths(folder)[0]
        path.unlink()
        with pytest.raises(UsageError) as refused:
            loader(folder, checksums=checksums)
        assert str(refused.value) == (
            f"{path} cannot be read: No such file or directory; "
            "run shardmill verify for a full check"
        )


def change_a_byte(path: Path) -> None:
    """Changes an id of the first row, which no other check would find."""
    row = np.array(stored_rows(path)[0]["input_ids"], np.uint16).tobytes()
    content = bytearray(path.read_bytes())
    content[content.index(row) + 2] ^= 1
    path.write_bytes(content)


def test_without_checksums_only_sizes_are_held_to_the_manifest(tmp_path: Path) -> None:
    folder = copy_of("bert", tmp_path / "corpus")
    change_a_byte(shard_paths(folder)[0])
    assert len(loader(folder, checksums=False)) > 0


def test_only_the_shards_of_the_split_are_read(tmp_path: Path) -> None:
    folder = copy_of("bert", tmp_path / "corpus")
    change_a_byte(shard_paths(folder, "eval")[0])
    assert len(loader(folder, checksums=True)) > 0


@pytest.mark.parametrize(("layout", "copies"), EVERY_KIND)
@EVERY_RECIPE
def test_an_epoch_has_every_row_once(recipe: str, layout: str, copies: str) -> None:
    batches = loader(corpus(recipe), layout=layout, copies=copies)
    for _ in range(2):
        found = [row for rows in rows_of(batches) for row in rows]
        assert sorted(found) == list(range(len(all_rows(recipe))))


def test_the_length_is_the_number_of_batches() -> None:
    batches = loader()
    for _ in range(3):
        expected = len(batches)
        assert len(rows_of(batches)) == expected


def test_epochs_and_seeds_have_other_orders() -> None:
    first, second = loader(), loader(seed=6)
    orders = [rows_of(first), rows_of(first), rows_of(second), rows_of(second)]
    assert all(orders.count(order) == 1 for order in orders)


def test_the_order_does_not_depend_on_the_masks() -> None:
    assert rows_of(loader(copies="dynamic")) == rows_of(loader(copies="cycle"))


def test_lengths_and_the_share_of_targets() -> None:
    lengths = [len(row["input_ids"]) for row in all_rows("bert")]
    batches = loader()
    assert batches.lengths.tolist() == lengths
    most = [min(20, max(1, round(0.15 * length))) for length in lengths]
    assert batches.target_share == sum(most) / sum(lengths)


@pytest.mark.parametrize("split", ["train", "eval"])
@pytest.mark.parametrize("layout", LAYOUTS)
@EVERY_RECIPE
def test_rows_in_their_own_order(recipe: str, layout: str, split: str) -> None:
    batches = loader(corpus(recipe), split=split, layout=layout, shuffle=False)
    for _ in range(2):
        found = [row for rows in rows_of(batches) for row in rows]
        assert found == list(range(len(all_rows(recipe, split))))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("recipe", [name for name in MASKED if OBJECTIVES[name].stored])
def test_epochs_take_the_stored_copies_in_turn(recipe: str, layout: str) -> None:
    rows, names = all_rows(recipe), names_of(OBJECTIVES[recipe])
    batches = loader(corpus(recipe), layout=layout)
    for epoch in range(5):
        for batch in batches:
            taken = [rows[number] for number in row_numbers(batch)]
            shown = masks_in(plain(batch), taken, names)
            assert shown == [stored_masks(row, epoch % 3, names) for row in taken]


@pytest.mark.parametrize("copies", COPIES)
@EVERY_RECIPE
def test_the_model_sees_the_row_with_its_masks_laid_over(recipe: str, copies: str) -> None:
    rows = all_rows(recipe)
    for batch in loader(corpus(recipe), copies=copies):
        taken = [rows[number] for number in row_numbers(batch)]
        shown = masks_in(plain(batch), taken, names_of(OBJECTIVES[recipe]))
        expected = [
            token
            for row, masks in zip(taken, shown, strict=True)
            for token in seen_tokens(row, masks)
        ]
        assert batch["input_ids"][0, : int(batch["num_tokens"])].tolist() == expected


def test_dynamic_masks_differ_from_epoch_to_epoch_and_from_the_stored_ones() -> None:
    rows = all_rows("bert")
    batches = loader(copies="dynamic")
    found = []
    for _ in range(3):
        masks = {}
        for batch in batches:
            numbers = row_numbers(batch)
            taken = [rows[number] for number in numbers]
            masks.update(zip(numbers, masks_in(plain(batch), taken, ["mlm"]), strict=True))
        found.append(masks)
    found.extend(
        {number: stored_masks(row, copy, ["mlm"]) for number, row in enumerate(rows)}
        for copy in range(3)
    )
    for number in (each for each, row in enumerate(rows) if len(row["input_ids"]) > 100):
        positions = {tuple(masks[number].positions) for masks in found}
        assert len(positions) == len(found)


class TestState:
    @pytest.mark.parametrize(("layout", "copies"), EVERY_KIND)
    def test_goes_on_exactly_from_every_batch(self, layout: str, copies: str) -> None:
        build = open_local_corpus(corpus("bert"))

        def fresh() -> ArrowBatches:
            return loader(build, layout=layout, copies=copies)

        whole, states, values = fresh(), [], []
        for _ in range(2):
            states.append(whole.state_dict())
            for batch in whole:
                values.append(content(batch))
                states.append(whole.state_dict())
            states.pop()
        assert len(states) == len(values) > 20
        for at, state in enumerate(states):
            resumed = fresh()
            resumed.load_state_dict(state)
            assert resumed.state_dict() == state
            assert epochs(resumed, 2 - state["epoch"]) == values[at:]

    @EVERY_RECIPE
    def test_goes_on_exactly_in_the_middle(self, recipe: str) -> None:
        for copies in COPIES:
            whole = loader(corpus(recipe), copies=copies, batch_tokens=2048)
            steps = iter(whole)
            for _ in range(5):
                next(steps)
            resumed = loader(corpus(recipe), copies=copies, batch_tokens=2048)
            resumed.load_state_dict(whole.state_dict())
            assert epochs(resumed, 2) == [*map(content, steps), *epochs(whole, 1)]

    def test_is_a_few_plain_numbers_that_survive_json(self) -> None:
        whole = loader()
        next(iter(whole))
        state = whole.state_dict()
        assert len(json.dumps(state)) < 500
        assert (state["epoch"], state["batch"]) == (0, 1)
        resumed = loader()
        resumed.load_state_dict(json.loads(json.dumps(state)))
        assert epochs(resumed, 1) == epochs(whole, 1)

    def test_after_the_last_batch_is_the_next_epoch(self) -> None:
        whole = loader()
        list(whole)
        assert (whole.state_dict()["epoch"], whole.state_dict()["batch"]) == (1, 0)

    def test_an_iteration_that_is_left_goes_on_where_it_was(self) -> None:
        expected, left = epochs(loader(), 1), loader()
        first = content(next(iter(left)))
        assert [first, *epochs(left, 1)] == expected

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("split", "eval"),
            ("layout", "padded"),
            ("batch_tokens", 5000),
            ("batches_per_step", 2),
            ("copies", "dynamic"),
            ("seed", 6),
            ("shuffle", False),
        ],
    )
    def test_of_another_order_is_refused(self, name: str, value: Any) -> None:
        state = loader(**{name: value}).state_dict()
        here = loader()
        with pytest.raises(UsageError) as refused:
            here.load_state_dict(state)
        assert str(refused.value) == (
            f"this state was saved with another {name}: {value!r} there, "
            f"{here.state_dict()[name]!r} here"
        )

    def test_of_other_data_is_refused(self) -> None:
        state = loader(corpus("bert-wwm")).state_dict()
        with pytest.raises(UsageError, match="this state was saved with another data: "):
            loader().load_state_dict(state)

    def test_that_is_refused_changes_nothing(self) -> None:
        here = loader()
        next(iter(here))
        before = here.state_dict()
        with pytest.raises(UsageError, match="another seed"):
            here.load_state_dict({**before, "seed": 6, "epoch": 3, "batch": 0})
        assert here.state_dict() == before

    @pytest.mark.parametrize(("before", "after"), [(1, 4), (4, 1), (2, 4), (4, 2)])
    def test_of_another_number_of_ranks(self, before: int, after: int) -> None:
        whole = ranks(before, batches_per_step=4)
        alone = loader(batches_per_step=4)
        expected = epochs(alone, 1)
        iterators = [iter(each) for each in whole]
        for _ in range(4 // before):
            for iterator in iterators:
                next(iterator)
        resumed = ranks(after, batches_per_step=4)
        for each in resumed:
            each.load_state_dict(whole[0].state_dict())
        assert [content(batch) for batch in together(resumed)] == expected[4:]

    def test_within_a_step_that_the_ranks_cannot_share_is_refused(self) -> None:
        alone = loader(batches_per_step=4)
        steps = iter(alone)
        for _ in range(3):
            next(steps)
        with pytest.raises(UsageError) as refused:
            ranks(2, batches_per_step=4)[0].load_state_dict(alone.state_dict())
        assert str(refused.value) == (
            "3 batches were taken, which 2 processes cannot share; save at the end of a step"
        )


def ranks(world_size: int, **options: Any) -> list[ArrowBatches]:
    build = open_local_corpus(corpus("bert"))
    return [
        loader(build, rank=rank, world_size=world_size, **options) for rank in range(world_size)
    ]


def together(loaders: list[ArrowBatches]) -> Iterator[Mapping[str, Tensor]]:
    """Yields the batches of all ranks in the order in which one would have them."""
    for step in zip(*loaders, strict=True):
        yield from step


@pytest.mark.parametrize(("layout", "copies"), EVERY_KIND)
@pytest.mark.parametrize("world_size", [2, 3, 4, 6, 12])
def test_ranks_share_the_steps_of_one(world_size: int, layout: str, copies: str) -> None:
    options = {"layout": layout, "copies": copies, "batches_per_step": 12, "batch_tokens": 2048}
    alone = loader(**options)
    expected = epochs(alone, 2)
    assert len(expected) == 12 * (alone.steps(0) + alone.steps(1))
    several = ranks(world_size, **options)
    found = [content(batch) for _ in range(2) for batch in together(several)]
    assert found == expected


@pytest.mark.parametrize("world_size", [1, 2, 3, 4, 6, 12])
def test_all_ranks_have_the_same_number_of_batches(world_size: int) -> None:
    several = ranks(world_size, batches_per_step=12)
    counts = [(len(each), len(list(each))) for each in several]
    [(told, found)] = set(counts)
    assert told == found == several[0].steps(0) * 12 // world_size


def test_the_last_step_is_filled_with_batches_without_rows() -> None:
    batches = rows_of(loader(batches_per_step=12, batch_tokens=2048))
    filled = len(rows_of(loader(batch_tokens=2048)))
    assert len(batches) == 24 > filled
    assert all(batches[:filled])
    assert batches[filled:] == [[]] * (24 - filled)


def test_a_step_is_a_batch_of_each_rank_unless_told_otherwise() -> None:
    assert ranks(3)[0].state_dict()["batches_per_step"] == 3


def test_dynamic_masks_do_not_depend_on_the_step() -> None:
    found = epochs(loader(copies="dynamic", batches_per_step=7), 1)
    expected = epochs(loader(copies="dynamic"), 1)
    assert found[: len(expected)] == expected


class TestDataLoader:
    @pytest.mark.parametrize(("layout", "copies"), EVERY_KIND)
    def test_yields_the_same(self, layout: str, copies: str) -> None:
        options = {"layout": layout, "copies": copies}
        data: Any = DataLoader(loader(**options), batch_size=None)
        assert [content(batch) for batch in data] == epochs(loader(**options), 1)

    def test_goes_on_with_the_next_epoch(self) -> None:
        data: Any = DataLoader(loader(), batch_size=None)
        assert [content(batch) for _ in range(2) for batch in data] == epochs(loader(), 2)

    @pytest.mark.parametrize("workers", [1, 2])
    def test_workers_are_refused(self, workers: int) -> None:
        data: Any = DataLoader(loader(), batch_size=None, num_workers=workers)
        with pytest.raises(UsageError, match=f"num_workers must be 0, got {workers}"):
            list(data)


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ({"batch": None}, "this is no state of a loader: epoch 0, batch None"),
        ({"batch": -1}, "this is no state of a loader"),
        ({"epoch": "0"}, "this is no state of a loader"),
        ({"batch": 1_000_000}, "has no batch 1000000"),
    ],
)
def test_a_state_of_no_place_is_refused(place: Mapping[str, Any], said: str) -> None:
    batches = loader()
    with pytest.raises(UsageError, match=said):
        batches.load_state_dict({**batches.state_dict(), **place})


@pytest.mark.parametrize(("layout", "copies"), EVERY_KIND)
def test_a_loader_travels(layout: str, copies: str) -> None:
    here = loader(layout=layout, copies=copies)
    next(iter(here))
    there = pickle.loads(pickle.dumps(here))
    assert there.state_dict() == here.state_dict()
    assert epochs(there, 2) == epochs(here, 2)


@EVERY_RECIPE
def test_an_opened_corpus_serves_as_well_as_its_folder(recipe: str) -> None:
    folder = corpus(recipe)
    assert epochs(loader(open_local_corpus(folder)), 1) == epochs(loader(str(folder)), 1)


# What each recipe predicts with the vocabulary head: one kind of targets or two, or one twice.
@pytest.mark.parametrize(
    ("recipe", "names"),
    [
        ("bert", ["labels"]),
        ("structbert", ["labels", "wso_labels"]),
        ("spanbert", ["labels", "sbo_labels"]),
        ("infoword", ["labels"]),
    ],
)
def test_all_predictions_of_the_vocabulary_head_count(recipe: str, names: list[str]) -> None:
    batches = loader(corpus(recipe))
    counts, tokens = [], 0
    for batch in batches:
        counts.append([int((batch[name] >= 0).sum()) for name in names])
        tokens += int(batch["num_tokens"])
    found = [sum(column) / tokens for column in zip(*counts, strict=True)]
    assert sum(found) <= batches.target_share < 1.25 * sum(found)
    assert len(found) == 1 or batches.target_share > 1.2 * max(found)
