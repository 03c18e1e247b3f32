"""What batches must hold for every recipe of the table whose tokens are predicted from others."""

import itertools
from typing import Any

import pytest

from tests.oracles.batches import plain, row_numbers
from tests.support.sample_builds import RECIPES, corpus
from trainer.loader.batch_shapes import LAYOUTS_OF
from trainer.loader.batches import ArrowBatches
from transforms.objectives import OBJECTIVES

CASES = [
    (name, layout)
    for name in RECIPES
    if OBJECTIVES[name].attention != "bidirectional"
    for layout in LAYOUTS_OF.get(OBJECTIVES[name].attention, ())
]
EVERY = pytest.mark.parametrize(("recipe", "layout"), CASES)


def loader(recipe: str, layout: str, **options: Any) -> ArrowBatches:
    fields = {"batch_tokens": 2100, "layout": layout, "seed": 5, "checksums": False, **options}
    return ArrowBatches(corpus(recipe), **fields)


def test_there_are_some() -> None:
    assert {"gpt", "transformer-xl", "xlnet"} <= {name for name, _ in CASES}


@EVERY
def test_every_row_comes_once_an_epoch_and_in_another_order(recipe: str, layout: str) -> None:
    batches = loader(recipe, layout)
    orders = [[row for batch in batches for row in row_numbers(batch)] for _ in range(2)]
    for order in orders:
        assert sorted(order) == list(range(len(batches.lengths)))
    assert orders[0] != orders[1]


@EVERY
def test_all_batches_have_the_same_shapes(recipe: str, layout: str) -> None:
    """Or sources and targets of pairs one of few lengths, and those of modes one of two."""
    batches = list(loader(recipe, layout))
    if layout == "pairs":
        for name in ("input_ids", "decoder_input_ids"):
            assert len({batch[name].shape[1] for batch in batches}) <= 17
    else:
        shapes = {tuple((name, t.shape, t.dtype) for name, t in each.items()) for each in batches}
        # Batches in which all is seen, and all tasks are learned, hold other names than others.
        assert len(shapes) == (2 if OBJECTIVES[recipe].modes else 1)
    for batch in loader(recipe, layout):
        given = [name for name in ("input_ids", "decoder_input_ids") if name in batch]
        assert sum(batch[name].numel() for name in given) <= 2100


@EVERY
def test_ranks_share_the_batches_of_one(recipe: str, layout: str) -> None:
    alone = [plain(batch) for batch in loader(recipe, layout, batches_per_step=2)]
    ranks = [
        loader(recipe, layout, batches_per_step=2, rank=rank, world_size=2) for rank in range(2)
    ]
    turns = zip(*map(list, ranks), strict=True)
    assert [plain(batch) for turn in turns for batch in turn] == alone


@EVERY
@pytest.mark.parametrize("taken", [0, 2, 5])
def test_another_loader_goes_on_exactly(recipe: str, layout: str, taken: int) -> None:
    whole = loader(recipe, layout)
    list(itertools.islice(whole, taken))
    again = loader(recipe, layout)
    again.load_state_dict(whole.state_dict())
    pairs = zip(again, whole, strict=True)
    assert all(plain(one) == plain(two) for one, two in pairs)


@EVERY
def test_what_is_predicted_is_in_the_rows(recipe: str, layout: str) -> None:
    batches = loader(recipe, layout, split="eval", shuffle=False)
    predicted = sum(int((batch["labels"] != -100).sum()) for batch in batches)
    tokens = sum(int(batch["num_tokens"]) for batch in batches)
    assert 0 < predicted <= batches.target_share * tokens + 1e-6
