"""The loop on a model so small that its steps can be followed by hand."""

import contextlib
import copy
from typing import Any

import pytest
import torch
from torch import Tensor

from schemas.columns import IGNORED
from schemas.errors import RunError
from tests.support.sample_builds import corpus
from trainer.loader.batches import ArrowBatches
from trainer.loader.prefetch import Prefetch
from trainer.loop import Loop
from trainer.meter import Meter
from trainer.models.trainable import with_defaults
from trainer.optim import Lamb, adamw, parameter_groups
from trainer.processes import Processes
from trainer.rows.layouts import Batch
from trainer.seeding import seed_torch
from trainer.tasks.losses import LossTerm, mean_losses

ALONE = Processes(0, 1, torch.device("cpu"))


class Bigrams(torch.nn.Module):
    """Guesses a masked token from the token before it, and the relation from the row's length."""

    def __init__(self, vocabulary: int, spoiled_step: int | None = None) -> None:
        super().__init__()
        seed_torch(0, "bigrams")
        self.table = torch.nn.Embedding(vocabulary, 8)
        self.out = torch.nn.Linear(8, vocabulary)
        self.relation = torch.nn.Linear(1, 2)
        self._spoiled, self._seen = spoiled_step, 0

    def counts(self, batch: Batch) -> dict[str, Tensor]:
        names = {"mlm": "labels", "nsp": "next_sentence_label"}
        return {part: (batch[name] != IGNORED).sum() for part, name in names.items()}

    def forward(self, batch: Batch) -> dict[str, LossTerm]:
        before = batch["input_ids"][0, (batch["target_positions"] - 1).clamp(min=0)]
        logits = self.out(self.table(before))
        lengths = batch["cu_seqlens"].diff().float()[:, None] / 100
        if self._seen == self._spoiled:
            logits = logits * float("nan")
        self._seen += 1
        return {
            "mlm": _part(logits, batch["labels"]),
            "nsp": _part(self.relation(lengths), batch["next_sentence_label"]),
        }


def _part(logits: Tensor, labels: Tensor) -> LossTerm:
    loss = torch.nn.functional.cross_entropy(logits, labels, reduction="sum")
    return LossTerm(loss, (logits.argmax(-1) == labels).sum())


def loop_of(model: Any, batches: ArrowBatches, **changes: Any) -> Loop:
    fields = {
        "model": model,
        "plain": with_defaults(model),
        "optimizer": adamw(parameter_groups(model, 0.01), 0.1),
        "rate": lambda step, _: 0.1 / (1 + step),
        "batches": batches,
        "processes": ALONE,
        "autocast": contextlib.nullcontext,
        "clip": 1e9,
        "seed": 0,
        "accumulation": 1,
        "meter": Meter(ALONE, torch.float32, None),
    }
    return Loop(**{**fields, **changes})


def batches_of(batch_tokens: int = 512, **options: Any) -> ArrowBatches:
    return ArrowBatches(corpus("bert-wwm"), batch_tokens=batch_tokens, seed=1, **options)


def model_of(batches: ArrowBatches, spoiled_step: int | None = None) -> Bigrams:
    return Bigrams(batches.corpus.vocabulary.size, spoiled_step)


def take(loop: Loop, steps: int) -> None:
    for _ in loop.run(0, steps):
        pass


def test_batches_of_a_step_weigh_as_their_predictions() -> None:
    """The gradient is that of the mean over all predictions of a step, not the mean of means."""
    batches = batches_of(batches_per_step=3)
    model = model_of(batches)
    loop = loop_of(copy.deepcopy(model), batches, accumulation=3)
    take(loop, 1)
    taken = [batch for batch, _ in zip(batches_of(), range(3), strict=False)]
    counts = [model.counts(batch) for batch in taken]
    totals = {name: sum(count[name] for count in counts) for name in ("mlm", "nsp")}
    assert len({int(count["mlm"]) for count in counts}) > 1
    for batch in taken:
        torch.stack([*mean_losses(model(batch), totals).values()]).sum().backward()  # type: ignore[arg-type]
    norm = torch.nn.utils.get_total_norm([weight.grad for weight in model.parameters()])
    assert loop.gradient_norm == pytest.approx(float(norm), rel=1e-6)


def test_the_gradient_is_clipped_and_its_norm_told_before() -> None:
    batches = batches_of()
    model = model_of(batches)
    wide = loop_of(copy.deepcopy(model), batches)
    take(wide, 1)
    narrow = loop_of(
        model, batches_of(), clip=1e-3, optimizer=torch.optim.SGD(model.parameters(), fused=True)
    )
    before = copy.deepcopy(model)
    take(narrow, 1)
    assert narrow.gradient_norm == wide.gradient_norm
    pairs = zip(model.parameters(), before.parameters(), strict=True)
    moved = torch.nn.utils.get_total_norm([new.detach() - old.detach() for new, old in pairs])
    assert float(moved) == pytest.approx(1e-3 * 0.1, rel=1e-3)


@pytest.mark.parametrize("kind", [adamw, Lamb])
def test_a_step_that_is_not_finite_changes_nothing_and_is_counted(kind: Any) -> None:
    batches = batches_of()
    model = model_of(batches, spoiled_step=1)
    loop = loop_of(model, batches, optimizer=kind(parameter_groups(model, 0.01), 0.1))
    states = [
        copy.deepcopy((model.state_dict(), loop.optimizer.state_dict()["state"]))
        for _ in loop.run(0, 3)
    ]
    assert int(loop.skipped) == 1
    assert _flat(states[0]) == _flat(states[1])
    assert _flat(states[1]) != _flat(states[2])
    assert all(weight.isfinite().all() for weight in model.parameters())


def _flat(value: Any) -> list[Any]:
    """Returns all numbers of nested tensors."""
    if isinstance(value, torch.Tensor):
        return value.flatten().tolist()
    if isinstance(value, dict):
        return [number for each in value.values() for number in _flat(each)]
    if isinstance(value, tuple | list):
        return [number for each in value for number in _flat(each)]
    return [value]


def test_the_rate_is_that_of_the_step() -> None:
    batches = batches_of()
    loop = loop_of(model_of(batches), batches)
    rates = [loop.optimizer.param_groups[0]["lr"] for _ in loop.run(4, 7)]
    assert rates == [0.1 / 5, 0.1 / 6, 0.1 / 7]


def test_the_state_is_that_of_the_loader_and_not_of_what_was_made_ahead() -> None:
    batches = batches_of()
    loop = loop_of(model_of(batches), batches)
    states = [state for _, state, _ in loop.run(0, 5)]
    assert [(state["epoch"], state["batch"]) for state in states[:4]] == [
        (0, 1),
        (0, 2),
        (0, 3),
        (0, 4),
    ]
    again = batches_of()
    again.load_state_dict(states[2])
    following = next(iter(again))
    fresh = [batch for batch, _ in zip(batches_of(), range(4), strict=False)]
    assert torch.equal(following["input_ids"], fresh[3]["input_ids"])


def test_an_epoch_after_the_other() -> None:
    batches = batches_of(4096)
    loop = loop_of(model_of(batches), batches)
    epochs = [state["epoch"] for _, state, _ in loop.run(0, 2 * len(batches) + 1)]
    assert sorted(set(epochs)) == [0, 1, 2]


def test_prefetch_raises_where_the_item_is_wanted() -> None:
    def items() -> Any:
        yield 1
        raise RunError("broken")

    with Prefetch(items()) as ahead:
        assert next(ahead) == 1
        with pytest.raises(RunError, match="broken"):
            next(ahead)


def test_prefetch_ends_with_its_items_and_can_be_left_early() -> None:
    with Prefetch(range(3)) as ahead:
        assert list(ahead) == [0, 1, 2]
    with Prefetch(iter(int, 1)) as endless:
        assert next(endless) == 0
    assert not endless._thread.is_alive()


def test_seeds_of_different_paths_differ() -> None:
    drawn = []
    for path in ([1, "a"], [1, "b"], [2, "a"], [1, "a"]):
        seed_torch(path[0], path[1])  # type: ignore[arg-type]
        drawn.append(torch.rand(4).tolist())
    assert drawn[0] == drawn[3]
    assert len({tuple(each) for each in drawn}) == 3


def test_a_meter_adds_up() -> None:
    batches = batches_of()
    loop = loop_of(model_of(batches), batches)
    take(loop, 2)
    figures = loop.meter.record(waited=0.0)
    first = [batch for batch, _ in zip(batches_of(), range(2), strict=False)]
    tokens = sum(int(batch["num_tokens"]) for batch in first)
    assert figures["tokens"] == tokens
    assert figures["padding"] == pytest.approx(1 - tokens / 1024)
    assert figures["loss"] == pytest.approx(figures["loss_mlm"] + figures["loss_nsp"])
    assert 0 <= figures["accuracy_nsp"] <= 1
    assert "mfu" not in figures
