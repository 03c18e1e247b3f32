import dataclasses
from typing import Any

import numpy as np
import pytest

from schemas.errors import UsageError
from schemas.records import Array
from tests.support.stream_builds import rows_of_split, streams, xlnet
from trainer.loader.batches import ArrowBatches
from trainer.loader.lanes import LanePlan, choose_lanes, deal
from trainer.loader.open_corpus import open_local_corpus
from trainer.rows.stored_rows import Streams
from transforms.arrays.randomness import rng_for


def streams_of(*lengths: int, backward: tuple[int, ...] = (), both: bool = False) -> Streams:
    """Returns streams of so many rows each."""
    counts = np.array(lengths, np.int64)
    ends = np.cumsum(counts)
    flags = np.zeros(len(lengths), np.bool_)
    flags[list(backward)] = True
    return Streams(ends - counts, ends, flags, both)


class Fixed(np.random.Generator):
    """Draws what it is told: the keys that sort the streams, then the first row."""

    def __init__(self, *drawn: list[int]) -> None:
        super().__init__(np.random.SFC64(0))
        self._drawn = list(drawn)

    @property
    def bit_generator(self) -> Any:
        return self

    def random_raw(self, size: int | None = None) -> Any:
        drawn = self._drawn.pop(0)
        return drawn[0] if size is None else np.array(drawn, np.uint64)


def batches(plan: LanePlan) -> list[list[int]]:
    return [plan.rows(batch).tolist() for batch in range(len(plan))]


def resets(plan: LanePlan) -> list[list[int]]:
    return [np.flatnonzero(plan.reset(batch)).tolist() for batch in range(len(plan))]


def test_the_example_of_the_page() -> None:
    # Keys 8, 12 and 4 sort the streams to 2, 0, 1, and one row is left for the end.
    plan = deal(streams_of(4, 3, 4), 1, 3, Fixed([8, 12, 4], [1]))
    assert plan.order.tolist() == [8, 9, 10, 0, 1, 2, 3, 4, 5, 6, 7]
    assert batches(plan) == [[8, 1, 5], [9, 2, 6], [10, 3, 7], [0, 4, -1]]
    assert resets(plan) == [[0, 1, 2], [], [2], [0, 1, 2]]


def test_in_their_own_order() -> None:
    plan = deal(streams_of(4, 3), 1, 2)
    assert batches(plan) == [[0, 4], [1, 5], [2, 6], [3, -1]]
    assert resets(plan) == [[0, 1], [], [], [1]]


def test_a_stream_that_ends_in_a_lane() -> None:
    plan = deal(streams_of(2, 1, 3), 1, 2)
    assert batches(plan) == [[0, 3], [1, 4], [2, 5]]
    assert resets(plan) == [[0, 1], [], [0]]


def test_batches_of_a_step_have_groups_of_lanes() -> None:
    plan = deal(streams_of(9), 2, 2)
    # Runs 0 1 2, 3 4, 5 6 and 7 8.
    assert batches(plan) == [[0, 3], [5, 7], [1, 4], [6, 8], [2, -1], [-1, -1]]
    assert resets(plan) == [[0, 1], [0, 1], [], [], [1], [0, 1]]


def test_reversed_streams_are_in_the_second_half_of_every_batch() -> None:
    plan = deal(streams_of(4, 4, backward=(1,), both=True), 2, 2)
    assert batches(plan) == [[0, 4], [2, 6], [1, 5], [3, 7]]
    plan = deal(streams_of(2, 5, backward=(1,), both=True), 1, 4)
    assert batches(plan) == [[0, 1, 2, 5], [-1, -1, 3, 6], [-1, -1, 4, -1]]


def test_no_reversed_streams_where_there_may_be_some() -> None:
    assert batches(deal(streams_of(2, both=True), 1, 2)) == [[0, -1], [1, -1]]


def test_more_lanes_than_rows() -> None:
    plan = deal(streams_of(2), 1, 3)
    assert batches(plan) == [[0, 1, -1]]
    assert resets(plan) == [[0, 1, 2]]


def test_no_rows() -> None:
    assert len(deal(streams_of(), 2, 2, rng_for(1, "lanes"))) == 0


@pytest.mark.parametrize("epoch", range(4))
@pytest.mark.parametrize("lanes", [1, 2, 3, 7, 30])
def test_every_row_comes_once(lanes: int, epoch: int) -> None:
    plan = deal(streams_of(7, 1, 12, 10), 2, lanes, rng_for(3, "lanes", epoch))
    found = [row for rows in batches(plan) for row in rows if row >= 0]
    assert sorted(found) == list(range(30))


def test_epochs_have_other_cuts_and_another_order() -> None:
    plans = [deal(streams_of(20, 20), 1, 4, rng_for(3, "lanes", epoch)) for epoch in range(8)]
    assert len({tuple(plan.order.tolist()) for plan in plans}) == 8
    # Of one stream, too.
    firsts = [
        deal(streams_of(40), 1, 4, rng_for(3, "lanes", epoch)).rows(0)[0] for epoch in range(8)
    ]
    assert len(set(firsts)) > 4


def chosen(folder: Any, lanes: int | None, tokens: int, step: int = 2, **changes: Any) -> int:
    corpus = open_local_corpus(folder)
    recipe = dataclasses.replace(corpus.recipe, **changes)
    corpus = dataclasses.replace(corpus, recipe=recipe)
    return choose_lanes(corpus, "train", lanes, batch_tokens=tokens, step=step)


def causal() -> Any:
    return streams("transformer-xl", "memory=32")


class TestHowManyLanes:
    def test_as_many_as_fit(self) -> None:
        assert chosen(causal(), None, 5 * 32 + 31) == 10
        assert chosen(xlnet(), None, 5 * 48) == 8
        assert chosen(xlnet("segment.bi_data=false"), None, 5 * 48) == 10

    def test_not_more_than_there_are_rows(self) -> None:
        rows = rows_of_split(causal())
        assert chosen(causal(), None, 1 << 20) == rows // 2 * 2
        assert chosen(causal(), None, 1 << 20, step=rows + 1) == rows + 1

    def test_as_many_as_are_given(self) -> None:
        assert chosen(causal(), 6, 32 * 5) == 6
        assert chosen(causal(), 10, 32 * 5) == 10

    @pytest.mark.parametrize(
        ("lanes", "tokens", "told"),
        [
            (3, 400, "lanes must be a multiple of the 2 batches_per_step, got 3"),
            (
                12,
                32 * 5,
                "lanes must be at most 10: 5 rows of 32 tokens fit into batch_tokens 160, and a "
                "step has 2 batches; got 12",
            ),
            (
                10_000,
                1 << 20,
                "lanes must be at most {rows}, the rows of {folder}/train, got 10000",
            ),
            (
                4,
                31,
                "batch_tokens must be at least 32, the longest row of {folder}/train, got 31",
            ),
        ],
    )
    def test_what_is_refused(self, lanes: int, tokens: int, told: str) -> None:
        with pytest.raises(UsageError) as refused:
            chosen(causal(), lanes, tokens)
        rows = rows_of_split(causal())
        assert str(refused.value) == told.format(folder=causal(), rows=rows)

    def test_half_of_the_lanes_of_a_batch_are_reversed(self) -> None:
        with pytest.raises(UsageError) as refused:
            chosen(xlnet(), 6, 400)
        assert str(refused.value) == (
            "lanes must be a multiple of 4: in each of the 2 batches_per_step, half of them are of "
            "reversed streams; got 6"
        )
        with pytest.raises(UsageError) as refused:
            chosen(xlnet(), None, 95)
        assert str(refused.value) == (
            f"batch_tokens must be at least 96, a forward and a reversed row of {xlnet()}/train, "
            "got 95"
        )

    def test_rows_that_do_not_follow_one_another(self) -> None:
        with pytest.raises(UsageError) as refused:
            chosen(streams("gpt"), 4, 400)
        assert str(refused.value) == (
            "lanes are for rows that follow one another, and gpt takes its rows in random order; "
            "leave lanes out, got 4"
        )


def loader(folder: Any, **options: Any) -> ArrowBatches:
    fields = {"layout": "lanes", "batch_tokens": 300, "checksums": False, "seed": 5, **options}
    return ArrowBatches(folder, **fields)


class TestTheLoader:
    @pytest.mark.parametrize("size", [1, 2, 4])
    def test_processes_share_the_batches_of_one(self, size: int) -> None:
        alone = [content(batch) for batch in loader(causal(), batches_per_step=4)]
        ranks = [
            loader(causal(), batches_per_step=4, rank=rank, world_size=size) for rank in range(size)
        ]
        turns = zip(*map(list, ranks), strict=True)
        assert [content(batch) for turn in turns for batch in turn] == alone

    def test_it_goes_on_from_its_state(self) -> None:
        first = loader(causal(), batches_per_step=2)
        taken = iter(first)
        for _ in range(6):
            next(taken)
        again = loader(causal(), batches_per_step=2)
        again.load_state_dict(first.state_dict())
        assert [content(batch) for batch in again] == [content(batch) for batch in taken]

    def test_another_number_of_lanes_is_another_order(self) -> None:
        state = loader(causal(), lanes=4).state_dict()
        with pytest.raises(UsageError) as refused:
            loader(causal(), lanes=6).load_state_dict(state)
        assert str(refused.value) == ("this state was saved with another lanes: 4 there, 6 here")

    def test_shuffled_rows_always_begin_anew(self) -> None:
        batches = loader(streams("gpt"))
        found = list(batches)
        assert all(batch["reset"].all() for batch in found)
        rows = [row for batch in found for row in batch["row_ids"].tolist() if row >= 0]
        assert sorted(rows) == list(range(len(batches.lengths)))
        assert rows != sorted(rows)

    def test_rows_in_lanes_are_shuffled_for_a_model_without_memory(self) -> None:
        rows = [
            row
            for batch in loader(causal(), layout="packed")
            for row in batch["row_ids"].tolist()
            if row >= 0
        ]
        followed = np.count_nonzero(np.diff(rows) == 1)
        assert sorted(rows) == list(range(len(rows)))
        # Rows of a batch are ascending, so some neighbours stay together.
        assert followed < len(rows) / 4

    def test_in_evaluation_lanes_are_long(self) -> None:
        batches = loader(causal(), split="eval", shuffle=False, batch_tokens=1 << 16)
        rows = rows_of_split(causal(), "eval")
        assert batches.lanes == rows // 8
        assert len(batches) == -(-rows // batches.lanes)
        found = [row for batch in batches for row in batch["row_ids"].tolist() if row >= 0]
        assert sorted(found) == list(range(rows))

    @pytest.mark.parametrize(
        ("recipe", "layout", "told"),
        [
            ("gpt", "ragged", "layout must be packed or padded or lanes for gpt, got 'ragged'"),
            ("xlnet", "packed", "layout must be lanes for xlnet, got 'packed'"),
        ],
    )
    def test_layouts_that_rows_cannot_have(self, recipe: str, layout: str, told: str) -> None:
        folder = xlnet() if recipe == "xlnet" else streams(recipe)
        with pytest.raises(UsageError) as refused:
            loader(folder, layout=layout)
        assert str(refused.value) == told

    def test_documents_are_kept_apart_in_packed_batches_alone(self) -> None:
        with pytest.raises(UsageError) as refused:
            loader(streams("gpt", "predict.keep_apart=true"), layout="padded")
        assert str(refused.value) == "layout must be packed for gpt, got 'padded'"

    def test_lanes_are_for_their_layout(self) -> None:
        with pytest.raises(UsageError) as refused:
            loader(causal(), layout="packed", lanes=4)
        assert str(refused.value) == "lanes are for the layout lanes, got 4 with 'packed'"

    def test_a_token_attends_to_the_memory_and_half_of_its_row(self) -> None:
        assert loader(causal()).context == 32 + 33 / 2
        assert loader(causal(), layout="packed").context == 33 / 2
        assert loader(xlnet()).context == 36 + 48
        assert loader(causal()).target_share == 1.0

    def test_tokens_of_a_byte(self) -> None:
        batches = loader(causal())
        drawn = [shard.drawn for shard in batches.corpus.shards("train")]
        tokens, size = (sum(each[f"stream.{of}"] for each in drawn) for of in ("tokens", "bytes"))
        assert batches.tokens_per_byte == tokens / size
        assert 0.1 < tokens / size < 1


def content(batch: Any) -> dict[str, tuple[Any, Any, bytes]]:
    return {
        name: (tensor.dtype, tuple(tensor.shape), bytes_of(tensor.numpy()))
        for name, tensor in batch.items()
    }


def bytes_of(array: Array) -> bytes:
    return array.tobytes()
