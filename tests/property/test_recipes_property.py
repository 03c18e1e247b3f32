"""What every objective of the table must hold; a new one is covered without an edit here."""

import dataclasses
import itertools
import pickle

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from schemas.columns import ANNOTATIONS, DOCUMENTS, NO_SECOND, NOISE_SEED, SENTENCES
from schemas.records import Array, Labels, ShardId, Tokens
from schemas.windows import Examples
from tests.oracles.edits import wanted_sequences
from tests.oracles.openings import made_up_codes
from tests.oracles.spans import with_spans
from tests.oracles.streams import ROLES, tokens_of, vocabulary
from tests.support.recipes import varied
from transforms.annotate.annotations import mark_documents, mark_sentences
from transforms.arrays.randomness import rng_for
from transforms.build.build_examples import BuildSettings, arrange_examples
from transforms.build.corrupt import corrupt
from transforms.build.examine import examine
from transforms.contract.stored import StoredBatch
from transforms.objectives import OBJECTIVES
from transforms.objectives.recipe import Recipe
from transforms.pairs.distractors import LoneDocumentError
from transforms.windows.pack_windows import FullSentences
from transforms.windows.sentence_streams import SentenceStreams

SHARD = ShardId("train", 0, 1)
VOCABULARY = vocabulary(5000)
NAMES = pytest.mark.parametrize("name", sorted(OBJECTIVES))
SHORTEST_WITH_REUSE = 9
"""Rows of half a reused part, three special tokens, and a token of each segment."""
RUNNING_ON = [
    name
    for name, recipe in sorted(OBJECTIVES.items())
    if isinstance(recipe.segment, FullSentences) and recipe.segment.cross_documents
]


def build(recipe: Recipe, tokens: Tokens, seed: int) -> tuple[Examples, pa.Table]:
    settings = BuildSettings(recipe=recipe, seed=seed, tokenizer_json="", vocabulary=VOCABULARY)
    documents = len(tokens.document_offsets) - 1
    labels = rng_for(0, "labels").integers(0, 3, documents).astype(np.float64)
    tokens = dataclasses.replace(
        tokens,
        annotations=marks_for(recipe, tokens),
        labels=Labels(labels, np.arange(documents + 1)) if recipe.pair.records else None,
    )
    if SENTENCES in recipe.needs:
        tokens = mark_sentences(tokens)
    if DOCUMENTS in recipe.needs:
        tokens = mark_documents(tokens)
    examples = arrange_examples(tokens, settings, SHARD)
    batches = list(corrupt(examples, recipe, VOCABULARY, settings.stream(SHARD)))
    for batch in batches:
        assert examine(batch, recipe, VOCABULARY).breaches == {}
    return examples, pa.Table.from_batches(batches, recipe.schema(VOCABULARY))


def marks_for(recipe: Recipe, tokens: Tokens) -> dict[str, Array]:
    """Annotates tokens with what a recipe needs, whatever they are."""
    marks: dict[str, Array] = {
        name: rng_for(0, name).integers(0, 2, len(tokens.ids)).astype(np.uint8)
        for name in sorted(recipe.needs & ANNOTATIONS.keys())
    }
    opened = {name: made_up_codes(tokens, each) for name, each in recipe.openings.items()}
    return {**marks, **opened}


@st.composite
def streams(draw: st.DrawFn) -> Tokens:
    """Two or more documents of short sentences, with words and lines of any length."""
    documents = draw(
        st.lists(st.lists(st.integers(1, 14), min_size=1, max_size=12), min_size=2, max_size=6)
    )
    return stream(documents, draw(st.integers(0, 1 << 20)))


def stream(documents: list[list[int]], seed: int) -> Tokens:
    tokens = tokens_of(documents)
    rng = rng_for(seed, "stream")
    words = rng.random(len(tokens.ids)) < 0.6
    words[tokens.sentence_offsets[:-1]] = True
    lines = rng.random(len(tokens.ends_line)) < 0.5
    lines[tokens.document_offsets[1:] - 1] = True
    return with_spans(dataclasses.replace(tokens, word_starts=words, ends_line=lines), seed=seed)


def large() -> Tokens:
    rng = rng_for(0, "documents")
    return stream([rng.integers(1, 20, 12).tolist() for _ in range(20)], 0)


@NAMES
@given(
    tokens=streams(),
    length=st.integers(7, 40),
    copies=st.integers(1, 3),
    passes=st.integers(1, 2),
    seed=st.integers(0, 1 << 30),
)
def test_rows(name: str, tokens: Tokens, length: int, copies: int, passes: int, seed: int) -> None:
    if OBJECTIVES[name].rules.reuse_len:
        length += SHORTEST_WITH_REUSE - 7
    recipe = varied(OBJECTIVES[name], max_seq_length=length, copies=copies, passes=passes)
    try:
        examples, table = build(recipe, tokens, seed)
    except LoneDocumentError:
        # A row may have a part in all of so few documents.
        assume(not recipe.segment.of_streams)
        raise
    assert table.schema.equals(recipe.schema(VOCABULARY))
    assert all(column.null_count == 0 for column in table.columns)
    rows = table.to_pylist()
    borders = list(itertools.pairwise(examples.offsets.tolist()))
    originals = [examples.ids[begin:end] for begin, end in borders]
    specials = [examples.special[begin:end] for begin, end in borders]
    for row, ids, special in zip(rows, originals, specials, strict=True):
        assert row["input_ids"] == ids.tolist()
        assert 0 < len(ids) <= recipe.row_length
        assert 0 < row["second_segment_start"] <= len(ids)
        text_ends = recipe.attention == "two_stream"
        marked = {number for role, number in ROLES.items() if role != "eod" or not text_ends}
        assert [i in marked for i in row["input_ids"]] == special.tolist()
        if recipe.pair.relations:
            assert row["pair_relation"] in recipe.pair.relations
        if recipe.segments == 2:
            paired = row["second_segment_start"] < len(ids)
            assert paired == (row["pair_relation"] != NO_SECOND)
        else:
            assert row["second_segment_start"] == len(ids)
        if recipe.needs_words and not row.get("reversed"):
            _check_word_starts(row["word_starts"], special.tolist())
        if "mlm_positions" in row:
            _check_masks(row, recipe, special.tolist())
        if "plm_positions" in row:
            _check_orders(row, recipe, special.tolist())
    if recipe.denoise is not None and rows:
        _check_sequences(table, recipe)


def _check_sequences(table: pa.Table, recipe: Recipe) -> None:
    """Compares sources and targets with those made token by token."""
    assert recipe.denoise is not None
    target = recipe.denoise.target
    batch = table.combine_chunks().to_batches()[0]
    stored = StoredBatch.of(batch, recipe.rules, VOCABULARY)
    made = target.sequences(stored.clean, stored.edits, recipe.layout, VOCABULARY)
    lengths = target.lengths(stored.lengths, stored.edits)
    assert lengths[:, 0].tolist() == made.source.lengths.tolist()
    assert lengths[:, 1].tolist() == made.target.lengths.tolist()
    assert made.source.lengths.max() <= recipe.max_seq_length
    wanted = [
        wanted_sequences(row, copy, recipe, VOCABULARY)
        for row in table.to_pylist()
        for copy in range(recipe.copies)
    ]
    for number, (source, written, decoder_input) in enumerate(wanted):
        assert made.source.row(number).tolist() == source
        assert made.target.row(number).tolist() == written
        begin, end = made.target.offsets[number : number + 2]
        assert made.decoder_input[begin:end].tolist() == decoder_input


def _check_orders(row: dict[str, list[list[int]]], recipe: Recipe, special: list[bool]) -> None:
    assert len(row["plm_positions"]) == len(row["plm_ranks"]) == recipe.copies
    border, total = recipe.rules.reuse_len, len(special) // 6
    for positions, ranks in zip(row["plm_positions"], row["plm_ranks"], strict=True):
        assert positions == sorted(set(positions))
        assert {at for at, is_special in enumerate(special) if is_special} <= set(positions)
        pairs = list(zip(positions, ranks, strict=True))
        halves = [p for p in pairs if p[0] < border], [p for p in pairs if p[0] >= border]
        for half, wanted in zip(halves, (total - total // 2, total // 2), strict=True):
            assert sorted(rank for _, rank in half) == list(range(len(half)))
            assert sum(not special[at] for at, _ in half) == wanted


def _check_word_starts(starts: list[int], special: list[bool]) -> None:
    assert starts == sorted(set(starts))
    assert not any(special[start] for start in starts)
    text = [position for position, is_special in enumerate(special) if not is_special]
    # Only a row of nothing but separators has no word.
    assert starts[:1] == text[:1]


def _check_masks(row: dict[str, list[list[int]]], recipe: Recipe, special: list[bool]) -> None:
    assert len(row["mlm_positions"]) == len(row["mlm_input_ids"]) == recipe.copies
    units = [getattr(corruption.select, "units", None) for corruption in recipe.corrupt]
    maskable = any(getattr(each, "special", True) for each in units)
    for positions, seen in zip(row["mlm_positions"], row["mlm_input_ids"], strict=True):
        assert len(positions) == len(seen)
        assert all(a < b for a, b in itertools.pairwise(positions))
        assert all(0 <= position < len(special) for position in positions)
        assert maskable or not any(special[position] for position in positions)
        assert all(0 <= each < VOCABULARY.size for each in seen)


@pytest.mark.parametrize("name", RUNNING_ON)
@given(tokens=streams(), seed=st.integers(0, 1 << 30), length=st.integers(8, 40))
def test_rows_without_pairs_hold_the_text_once(
    name: str, tokens: Tokens, seed: int, length: int
) -> None:
    recipe = varied(OBJECTIVES[name], max_seq_length=length, copies=1)
    examples, _ = build(recipe, tokens, seed)
    assert examples.ids[~examples.special].tolist() == tokens.ids.tolist()


@NAMES
def test_the_seed_decides_everything(name: str) -> None:
    recipe = varied(OBJECTIVES[name], max_seq_length=64, copies=2)
    tokens = large()
    _, table = build(recipe, tokens, 1)
    assert table.equals(build(recipe, tokens, 1)[1])
    # Full sentences that nothing is done to leave nothing to chance, unless they are shuffled.
    drawn = recipe.corrupt or recipe.denoise or isinstance(recipe.segment, SentenceStreams)
    assert table.equals(build(recipe, tokens, 2)[1]) == (not drawn)


@pytest.mark.parametrize(
    "name", [name for name, each in sorted(OBJECTIVES.items()) if each.stores_copies]
)
def test_copies_differ_and_do_not_depend_on_their_number(name: str) -> None:
    recipe = varied(OBJECTIVES[name], max_seq_length=64, copies=3)
    _, three = build(recipe, large(), 1)
    _, two = build(varied(recipe, copies=2), large(), 1)
    parts = [each.targets for each in recipe.stored[:1]]
    columns = (recipe.denoise or parts[0]).columns("uint16")
    assert columns
    for column in columns:
        if column == NOISE_SEED:
            # One of the row, for all of its copies.
            assert three.column(column.name).to_pylist() == two.column(column.name).to_pylist()
            continue
        first_two = [row[:2] for row in three.column(column.name).to_pylist()]
        assert first_two == two.column(column.name).to_pylist()
        flat = [[row[copy] for row in three.column(column.name).to_pylist()] for copy in range(3)]
        assert flat[0] != flat[1] != flat[2] != flat[0]


@pytest.mark.parametrize(
    "name", [name for name in sorted(OBJECTIVES) if OBJECTIVES[name].evaluated]
)
def test_the_first_pass_does_not_depend_on_the_others(name: str) -> None:
    recipe = varied(OBJECTIVES[name], max_seq_length=64, copies=1)
    once, _ = build(recipe, large(), 1)
    twice, _ = build(dataclasses.replace(recipe, passes=2), large(), 1)
    assert twice.ids[: len(once.ids)].tolist() == once.ids.tolist()
    assert len(twice) > len(once)


@NAMES
def test_a_shard_and_a_name_have_streams_of_their_own(name: str) -> None:
    recipe = OBJECTIVES[name]
    settings = BuildSettings(recipe=recipe, seed=1, tokenizer_json="", vocabulary=VOCABULARY)
    shards = [SHARD, ShardId("train", 1, 2), ShardId("eval", 0, 1)]
    renamed = dataclasses.replace(settings, recipe=dataclasses.replace(recipe, name="other"))
    drawn = {
        int(each.stream(shard)(step, copy).integers(1 << 62))
        for each in (settings, renamed)
        for shard in shards
        for step in ("pack", "pair", "select-0", "rewrite-0")
        for copy in (0, 1)
    }
    assert len(drawn) == 2 * 3 * 4 * 2


@NAMES
def test_a_recipe_travels(name: str) -> None:
    recipe = OBJECTIVES[name]
    assert pickle.loads(pickle.dumps(recipe)) == recipe
    assert len(recipe.parts) >= 3 + len(recipe.corrupt)


@NAMES
def test_no_text_makes_no_rows(name: str) -> None:
    recipe = OBJECTIVES[name]
    tokens = dataclasses.replace(with_spans(tokens_of([])), word_starts=np.empty(0, np.bool_))
    examples, table = build(recipe, tokens, 0)
    assert len(examples) == len(table) == 0


@NAMES
def test_a_tokenizer_needs_the_tokens_that_are_put_in(name: str) -> None:
    recipe = OBJECTIVES[name]
    VOCABULARY.require(recipe.roles)
    for role in recipe.roles:
        roles = {other: i for other, i in ROLES.items() if other != role}
        without = dataclasses.replace(VOCABULARY, roles=roles)
        with pytest.raises(ValueError, match=f"name the token that plays this part with --{role}-"):
            without.require(recipe.roles)
