import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.oracles.part_orders import all_orders
from transforms.arrays.permutations import (
    identity_index,
    permutation_at,
    permutation_index,
    permutation_names,
    permutation_table,
)


@pytest.mark.parametrize(("most", "classes"), [(1, 1), (2, 3), (3, 9), (4, 33), (5, 153)])
def test_there_are_as_many_classes_as_the_paper_has(most: int, classes: int) -> None:
    assert (
        identity_index(most + 1)
        == classes
        == len(permutation_table(most))
        == len(set(permutation_names(most)))
    )


def test_every_number_is_the_order_that_itertools_has_there() -> None:
    expected = all_orders(5)
    assert [permutation_at(number) for number in range(153)] == expected
    assert [permutation_index(order) for order in expected] == list(range(153))


@given(st.permutations(range(7)))
def test_encoding_and_decoding_are_inverse(order: list[int]) -> None:
    assert permutation_at(permutation_index(order)) == tuple(order)


def test_literal_numbers() -> None:
    assert [identity_index(parts) for parts in range(1, 6)] == [0, 1, 3, 9, 33]
    assert permutation_index((0,)) == 0
    assert permutation_index((1, 0)) == 2
    assert permutation_index((2, 0, 1)) == 7
    assert permutation_at(152) == (4, 3, 2, 1, 0)
    assert permutation_names(2) == ("1:0", "2:0-1", "2:1-0")
    assert permutation_table(3)[[0, 2, 7]].tolist() == [[0, 1, 2], [1, 0, 2], [2, 0, 1]]
