"""Prefixes: all lengths as likely, and nothing lost."""

import dataclasses

import numpy as np
import pytest

from schemas.records import ShardId
from tests.oracles.streams import tokens_of, vocabulary
from tests.support.noise import drawn
from transforms.build.build_examples import BuildSettings, arrange_examples
from transforms.denoise.prefix import PrefixSplit
from transforms.objectives import OBJECTIVES
from transforms.windows.joined_documents import DocumentPieces, JoinedDocuments


def test_all_lengths_are_as_likely() -> None:
    edits = drawn(PrefixSplit(), [5] * 4000)
    assert edits.ends.tolist() == [5] * 8000
    counts = np.bincount(edits.starts, minlength=5)
    assert counts[0] == 0
    assert (np.abs(counts[1:] - 2000) < 6.5 * (8000 * 0.25 * 0.75) ** 0.5).all()
    assert drawn(PrefixSplit(), [2]).starts.tolist() == [1, 1]


def test_a_source_has_room_for_the_longest_prefix_and_its_end() -> None:
    recipe = dataclasses.replace(OBJECTIVES["prefix-lm"], max_seq_length=64)
    assert recipe.row_length == 64


@pytest.mark.parametrize(
    ("packer", "rows"),
    [
        (JoinedDocuments(), [[0, 4], [4, 8], [8, 12], [12, 16]]),
        (DocumentPieces(), [[0, 4], [5, 9], [9, 11], [11, 14]]),
    ],
)
def test_documents_are_cut(packer: JoinedDocuments, rows: list[list[int]]) -> None:
    """Documents of 5, 6, 3, 1 and 1 tokens; the last token of the first would be alone in a row."""
    tokens = tokens_of([[3, 2], [6], [1, 2], [1], [1]])
    packing = packer.pack(tokens, 4, vocabulary(), np.random.default_rng(0))
    assert packing.windows.tolist() == rows
    assert packing.left_out == (3 if packer == DocumentPieces() else 0)


def test_a_last_row_of_one_token_is_left_out() -> None:
    packing = JoinedDocuments().pack(tokens_of([[9]]), 4, vocabulary(), np.random.default_rng(0))
    assert (packing.windows.tolist(), packing.left_out) == ([[0, 4], [4, 8]], 1)


def test_what_is_left_out_of_all_passes_is_counted() -> None:
    """The report and the manifest show it as of any other recipe."""
    recipe = dataclasses.replace(OBJECTIVES["prefix-lm"], max_seq_length=8, passes=2, copies=2)
    settings = BuildSettings(recipe=recipe, seed=0, tokenizer_json="", vocabulary=vocabulary())
    examples = arrange_examples(tokens_of([[9], [1], [3]]), settings, ShardId("train", 0, 1))
    assert np.diff(examples.offsets).tolist() == [8, 3, 8, 3]
    assert examples.left_out == 4
