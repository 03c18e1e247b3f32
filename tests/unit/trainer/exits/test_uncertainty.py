import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from trainer.exits.uncertainty import uncertainty


@pytest.mark.parametrize("classes", [2, 3, 7, 49, 1000])
def test_of_equal_classes_it_is_1(classes: int) -> None:
    found = uncertainty(torch.full((1, classes), 1 / classes))
    assert found.item() == pytest.approx(1, abs=1e-6)
    assert found.item() <= 1


@pytest.mark.parametrize("classes", [2, 3, 50])
def test_of_a_single_class_it_is_exactly_0(classes: int) -> None:
    assert uncertainty(torch.eye(classes)).tolist() == [0.0] * classes


def test_it_is_the_entropy_by_its_maximum() -> None:
    # -(0.9 ln 0.9 + 0.1 ln 0.1) = 0.3250830, by ln 2 = 0.6931472; and of three classes by ln 3.
    found = uncertainty(torch.tensor([[0.9, 0.1], [0.1, 0.9]]))
    assert found.tolist() == pytest.approx([0.4689956, 0.4689956], abs=1e-6)
    assert uncertainty(torch.tensor([[0.5, 0.25, 0.25]])).item() == pytest.approx(
        1.5 * math.log(2) / math.log(3), abs=1e-6
    )


@given(st.lists(st.floats(-50, 50), min_size=2, max_size=9))
def test_it_is_between_0_and_1_and_agrees_with_a_plain_sum(logits: list[float]) -> None:
    shares = torch.tensor([logits]).softmax(-1)
    found = uncertainty(shares).item()
    plain = -sum(p * math.log(p) for p in shares[0].tolist() if p) / math.log(len(logits))
    assert 0 <= found <= 1
    assert found == pytest.approx(plain, abs=1e-6)
