"""Marks of tokens are carried from a shard's tokens to its rows."""

import dataclasses

import numpy as np
import pytest

from schemas.windows import Packing, Windows
from tests.oracles.streams import tokens_of, vocabulary
from transforms.arrays.randomness import rng_for
from transforms.windows.examples import join_examples
from transforms.windows.lay_out import Layout, lay_out
from transforms.windows.pack_windows import FullSentences, WholeDocuments


def marks(*values: int) -> np.ndarray:
    return np.array(values, np.uint8)


def test_windows_carry_what_is_known_of_tokens() -> None:
    tokens = dataclasses.replace(
        tokens_of([[3, 2]]), annotations={"entities": marks(0, 1, 2, 2, 1)}
    )
    windows = Windows(tokens, np.array([[1, 3], [2, 4]]), np.array([[3, 5], [4, 5]]))
    examples = lay_out(windows, Layout(), vocabulary(5000))
    assert examples.annotations["entities"].tolist() == [0, 1, 2, 0, 2, 1, 0, 0, 2, 2, 0, 1, 0]
    assert examples.slice(1, 2).annotations["entities"].tolist() == [0, 2, 2, 0, 1, 0]
    twice = join_examples([examples, examples]).annotations["entities"]
    assert twice.tolist() == 2 * examples.annotations["entities"].tolist()


def pack(segment: FullSentences | WholeDocuments, capacity: int, *values: int) -> Packing:
    tokens = dataclasses.replace(tokens_of([[2, 1], [4]]), annotations={"entities": marks(*values)})
    return segment.pack(tokens, capacity, vocabulary(5000), rng_for(0, "pack"))


@pytest.mark.parametrize(
    ("segment", "capacity", "carried"),
    [
        (FullSentences(), 9, [1, 2, 0, 0, 1, 2, 2, 2, 0]),
        (FullSentences(end_lines=True, end_documents=False), 9, [1, 2, 0, 0, 0, 1, 2, 2, 2, 0]),
        (WholeDocuments(keep="tail"), 3, [1, 2, 0, 1, 2, 2]),
        (WholeDocuments(keep="head_tail"), 3, [1, 2, 0, 1, 2, 2]),
    ],
)
def test_packing_carries_what_is_known_of_tokens(
    segment: FullSentences | WholeDocuments, capacity: int, carried: list[int]
) -> None:
    packing = pack(segment, capacity, 1, 2, 0, 1, 2, 2, 2)
    found = packing.tokens.annotations["entities"].tolist()
    assert found == carried
