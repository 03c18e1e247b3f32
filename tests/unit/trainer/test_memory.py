"""What is remembered of lanes, followed by hand."""

from typing import Any

import torch
from torch import Tensor

from trainer.memory import Memory
from trainer.processes import Processes
from trainer.tasks.losses import LossTerm

ALONE = Processes(0, 1, torch.device("cpu"))


class Counter:
    """Remembers the sum of what it was given in each lane."""

    stateful = True

    def __init__(self) -> None:
        self.given: list[list[float] | None] = []

    def __call__(self, batch: Any, state: Any) -> Any:
        before = torch.zeros(2) if state is None else state["sum"]
        self.given.append(None if state is None else before.tolist())
        added = (before + batch["number"]).requires_grad_()
        return {"lm": LossTerm(added.sum(), torch.tensor(0))}, {"sum": added * 1.0}


def batch(*numbers: float) -> dict[str, Tensor]:
    return {"number": torch.tensor(numbers)}


def test_every_batch_of_a_step_has_a_state_of_its_own() -> None:
    model = Counter()
    memory = Memory(model, 2)
    for step in range(2):
        for number, given in enumerate([batch(1, 2), batch(10, 20)]):
            terms = memory.terms(model, given, number)
            assert terms["lm"].loss.item() == (step + 1) * sum(given["number"].tolist())
    assert model.given == [None, None, [1, 2], [10, 20]]


def test_states_have_no_gradient() -> None:
    model = Counter()
    memory = Memory(model, 1)
    memory.terms(model, batch(1, 2), 0)
    assert not memory.gathered(ALONE)["sum"].requires_grad


def test_all_lanes_in_their_order_and_back() -> None:
    model = Counter()
    memory = Memory(model, 2)
    memory.terms(model, batch(1, 2), 0)
    memory.terms(model, batch(3, 4), 1)
    lanes = memory.gathered(ALONE)
    assert {name: tensor.tolist() for name, tensor in lanes.items()} == {"sum": [1, 2, 3, 4]}
    # The second of two processes has every second group of lanes.
    for rank, expected in ((0, [1, 2]), (1, [3, 4])):
        one = Memory(model, 1)
        one.restore(lanes, Processes(rank, 2, torch.device("cpu")))
        one.terms(model, batch(0, 0), 0)
        assert model.given[-1] == expected
    both = Memory(model, 2)
    both.restore(lanes, ALONE)
    assert both.gathered(ALONE)["sum"].tolist() == [1, 2, 3, 4]


def test_what_is_restored_is_a_copy() -> None:
    lanes = {"sum": torch.tensor([1.0, 2.0])}
    memory = Memory(Counter(), 1)
    memory.restore(lanes, ALONE)
    lanes["sum"].zero_()
    assert memory.gathered(ALONE)["sum"].tolist() == [1, 2]


def test_what_is_not_finite_is_forgotten() -> None:
    model = Counter()
    memory = Memory(model, 1)
    memory.terms(model, batch(float("nan"), 2), 0)
    memory.terms(model, batch(float("inf"), 2), 0)
    memory.terms(model, batch(1, 2), 0)
    assert memory.gathered(ALONE)["sum"].tolist() == [1, 6]


def test_a_model_without_a_state() -> None:
    class Plain:
        stateful = False

        def __call__(self, given: Any) -> Any:
            return {"lm": LossTerm(given["number"].sum(), torch.tensor(0))}

    plain = Plain()
    memory = Memory(plain, 2)
    assert float(memory.terms(plain, batch(1, 2), 0)["lm"].loss) == 3
    assert memory.gathered(ALONE) == {}
    memory.restore({}, ALONE)
