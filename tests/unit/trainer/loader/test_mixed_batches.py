import dataclasses
import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from schemas.errors import UsageError
from tests.support.synthetic_builds import build_folder
from trainer.loader.batches import ArrowBatches
from trainer.loader.mixed_batches import MixedBatches, drawn_steps
from trainer.loader.open_corpus import open_local_corpus
from trainer.tasks.of_recipes import shared_tasks
from trainer.tasks.relation import RelationTask
from transforms.contract.oracle import rate
from transforms.contract.packing import PairTask
from transforms.objectives import OBJECTIVES
from transforms.objectives.schedule import Stages, continual

STAGES: Stages = ((3, 0), (2, 5), (0, 0), (1, 4))
NAMES = ("bert-wwm", "albert")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("members")
    recipes = {name: dataclasses.replace(OBJECTIVES[name], copies=2) for name in NAMES}
    for name, recipe in recipes.items():
        short = dataclasses.replace(recipe, max_seq_length=64, objective_column=True)
        build_folder(root / name, short, shards=1, documents=40)
    return {name: root / name for name in NAMES}


def mixed(
    folders: Mapping[str, Path],
    stages: Stages = STAGES,
    *,
    seed: int = 3,
    ranks: int = 1,
    rank: int = 0,
    step: int = 2,
) -> MixedBatches:
    options: dict[str, Any] = {"batch_tokens": 256, "seed": seed, "batches_per_step": step}
    members: dict[str, ArrowBatches] = {
        name: ArrowBatches(folder, rank=rank, world_size=ranks, member=number, **options)
        for number, (name, folder) in enumerate(folders.items())
    }
    return MixedBatches(members, stages, seed=seed, accumulation=step // ranks)


def kinds(batches: MixedBatches) -> list[str]:
    return ["albert" if "has_sop" in batch else "bert-wwm" for batch in batches]


def test_every_stage_spends_its_budget() -> None:
    members, stages = drawn_steps(STAGES, seed=1)
    assert len(members) == len(stages) == 15
    assert stages.tolist() == [0] * 3 + [1] * 7 + [3] * 5
    for number, budget in enumerate(STAGES):
        assert np.bincount(members[stages == number], minlength=2).tolist() == list(budget)


def test_the_order_follows_from_the_seed() -> None:
    stages = continual([1, 1, 1], 300)
    first, again, other = (drawn_steps(stages, seed)[0].tolist() for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_steps_are_drawn_by_what_is_left() -> None:
    """As if each step drew its member with probability by the rest of the budgets."""
    budget, seeds = (2, 3, 5), 4000
    drawn = np.array([drawn_steps((budget,), seed)[0] for seed in range(seeds)])
    for member, steps in enumerate(budget):
        found = int((drawn[:, 0] == member).sum())
        assert rate("first", found, seeds, steps / 10).holds
    for first, second in itertools.product(range(3), repeat=2):
        left = budget[second] - (first == second)
        found = int(((drawn[:, 0] == first) & (drawn[:, 1] == second)).sum())
        assert rate("pair", found, seeds, budget[first] / 10 * left / 9).holds


def test_a_step_is_one_members_and_marked_with_its_tasks(folders: dict[str, Path]) -> None:
    found = list(mixed(folders))
    drawn, _ = drawn_steps(STAGES, 3)
    assert len(found) == 2 * len(drawn)
    for batch, member in zip(found, np.repeat(drawn, 2), strict=True):
        labels = {name for name in batch if name.endswith("_label")}
        marks = {name for name in batch if name.startswith("has_")}
        assert labels == {["next_sentence_label", "sentence_order_label"][member]}
        assert marks == {"has_mlm", ["has_nsp", "has_sop"][member]}


def test_members_give_their_rows_in_their_own_order(folders: dict[str, Path]) -> None:
    alone = {
        name: ArrowBatches(folder, batch_tokens=256, seed=3, batches_per_step=2)
        for name, folder in folders.items()
    }
    streams = {name: itertools.chain.from_iterable([b, b, b]) for name, b in alone.items()}
    epochs = (200, 200)
    batches = mixed(folders, (epochs,))
    for name, batch in zip(kinds(mixed(folders, (epochs,)))[:120], batches, strict=False):
        wanted = next(streams[name])
        assert torch.equal(batch["row_ids"], wanted["row_ids"])
        assert torch.equal(batch["input_ids"], wanted["input_ids"])


@pytest.mark.parametrize("done", range(0, 16, 3))
def test_it_goes_on_after_every_step(folders: dict[str, Path], done: int) -> None:
    whole = mixed(folders)
    stream = iter(whole)
    for _ in range(2 * done):
        next(stream)
    again = mixed(folders)
    again.load_state_dict(whole.state_dict())
    rest, wanted = list(again), list(stream)
    assert len(rest) == len(wanted) == 2 * (15 - done)
    for one, other in zip(rest, wanted, strict=True):
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) for name in one)


def test_two_ranks_share_the_steps_of_one(folders: dict[str, Path]) -> None:
    one = list(mixed(folders))
    two = [list(mixed(folders, ranks=2, rank=rank)) for rank in range(2)]
    taken = [batch for pair in zip(*two, strict=True) for batch in pair]
    assert len(taken) == len(one)
    for a, b in zip(taken, one, strict=True):
        assert torch.equal(a["row_ids"], b["row_ids"])


def test_the_state_tells_what_the_last_step_was(folders: dict[str, Path]) -> None:
    batches = mixed(folders)
    drawn, stages = drawn_steps(STAGES, 3)
    stream = iter(batches)
    for step, (member, stage) in enumerate(zip(drawn, stages, strict=True)):
        for _ in range(2):
            next(stream)
        state = batches.state_dict()
        assert (state["step"], state["objective"]) == (step + 1, NAMES[member])
        assert state["stage"] == stage + 1


def test_a_state_of_other_members_is_refused(folders: dict[str, Path]) -> None:
    state = mixed(folders).state_dict()
    state = {**state, "members": dict(reversed(state["members"].items()))}
    with pytest.raises(UsageError, match="other members: albert, bert-wwm there, bert-wwm, albert"):
        mixed(folders).load_state_dict(state)


def test_tasks_of_the_same_name_are_one() -> None:
    tasks = {task.name: task for task in shared_tasks(OBJECTIVES[name] for name in NAMES)}
    assert list(tasks) == ["mlm", "nsp", "sop"]
    assert isinstance(tasks["nsp"], RelationTask)
    assert isinstance(tasks["sop"], RelationTask)
    assert tasks["nsp"].uses_pair_head
    assert not tasks["sop"].uses_pair_head


def test_a_name_with_two_meanings_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = OBJECTIVES["albert"]
    monkeypatch.setattr(type(recipe.pair), "task", PairTask("nsp", "sentence_order_label"))
    with pytest.raises(UsageError, match="albert has a task 'nsp' that is another one"):
        shared_tasks([OBJECTIVES["bert-wwm"], recipe])


def test_figures_are_means_over_the_steps(folders: dict[str, Path]) -> None:
    batches = mixed(folders, ((30, 10),))
    members = [ArrowBatches(folder, batch_tokens=256) for folder in folders.values()]
    contexts = [each.context for each in members]
    lengths = open_local_corpus(folders["albert"]).shards("train")[0].max_length
    assert contexts[1] <= lengths
    assert batches.context == pytest.approx(0.75 * contexts[0] + 0.25 * contexts[1])
