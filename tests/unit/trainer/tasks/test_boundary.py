"""The task of span boundaries: what batches have for it, and what its head computes."""

import dataclasses
import functools
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from torch import Tensor
from torch._dynamo.testing import CompileCounter
from torch.nn.functional import cross_entropy, gelu

from tests.oracles.batches import plain
from tests.support.sample_builds import MASKED, corpus
from trainer.loader.batches import ArrowBatches
from trainer.loader.open_corpus import open_local_corpus
from trainer.models.encoder_families import ENCODERS
from trainer.rows.layouts import Batch, Packed, Padded
from trainer.rows.masked_rows import MaskedRows
from trainer.rows.stored_rows import Rows
from trainer.tasks.boundary import MAX_OFFSETS, POSITION_WIDTH, BoundaryTask
from trainer.tasks.of_recipes import tasks_of
from trainer.tasks.task import Head
from transforms.arrays.ragged import Ragged
from transforms.objectives import OBJECTIVES
from transforms.windows.lay_out import Layout

TASK = BoundaryTask("mlm", True, Layout())
NONE = -100


def masked(lengths: list[int], seconds: list[int], targets: list[int]) -> MaskedRows:
    """Returns rows of ids that count from 100."""
    values = np.arange(100, 100 + sum(lengths)).astype(np.uint16)
    tokens = Ragged.from_lengths(values, np.array(lengths, np.int64))
    stored = Rows(tokens, np.array(seconds, np.int64), None)
    at = np.array(targets, np.int64)
    return MaskedRows(stored, values, at, values[at])


def told(rows: MaskedRows, task: BoundaryTask = TASK) -> list[list[int]]:
    layout = Packed(tokens=80, targets=40, rows=4, longest=60, pad=0, pair_label=None)
    found = task.packed(rows, layout)
    assert all(array.shape == (40,) for array in found.values())
    count = len(rows.targets)
    assert all(
        (array[count:] == (NONE if "labels" in name else 0)).all() for name, array in found.items()
    )
    return [array[:count].tolist() for array in found.values()]


def test_a_run_is_told_from_the_tokens_around_it() -> None:
    assert told(masked([10], [10], [3, 4, 5, 7])) == [
        [2, 2, 2, 6],
        [6, 6, 6, 8],
        [0, 1, 2, 0],
        [103, 104, 105, 107],
    ]


def test_special_tokens_are_no_boundaries() -> None:
    # [CLS] 1 2 3 4 [SEP]: runs that begin with the text or end with it have one neighbour.
    assert told(masked([6], [6], [1, 4]))[3] == [NONE, NONE]
    assert told(masked([6], [6], [1, 2]))[3] == [NONE, NONE]
    assert told(masked([6], [6], [2, 3]))[3] == [102, 103]


def test_a_run_of_a_pair_stays_in_its_segment() -> None:
    # [CLS] 1 2 3 [SEP] 5 6 7 8 [SEP]
    assert told(masked([10], [5], [3, 5]))[3] == [NONE, NONE]
    assert told(masked([10], [5], [2, 6, 7])) == [[1, 5, 5], [3, 8, 8], [0, 0, 1], [102, 106, 107]]
    assert told(masked([10], [5], [7, 8]))[3] == [NONE, NONE]


def test_rows_are_kept_apart() -> None:
    bare = BoundaryTask("mlm", True, Layout(prefix=(), suffix=()))
    rows = masked([4, 4], [4, 4], [1, 2, 3, 4, 6])
    assert told(rows, bare)[3] == [NONE] * 4 + [106]
    assert told(masked([4, 4], [4, 4], [1, 2, 5, 6]), bare)[:2] == [[0, 0, 4, 4], [3, 3, 7, 7]]


def test_far_tokens_of_a_long_run_are_not_told() -> None:
    found = told(masked([40], [40], list(range(2, 32))))
    assert found[3] == [*range(102, 102 + MAX_OFFSETS), *[NONE] * 10]
    assert found[2] == [*range(MAX_OFFSETS), *[0] * 10]


def test_padded_rows() -> None:
    layout = Padded(rows=3, longest=8, pad=0, pair_label=None)
    found = TASK.padded(masked([4, 7], [4, 7], [1, 6, 7]), layout)
    assert [
        np.argwhere(array != (NONE if "labels" in name else 0)).tolist()
        for name, array in found.items()
    ] == [
        [[1, 2], [1, 3]],
        [[1, 2], [1, 3]],
        [[1, 3]],
        [[1, 2], [1, 3]],
    ]
    assert found["sbo_left"][1, 2:4].tolist() == [1, 1]
    assert found["sbo_right"][1, 2:4].tolist() == [4, 4]
    assert found["sbo_labels"][1, 2:4].tolist() == [106, 107]


def test_nothing_is_told_of_no_rows() -> None:
    assert told(masked([], [], [])) == [[]] * 4


def test_a_later_corruption_has_names_of_its_own() -> None:
    rows = masked([10], [10], [1])
    rows = dataclasses.replace(rows, more={"more": np.array([4, 5])})
    task = BoundaryTask("more", False, Layout())
    layout = Packed(
        tokens=10, targets=4, rows=1, longest=10, pad=0, pair_label=None, capacities={"more": 3}
    )
    assert task.name == "more_sbo"
    found = task.packed(rows, layout)
    assert found["more_sbo_left"].tolist() == [3, 3, 0]
    assert found["more_sbo_labels"].tolist() == [104, 105, NONE]


def test_which_recipes_have_it() -> None:
    names = {name: [task.name for task in tasks_of(OBJECTIVES[name])] for name in MASKED}
    assert names["spanbert"] == ["mlm", "sbo"]
    assert names["span-sop"] == ["mlm", "sop"]


def model(kind: str) -> tuple[Any, Head]:
    torch.manual_seed(0)
    config = transformers.AutoConfig.for_model(
        kind,
        vocab_size=3008,
        hidden_size=24,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        **({"embedding_size": 12} if kind == "albert" else {}),
    )
    hf = getattr(transformers, ENCODERS[kind].masked_lm)(config)
    return hf, TASK.head(ENCODERS[kind], config)


@functools.cache
def batch() -> Batch:
    return next(iter(ArrowBatches(open_local_corpus(corpus("spanbert")), batch_tokens=2048)))


def slow_loss(hf: Any, head: Any, hidden: Tensor) -> tuple[Tensor, int, int]:
    """Computes the loss one token after the other, from section 3.2 of the paper."""
    found, taken = plain(batch()), torch.zeros(())
    count = right_ones = 0
    for left, right, offset, label in zip(
        *(found[f"sbo_{name}"] for name in ("left", "right", "offsets", "labels")), strict=True
    ):
        if label == NONE:
            continue
        place = head.places.weight[offset]
        assert place.shape == (POSITION_WIDTH,)
        inner = torch.cat([hidden[left], hidden[right], place])
        for layer, norm in ((head.first, head.first_norm), (head.second, head.second_norm)):
            inner = norm(gelu(layer.weight @ inner + layer.bias))
        scores = hf.get_input_embeddings().weight @ inner + head.bias
        taken = taken + cross_entropy(scores, torch.tensor(label))
        count += 1
        right_ones += int(scores.argmax() == label)
    return taken, count, right_ones


@pytest.mark.parametrize("kind", ["bert", "albert", "roberta"])
def test_the_loss_is_that_of_one_token_after_the_other(kind: str) -> None:
    hf, head = model(kind)
    torch.nn.init.normal_(head.bias)
    hidden = torch.randn(2048, 24, requires_grad=True)
    part = head(hf, hidden, batch())
    expected, count, right_ones = slow_loss(hf, head, hidden.detach())
    torch.testing.assert_close(part.loss.detach(), expected.detach(), rtol=1e-5, atol=1e-4)
    assert int(head.counts(batch())) == count > 50
    assert int(part.correct) == right_ones


def test_gradients_flow_to_all_that_takes_part() -> None:
    hf, head = model("bert")
    hidden = torch.randn(2048, 24, requires_grad=True)
    head(hf, hidden, batch()).loss.backward()
    told_labels = batch()["sbo_labels"] != NONE
    around = torch.cat([batch()[f"sbo_{side}"][told_labels] for side in ("left", "right")]).unique()
    assert hidden.grad is not None
    moved = hidden.grad.abs().sum(-1).nonzero().flatten()
    assert moved.tolist() == around.tolist()
    assert all(weight.grad is not None for weight in head.parameters())
    assert hf.get_input_embeddings().weight.grad is not None
    # What the model sees there is what stands in the text: boundaries are never selected.
    assert not set(around.tolist()) & set(
        batch()["target_positions"][batch()["labels"] != NONE].tolist()
    )


def test_the_head_is_compiled_once() -> None:
    torch.compiler.reset()
    hf, head = model("bert")
    counter = CompileCounter()
    compiled = torch.compile(head, backend=counter, fullgraph=True, dynamic=False)
    hidden = torch.randn(2048, 24)
    batches = ArrowBatches(open_local_corpus(corpus("spanbert")), batch_tokens=2048)
    with torch.no_grad():
        for each in batches:
            torch.testing.assert_close(compiled(hf, hidden, each), head(hf, hidden, each))
    assert counter.frame_count == 1
    torch.compiler.reset()
