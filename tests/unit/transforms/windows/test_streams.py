import dataclasses
import itertools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.columns import DOCUMENTS
from schemas.records import ShardId, Tokens
from schemas.windows import Examples
from tests.oracles.streams import EOD, tokens_of, vocabulary
from transforms.annotate.annotations import mark_documents
from transforms.arrays.randomness import rng_for
from transforms.build.build_examples import BuildSettings, arrange_examples
from transforms.build.corrupt import corrupt
from transforms.build.examine import examine, judge
from transforms.objectives import OBJECTIVES
from transforms.objectives.recipe import Recipe
from transforms.windows.document_ends import end_documents
from transforms.windows.streams import DocumentStream, consecutive

SHARD = ShardId("train", 0, 1)


def recipe_of(length: int, **fields: str | bool) -> Recipe:
    segment = DocumentStream(**fields)  # type: ignore[arg-type]
    return dataclasses.replace(OBJECTIVES["gpt"], max_seq_length=length, segment=segment)


def rows_of(tokens: Tokens, recipe: Recipe) -> tuple[Examples, list[list[int]], list[list[int]]]:
    """Returns examples, the ids of each row, and where documents begin in it."""
    settings = BuildSettings(recipe=recipe, seed=0, tokenizer_json="", vocabulary=vocabulary())
    examples = arrange_examples(mark_documents(tokens), settings, SHARD)
    batches = list(corrupt(examples, recipe, vocabulary(), settings.stream(SHARD)))
    for batch in batches:
        found = examine(batch, recipe, vocabulary())
        assert found.breaches == {}
        totals = {**found.counts, **examples.drawn}
        assert [each for each in judge(totals, recipe, vocabulary()) if not each.holds] == []
    table = pa.Table.from_batches(batches, recipe.schema(vocabulary()))
    ids, starts = (table.column(name).to_pylist() for name in ("input_ids", "document_starts"))
    return examples, ids, starts


# Documents 100 101 102 / and 103 / and 104 105 106 107 /.
DOCUMENTS_OF = [[2, 1], [1], [4]]
STREAM = [100, 101, 102, EOD, 103, EOD, 104, 105, 106, 107, EOD]


def test_documents_are_ended() -> None:
    tokens = end_documents(tokens_of(DOCUMENTS_OF, word_starts=[1] * 8), EOD)
    assert tokens.ids.tolist() == STREAM
    assert tokens.sentence_offsets.tolist() == [0, 2, 4, 6, 11]
    assert tokens.document_offsets.tolist() == [0, 2, 3, 4]
    assert tokens.special is not None
    assert np.flatnonzero(tokens.special).tolist() == [3, 5, 10]
    assert tokens.word_starts is not None
    assert not tokens.word_starts[tokens.special].any()
    plain = end_documents(tokens_of(DOCUMENTS_OF, word_starts=[1] * 8), EOD, special=False)
    assert plain.special is None
    assert plain.word_starts is not None
    assert plain.word_starts.all()


def test_rows_overlap_by_a_token() -> None:
    examples, ids, starts = rows_of(tokens_of(DOCUMENTS_OF), recipe_of(4))
    assert ids == [STREAM[0:5], STREAM[4:9]]
    assert starts == [[0, 4], [0, 2]]
    assert examples.drawn == {
        "stream.bytes": 0,
        "stream.lost": 2,
        "stream.repeated": 1,
        "stream.tokens": 11,
    }
    assert examples.stream is not None
    assert examples.stream.tolist() == [0, 0]


def test_rows_without_overlap() -> None:
    examples, ids, starts = rows_of(tokens_of(DOCUMENTS_OF), recipe_of(4, overlap=False))
    assert ids == [STREAM[0:4], STREAM[4:8]]
    assert starts == [[0], [0, 2]]
    assert examples.drawn["stream.lost"] == 3


def test_whole_documents_side_by_side() -> None:
    examples, ids, starts = rows_of(
        tokens_of(DOCUMENTS_OF), recipe_of(5, overlap=False, packing="best_fit")
    )
    assert ids == [[104, 105, 106, 107, EOD], [100, 101, 102, EOD], [103, EOD]]
    assert starts == [[0], [0], [0]]
    assert examples.stream is None
    assert examples.drawn["stream.lost"] == examples.drawn["stream.repeated"] == 0
    _, ids, starts = rows_of(
        tokens_of(DOCUMENTS_OF), recipe_of(6, overlap=False, packing="best_fit")
    )
    assert ids == [[104, 105, 106, 107, EOD], [100, 101, 102, EOD, 103, EOD]]
    assert starts == [[0], [0, 4]]


def test_only_long_documents_are_cut() -> None:
    examples, ids, starts = rows_of(tokens_of([[9], [1]]), recipe_of(3, packing="best_fit"))
    # 100 to 108 and its end in pieces of four that overlap by one.
    assert ids == [[100, 101, 102, 103], [103, 104, 105, 106], [106, 107, 108, EOD], [109, EOD]]
    assert starts == [[0], [], [], [0]]
    assert examples.drawn["stream.repeated"] == 2
    _, ids, starts = rows_of(tokens_of([[5], [1]]), recipe_of(4, packing="best_fit", overlap=False))
    assert ids == [[100, 101, 102, 103], [104, EOD, 105, EOD]]
    assert starts == [[0], [2]]
    _, ids, starts = rows_of(tokens_of([[1], [6]]), recipe_of(5, packing="best_fit", overlap=False))
    # The rest of a document that stands behind another one is marked as well, even its end alone.
    assert ids == [[101, 102, 103, 104, 105], [100, EOD, 106, EOD]]
    assert starts == [[0], [0, 2]]
    _, ids, starts = rows_of(tokens_of([[1], [5]]), recipe_of(5, packing="best_fit", overlap=False))
    assert ids == [[101, 102, 103, 104, 105], [100, EOD, EOD]]
    assert starts == [[0], [0, 2]]


@pytest.mark.parametrize(
    ("tokens", "size", "overlap", "windows"),
    [
        (8, 4, 1, [[0, 4], [3, 7]]),
        (7, 4, 1, [[0, 4], [3, 7]]),
        (6, 4, 1, [[0, 4]]),
        (3, 4, 1, []),
        (0, 4, 1, []),
        (8, 4, 0, [[0, 4], [4, 8]]),
        (7, 4, 0, [[0, 4]]),
    ],
)
def test_windows(tokens: int, size: int, overlap: int, windows: list[list[int]]) -> None:
    assert consecutive(tokens, size, overlap).tolist() == windows


@given(
    documents=st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=5), min_size=1, max_size=8),
    length=st.integers(2, 20),
    overlap=st.booleans(),
    packing=st.sampled_from(["consecutive", "best_fit"]),
)
def test_nothing_is_lost_but_the_rest(
    documents: list[list[int]], length: int, overlap: bool, packing: str
) -> None:
    tokens = tokens_of(documents)
    texts = [tokens.ids[a:b].tolist() for a, b in document_bounds(tokens)]
    stream = [each for text in texts for each in [*text, EOD]]
    recipe = recipe_of(length, overlap=overlap, packing=packing)
    examples, ids, starts = rows_of(tokens, recipe)
    size = length + overlap
    if packing == "consecutive":
        assert len(ids) == max(len(stream) - overlap, 0) // length
        joined = [each for row in ids for each in (row[:-1] if overlap else row)]
        joined += ids[-1][-1:] if overlap and ids else []
        assert joined == stream[: len(joined)]
        assert examples.drawn["stream.lost"] == len(stream) - len(joined) < max(size, length + 1)
    else:
        assert all(len(row) <= size for row in ids)
        pieces = [
            row[a:b]
            for row, begins in zip(ids, starts, strict=True)
            for a, b in zip([0, *begins], [*begins, len(row)], strict=True)
            if a < b
        ]
        whole = [[*text, EOD] for text in texts if len(text) < size]
        for text in whole:
            assert text in pieces
    firsts = {text[0] for text in texts}
    for row, begins in zip(ids, starts, strict=True):
        assert firsts & set(row[1:]) <= {row[at] for at in begins}


def document_bounds(tokens: Tokens) -> list[tuple[int, int]]:
    borders = tokens.sentence_offsets[tokens.document_offsets].tolist()
    return list(itertools.pairwise(borders))


def test_passes_are_streams_of_their_own() -> None:
    recipe = dataclasses.replace(recipe_of(4), passes=2)
    examples, ids, _ = rows_of(tokens_of(DOCUMENTS_OF), recipe)
    assert examples.stream is not None
    assert examples.stream.tolist() == [0, 0, 1, 1]
    assert ids[:2] == ids[2:]
    assert examples.drawn["stream.tokens"] == 22


def test_a_packing_that_there_is_not() -> None:
    with pytest.raises(ValueError, match="packing must be consecutive or best_fit, got 'first'"):
        DocumentStream(packing="first")


def test_documents_of_no_text() -> None:
    tokens = mark_documents(tokens_of([]))
    packing = DocumentStream().pack(tokens, 8, vocabulary(), rng_for(0))
    assert len(packing.windows) == len(packing.tokens.ids) == 0
    assert DOCUMENTS in packing.tokens.annotations
