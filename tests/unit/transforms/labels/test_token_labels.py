import dataclasses

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.columns import IGNORED
from schemas.records import ShardId, Tokens
from schemas.windows import Examples
from tests.oracles.streams import tokens_of, vocabulary
from tests.oracles.token_labels import elsewhere_of
from transforms.arrays.marks import column_positions, position_column
from transforms.arrays.randomness import rng_for
from transforms.build.build_examples import BuildSettings, arrange_examples
from transforms.labels.token_labels import OtherSegments, in_several_rows
from transforms.objectives import OBJECTIVES
from transforms.windows.pack_windows import FullSentences

RECIPE = dataclasses.replace(OBJECTIVES["ernie2-document"], copies=1)


def stream(documents: list[list[int]], kinds: int, seed: int) -> Tokens:
    """Returns documents of sentences of these lengths, of few different tokens."""
    tokens = tokens_of(documents)
    rng = rng_for(seed, "ids")
    words = rng.random(len(tokens.ids)) < 0.6
    words[tokens.sentence_offsets[:-1]] = True
    ids = rng.integers(100, 100 + kinds, len(tokens.ids)).astype(np.uint16)
    return dataclasses.replace(tokens, ids=ids, word_starts=words)


def examples_of(tokens: Tokens, length: int, passes: int = 1) -> Examples:
    recipe = dataclasses.replace(RECIPE, max_seq_length=length, passes=passes)
    settings = BuildSettings(recipe=recipe, seed=0, tokenizer_json="", vocabulary=vocabulary())
    return arrange_examples(tokens, settings, ShardId("train", 0, 1))


def documents_of(tokens: Tokens, length: int) -> list[int]:
    """Returns the document of each row: where they are cut does not depend on the ids."""
    unique = dataclasses.replace(tokens, ids=np.arange(len(tokens.ids)).astype(np.uint16) + 100)
    examples = examples_of(unique, length)
    borders = tokens.sentence_offsets[tokens.document_offsets] + 100
    found: list[int] = np.searchsorted(borders, examples.ids[examples.offsets[:-1] + 1], "right")
    return list(found)


def split(values: np.ndarray, examples: Examples) -> list[list[int]]:  # type: ignore[type-arg]
    parts = np.split(values, examples.offsets[1:-1]) if len(examples) else []
    return [part.tolist() for part in parts]


@given(
    documents=st.lists(st.lists(st.integers(1, 6), min_size=1, max_size=9), min_size=1, max_size=6),
    kinds=st.integers(2, 60),
    length=st.integers(6, 20),
    seed=st.integers(0, 1 << 20),
)
def test_labels_are_those_of_looking_everywhere(
    documents: list[list[int]], kinds: int, length: int, seed: int
) -> None:
    tokens = stream(documents, kinds, seed)
    examples = examples_of(tokens, length)
    rows = [row[1:-1] for row in split(examples.ids, examples)]
    found = split(examples.annotations["elsewhere"], examples)
    expected = elsewhere_of(documents_of(tokens, length), rows)
    assert found == [[0, *labels, 0] for labels in expected]


def test_other_documents_and_passes_do_not_matter() -> None:
    one = stream([[5] * 8] * 3, 20, 1)
    two = stream([[5] * 8] * 2, 20, 1)
    two = dataclasses.replace(two, ids=one.ids[:80])
    found, fewer = examples_of(one, 12), examples_of(two, 12)
    marks = fewer.annotations["elsewhere"].tolist()
    assert found.annotations["elsewhere"][: len(fewer.ids)].tolist() == marks
    assert 0 < sum(marks) < len(marks)
    twice = examples_of(two, 12, passes=2)
    assert twice.annotations["elsewhere"].tolist() == marks * 2


def test_a_document_of_one_segment_has_only_zeros() -> None:
    examples = examples_of(stream([[5, 5], [4]], 2, 0), 64)
    assert len(examples) == 2
    assert not examples.annotations["elsewhere"].any()


def test_separators_in_the_text_have_no_label_and_documents_stay_apart() -> None:
    segment = FullSentences(end_lines=True, cross_documents=True)
    recipe = dataclasses.replace(RECIPE, segment=segment, max_seq_length=16)
    tokens = stream([[4] * 6] * 4, 12, 1)
    settings = BuildSettings(recipe=recipe, seed=0, tokenizer_json="", vocabulary=vocabulary())
    examples = arrange_examples(tokens, settings, ShardId("train", 0, 1))
    marks = examples.annotations["elsewhere"]
    assert examples.special[1:-1].any()
    assert not marks[examples.special].any()
    assert marks[~examples.special].any()
    # A document that a window shares with the next one is compared by its own tokens alone.
    places = np.repeat(np.arange(4), 24)
    rows = np.repeat(np.arange(len(examples)), np.diff(examples.offsets))[~examples.special]
    ids = examples.ids[~examples.special]
    for at, (document, row, token) in enumerate(zip(places, rows, ids, strict=True)):
        same = (places == document) & (rows != row) & (ids == token)
        assert marks[~examples.special][at] == same.any()


def test_literal_rows() -> None:
    documents = np.array([1, 1, 1, 1, 1, 2, 2])
    ids = np.array([7, 8, 7, 9, 8, 7, 7])
    rows = np.array([0, 0, 1, 1, 2, 3, 3])
    # In document 1, 7 is in rows 0 and 1, 8 in 0 and 2, 9 in one; document 2 has one row.
    expected = [True, True, True, False, True, False, False]
    assert in_several_rows(documents, ids, rows).tolist() == expected


def test_positions_as_a_column_and_back() -> None:
    marks, offsets = np.array([1, 0, 1, 0, 0, 1], np.uint8), np.array([0, 3, 3, 4, 6])
    column = position_column(marks, offsets)
    assert column.to_pylist() == [[0, 2], [], [], [1]]
    assert column.type == pa.list_(pa.field("item", pa.uint16(), nullable=False))
    positions, rows = column_positions(column.slice(1))
    assert (positions.tolist(), rows.tolist()) == ([1], [0, 0, 0, 1])


def test_special_tokens_have_no_label() -> None:
    special = np.array([1, 0, 0, 1], np.bool_)
    found = OtherSegments().labels(np.array([0, 1, 0, 0]), special, IGNORED)
    assert found.tolist() == [-100, 1, 0, -100]


@pytest.mark.parametrize("name", ["ernie2-document", "ernie2-capitals"])
def test_labels_are_columns_of_their_own(name: str) -> None:
    recipe = OBJECTIVES[name]
    assert [labels.name in recipe.annotations for labels in recipe.labels] == [True]
    assert recipe.columns("uint16")[3].name == recipe.labels[0].name
