from collections.abc import Iterator

import numpy as np
import pytest
import torch

from trainer.tasks.gather import gather_rows


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


def test_rows_by_index() -> None:
    states = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert gather_rows(states, torch.tensor([1, 0, 1])).tolist() == [[3, 4], [1, 2], [3, 4]]
    assert gather_rows(states, torch.tensor([[0, 1]])).tolist() == [[[1, 2], [3, 4]]]


@pytest.mark.usefixtures("threads")
def test_gradients_of_a_row_are_added_in_order() -> None:
    """Sums of floating point numbers depend on the order, so this is the same in every run."""
    generator = torch.Generator().manual_seed(1)
    states = torch.randn(2000, 128, generator=generator, requires_grad=True)
    at = torch.randint(0, 50, (1500,), generator=generator)
    weights = torch.randn(1500, 128, generator=generator)
    gather_rows(states, at).backward(weights)
    expected = np.zeros((2000, 128), np.float32)
    for row, gradient in zip(at.tolist(), weights.numpy(), strict=True):
        expected[row] += gradient
    assert states.grad is not None
    assert np.array_equal(states.grad.numpy(), expected)
