import itertools

import numpy as np
import pytest

from tests.support.task_runs import loader
from trainer.loader.batch_plan import pack_records
from trainer.loader.mixed_batches import MixedBatches, drawn_steps
from trainer.loader.task_data import task_names
from trainer.loader.task_schedule import EXTRA_FIRST, SHUFFLED, epoch_stages
from trainer.rows.layouts import Limits


def stages(*steps: int, epochs: int = 1, **changes: object) -> list[tuple[tuple[int, ...], ...]]:
    fields = {"order": SHUFFLED, "extra_share": None, "seed": 1, **changes}
    return [epoch_stages(steps, epoch, **fields) for epoch in range(epochs)]


def test_an_epoch_has_every_batch_once() -> None:
    assert stages(3, 5, 2) == [((3, 5, 2),)]


def test_batches_of_extra_tasks_may_come_first() -> None:
    assert stages(3, 5, 2, order=EXTRA_FIRST) == [((0, 5, 2), (3, 0, 0))]


@pytest.mark.parametrize(("share", "count"), [(0.5, 2), (1.5, 6), (9.0, 7)])
def test_a_share_of_extra_batches(share: float, count: int) -> None:
    for [(first, *extra)] in stages(4, 5, 2, epochs=20, extra_share=share):
        assert first == 4
        assert sum(extra) == count
        assert extra[0] <= 5
        assert extra[1] <= 2


def test_extra_batches_are_of_each_task_in_proportion() -> None:
    drawn = np.array([extra for [(_, *extra)] in stages(10, 30, 10, epochs=2000, extra_share=1.0)])
    # 10 of 40 without replacement: the mean is 7.5 of the first, the variance 1.44.
    deviation = np.sqrt(1.442 / 2000)
    assert abs(drawn[:, 0].mean() - 7.5) < 6 * deviation
    assert len({tuple(each) for each in drawn.tolist()}) > 3


def test_a_task_is_at_a_place_as_often_as_it_has_batches() -> None:
    drawn, _ = drawn_steps(tuple(itertools.chain(*stages(6, 3, 1, epochs=3000))), seed=4)
    places = drawn.reshape(3000, 10)
    for task, share in enumerate((0.6, 0.3, 0.1)):
        found = (places == task).mean(axis=0)
        assert (abs(found - share) < 6 * np.sqrt(share * (1 - share) / 3000)).all()
    # A schedule with a fixed place would be noticed.
    assert abs(np.ones(3000).mean() - 0.6) > 6 * np.sqrt(0.24 / 3000)


def test_every_epoch_is_an_exact_cover_by_batches_of_one_task() -> None:
    kinds = ("classify", "pair")
    members = {
        kind: loader(kind, "train", rows=rows, shuffle=True, member=number)
        for number, (kind, rows) in enumerate(zip(kinds, (20, 7), strict=True))
    }
    steps = [each.steps(0) for each in members.values()]
    assert steps == [-(-96 // 20), -(-96 // 7)]
    epochs = [stages(*steps)[0] for _ in range(3)]
    whole = tuple(itertools.chain(*epochs))
    ends = [sum(steps) * epoch for epoch in (1, 2, 3)]
    batches = MixedBatches(members, whole, seed=2, accumulation=1, ends=ends)
    seen: list[tuple[str, frozenset[int]]] = []
    over = []
    for batch in batches:
        [number] = [number for number in range(2) if f"of_{number}" in batch]
        assert int(batch["member"]) == number
        rows = batch["row_ids"]
        seen.append((kinds[number], frozenset(rows[rows >= 0].tolist())))
        over.append(batches.state_dict()["epoch_over"])
    size = sum(steps)
    assert [place + 1 for place, each in enumerate(over) if each] == ends
    orders = []
    for epoch in range(3):
        own = seen[epoch * size : (epoch + 1) * size]
        for kind in kinds:
            taken = sorted(row for name, rows in own if name == kind for row in rows)
            assert taken == list(range(96))
        orders.append([name for name, _ in own])
    assert orders[0] != orders[1]
    # Batches are formed anew.
    assert not set(seen[:size]) & set(seen[size : 2 * size])


def test_rows_of_a_batch_are_as_many_as_asked_for() -> None:
    batches = loader("classify", "train", rows=20)
    sizes = [int((batch["row_ids"] >= 0).sum()) for batch in batches]
    assert sizes == [20, 20, 20, 20, 16]


def test_batches_are_as_long_as_their_rows_need() -> None:
    batches = list(loader("pair", "train", rows=8))
    sizes = {batch["input_ids"].shape[1] for batch in batches}
    for batch in batches:
        used, size = int(batch["num_tokens"]), batch["input_ids"].shape[1]
        assert used <= size < used * 1.25 + 8
    assert len(sizes) <= 8


@pytest.mark.parametrize("shuffle", [False, True])
def test_all_candidates_of_a_record_are_in_one_batch(*, shuffle: bool) -> None:
    batches = loader("rank", "train", rows=5, shuffle=shuffle)
    seen = []
    for batch in batches:
        rows = batch["row_ids"][batch["row_ids"] >= 0]
        assert len(rows) <= 20
        records = batch["choice_rows"]
        for places in records[records[:, 0] >= 0]:
            own = rows[places[places >= 0]]
            assert len(own) == 4
            assert int(own[0]) % 4 == 0
            seen += own.tolist()
        assert len(rows) == (records >= 0).sum()
    assert sorted(seen) == list(range(4 * 96))
    assert (seen == sorted(seen)) != shuffle


def test_records_are_packed_whole() -> None:
    records = np.array([0, 2, 3, 6, 8])
    tokens = np.array([3, 3, 9, 1, 1, 1, 4, 4])
    limits = Limits(rows=4, tokens=12, targets=8)
    plan = pack_records(np.array([2, 0, 1, 3]), records, tokens, limits, None)
    assert plan.order.tolist() == [3, 4, 5, 0, 1, 2, 6, 7]
    # Records of 3 and 2 rows are 5; the next two have 17 tokens.
    assert plan.starts.tolist() == [0, 3, 5, 6, 8]
    assert pack_records(np.arange(4), records, tokens, limits, 1).starts.tolist() == [0, 2, 3, 6, 8]


def test_names_of_tasks_differ() -> None:
    assert task_names(["a/sst", "rte/", "b/sst", "sst-2"]) == ["sst", "rte", "sst-2", "sst-2-2"]
