"""Which tokens may attend to which, against the rule as it is written down."""

import torch
from torch import Tensor

from tests.support.language_rows import orders, random_rows
from trainer.models.permutation import permutation_mask


def slow(ranks: list[int], special: list[int], reuse_len: int) -> list[list[int]]:
    """1 where token i may not attend to token j, one pair at a time."""
    found = []
    for i, own in enumerate(ranks):
        line = []
        for j, other in enumerate(ranks):
            if (i < reuse_len) != (j < reuse_len):
                line.append(int(i < reuse_len))
            elif other < 0:
                line.append(0)
            elif own < 0:
                line.append(1)
            elif special[i]:
                line.append(int(own < other))
            else:
                line.append(int(own <= other))
        found.append(line)
    return found


def mask_of(ranks: list[int], special: list[int], reuse_len: int) -> list[list[int]]:
    found: Tensor = permutation_mask(torch.tensor([ranks]), torch.tensor([special]), reuse_len)
    assert found.dtype == torch.bool
    rows: list[list[int]] = found[0].long().tolist()
    return rows


def test_one_half_as_it_is_written_above_the_code() -> None:
    assert mask_of([-1, 1, 0, -1, 2], [0, 0, 0, 0, 1], 0) == [
        [0, 1, 1, 0, 1],
        [0, 1, 0, 0, 1],
        [0, 1, 1, 0, 1],
        [0, 1, 1, 0, 1],
        [0, 0, 0, 0, 0],
    ]


def test_two_halves_with_an_order_of_their_own() -> None:
    # Ranks 1 0 in the first half, 0 1 in the second.
    assert mask_of([1, 0, 0, -1, 1], [0] * 5, 2) == [
        [1, 0, 1, 1, 1],
        [1, 1, 1, 1, 1],
        [0, 0, 1, 0, 1],
        [0, 0, 1, 0, 1],
        [0, 0, 0, 0, 1],
    ]


def test_it_is_the_rule_for_any_order() -> None:
    for seed in range(5):
        batch = orders(random_rows(3, 16, seed), reuse_len=8, seed=seed)
        ranks, special = batch["ranks"].tolist(), batch["special_tokens_mask"].tolist()
        found = permutation_mask(batch["ranks"], batch["special_tokens_mask"], 8).long().tolist()
        assert found == [slow(*row, 8) for row in zip(ranks, special, strict=True)]
