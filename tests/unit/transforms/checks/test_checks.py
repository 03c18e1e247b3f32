"""The checks on rows written down by hand, and the fast ones against slow ones."""

import dataclasses
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.vocabulary import Vocabulary
from transforms.build.examine import examine
from transforms.checks.words import check_whole_words, partly_selected
from transforms.contract.oracle import Findings
from transforms.contract.stored import StoredBatch
from transforms.contract.stored_rows import take_stored_rows
from transforms.objectives import OBJECTIVES
from transforms.objectives.recipe import Recipe

PAD, UNK, CLS, SEP, MASK = range(5)
VOCABULARY = Vocabulary(
    size=40,
    roles={"pad": PAD, "unk": UNK, "cls": CLS, "sep": SEP, "mask": MASK},
    names={},
    sha256="",
)


def small(name: str, **changes: Any) -> Recipe:
    return dataclasses.replace(OBJECTIVES[name], max_seq_length=16, copies=2, **changes)


BERT, WWM, ROBERTA = small("bert"), small("bert-wwm"), small("roberta")
PAIR: dict[str, Any] = {
    "input_ids": [CLS, 10, 11, 12, 13, 14, SEP, 20, 21, 22, SEP],
    "second_segment_start": 7,
    "pair_relation": "next",
    "mlm_positions": [[1, 5], [2, 9]],
    "mlm_input_ids": [[MASK, 14], [MASK, 30]],
}
WORDS = {**PAIR, "word_starts": [1, 3, 5, 7, 8], "mlm_positions": [[1, 2], [5, 7]]}
WORDS["mlm_input_ids"] = [[MASK, MASK], [MASK, MASK]]


def findings(recipe: Recipe, *rows: dict[str, Any]) -> Findings:
    batch = pa.RecordBatch.from_pylist(list(rows), schema=recipe.schema(VOCABULARY))
    return examine(batch, recipe, VOCABULARY)


def names(recipe: Recipe, row: dict[str, Any], **changes: Any) -> list[str]:
    """Names of what a changed row breaks, when it comes second."""
    found = findings(recipe, row, {**row, **changes})
    assert set(found.breaches.values()) <= {1}
    assert set(found.first_rows.values()) <= {1}
    return sorted(found.breaches)


def test_counts_of_a_pair() -> None:
    found = findings(BERT, PAIR, {**PAIR, "pair_relation": "random"})
    assert not found.breaches
    expected = {
        "length.rows": 2,
        "length.tokens": 22,
        "length.eighth_6": 2,
        "pair.next": 1,
        "pair.random": 1,
        "mask.selected": 8,
        "mask.masked": 4,
        "mask.kept": 2,
        "mask.random": 2,
        "select.tokens": 8,
        "select.most": 8,
        # One token in 16 of 40 ids: 30 is in bucket 30 * 16 // 40 = 12, 22 in bucket 8.
        "mask.random_ids_13": 2,
        "mask.replaced_ids_09": 2,
        # Eight candidates a row, so each eighth is one of them; positions 1, 5, 2, 9.
        "select.eighth_1": 2,
        "select.eighth_2": 2,
        "select.eighth_3": 0,
        "select.eighth_5": 2,
        "select.eighth_8": 2,
        "select.common": 0,
        "select.common_expected_millionths": 2 * 500_000,
    }
    assert {name: found.counts[name] for name in expected} == expected


def test_counts_of_special_tokens() -> None:
    row = {
        "input_ids": [CLS, 10, 11, SEP, 12, 13, SEP],
        "second_segment_start": 7,
        "mlm_positions": [[0], [3, 4]],
        "mlm_input_ids": [[MASK], [MASK, MASK]],
    }
    counts = findings(ROBERTA, row).counts
    assert counts["select.special"] == 2
    assert counts["select.special_tokens"] == 6
    # Three selected of seven, three of them special.
    assert counts["select.special_expected_millionths"] == 3 * 3 * 1_000_000 // 7
    assert (counts["select.least"], counts["select.most"]) == (2, 4)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        (
            {"second_segment_start": 8},
            ["a special token stands inside the text", "no separator stands before"],
        ),
        ({"input_ids": [9, *PAIR["input_ids"][1:]]}, ["a row does not begin with"]),
        ({"input_ids": [*PAIR["input_ids"][:-1], 9]}, ["a row does not end with"]),
        (
            {"input_ids": [CLS, 10, CLS, 12, 13, 14, SEP, 20, 21, 22, SEP]},
            ["a special token stands inside the text"],
        ),
        (
            {"input_ids": [CLS, 10, 11, MASK, 13, 14, SEP, 20, 21, 22, SEP]},
            ["the mask token stands in the text"],
        ),
        (
            {"input_ids": [CLS, 10, 11, 40, 13, 14, SEP, 20, 21, 22, SEP]},
            ["an id is not in the vocabulary"],
        ),
        (
            {"input_ids": [CLS, SEP, 20, SEP], "second_segment_start": 2}
            | {"mlm_positions": [[2], [2]], "mlm_input_ids": [[20], [20]]},
            ["a segment has no text", "a segment is empty"],
        ),
        (
            {"input_ids": [CLS, *range(10, 20), SEP, *range(20, 25), SEP]}
            | {"second_segment_start": 12}
            | {"mlm_positions": [[1, 5, 6], [2, 9, 10]], "mlm_input_ids": [[4, 4, 4], [4, 4, 4]]},
            ["a row is longer than max_seq_length"],
        ),
        ({"pair_relation": "swapped"}, ["a pair has a relation"]),
        ({"mlm_positions": [[5, 1], [2, 9]]}, ["selected positions do not ascend"]),
        # An index beyond the last token counts as the last, which is special.
        (
            {"mlm_positions": [[1, 11], [2, 9]]},
            ["a selected position lies outside its row", "a special token is selected"],
        ),
        (
            {"mlm_positions": [[1, 5], [2]], "mlm_input_ids": [[MASK, 14], [MASK]]},
            ["a copy selects another number"],
        ),
        ({"mlm_positions": [[6, 8], [2, 9]]}, ["a special token is selected"]),
        (
            {"mlm_input_ids": [[MASK, 14], [MASK, 40]]},
            ["a token was replaced by"],
        ),
    ],
)
def test_invariants_of_pairs(changes: dict[str, Any], expected: list[str]) -> None:
    found = names(BERT, PAIR, **changes)
    assert len(found) == len(expected), found
    for name, beginning in zip(found, expected, strict=True):
        assert name.startswith(beginning)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        # Half of the word 3-4 and half of the word 8-9.
        ({"mlm_positions": [[3, 5], [5, 7]]}, ["a word is selected in part"]),
        ({"mlm_positions": [[1, 2], [7, 9]]}, ["a word is selected in part"]),
        # One of two tokens is used, and a word of one token is left.
        (
            {"mlm_positions": [[1, 2], [5]], "mlm_input_ids": [[MASK, MASK], [MASK]]},
            ["a copy passes over a word that fits"],
        ),
        (
            {"mlm_positions": [[1, 2, 5], [5, 7]], "mlm_input_ids": [[4, 4, 4], [4, 4]]},
            ["a copy selects more tokens than its budget"],
        ),
        (
            {"word_starts": [1, 3, 5, 7, 7], "mlm_positions": [[1, 2], [3, 4]]},
            ["word starts do not ascend"],
        ),
        (
            {"word_starts": [1, 3, 5, 7, 11], "mlm_positions": [[1, 2], [3, 4]]},
            ["a word start lies outside its row"],
        ),
        ({"word_starts": [1, 3, 5, 6, 7, 8]}, ["a special token is a word start"]),
        (
            {"word_starts": [3, 5, 7, 8], "mlm_positions": [[5, 7], [5, 7]]},
            ["a segment does not begin with a word start"],
        ),
        (
            {"word_starts": [1, 3, 5, 8], "mlm_positions": [[1, 2], [3, 4]]},
            ["a segment does not begin with a word start"],
        ),
    ],
)
def test_invariants_of_words(changes: dict[str, Any], expected: list[str]) -> None:
    found = names(WWM, WORDS, **changes)
    assert len(found) == len(expected), found
    for name, beginning in zip(found, expected, strict=True):
        assert name.startswith(beginning)


def test_a_budget_may_be_left_over_where_no_word_fits() -> None:
    row = {**WORDS, "word_starts": [1, 7], "mlm_positions": [[], []], "mlm_input_ids": [[], []]}
    assert not findings(WWM, row).breaches


def test_a_word_may_go_on_behind_the_separator() -> None:
    joined = dataclasses.replace(WWM, layout=dataclasses.replace(WWM.layout, join_split_word=True))
    row = {**WORDS, "word_starts": [1, 3, 5, 8], "mlm_positions": [[5, 7], [5, 7]]}
    assert not findings(joined, row).breaches
    assert names(joined, row, mlm_positions=[[5, 7], [1, 5]]) == ["a word is selected in part"]


def test_rows_of_a_single_segment() -> None:
    row = {
        "input_ids": [CLS, 10, 11, SEP],
        "second_segment_start": 4,
        "mlm_positions": [[1], [2]],
        "mlm_input_ids": [[MASK], [11]],
    }
    recipe = ROBERTA
    full = {**row, "input_ids": [CLS, *range(10, 24), SEP], "second_segment_start": 16}
    full |= {"mlm_positions": [[1, 2], [2, 3]], "mlm_input_ids": [[MASK] * 2, [MASK] * 2]}
    assert not findings(recipe, full, row).breaches
    assert names(recipe, full, second_segment_start=9) == [
        "second_segment_start is not the length of a row without segment B"
    ]
    found = findings(recipe, row, row, full)
    assert found.breaches == {"a row has room for the whole of the next one": 1}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"mlm_positions": [[1, 5]]}, "a row has another number of copies than the recipe"),
        ({"mlm_positions": [[1], [2, 9]]}, "mlm_positions and mlm_input_ids differ in length"),
        ({"mlm_input_ids": [[4, 14, 9], [4, 30]]}, "mlm_positions and mlm_input_ids differ"),
        ({"input_ids": []}, "a row is empty"),
    ],
)
def test_damaged_rows_are_named_and_not_counted(changes: dict[str, Any], expected: str) -> None:
    found = findings(BERT, PAIR, {**PAIR, **changes})
    assert not found.counts
    assert [name.startswith(expected) for name in found.breaches] == [True]


def test_slices_are_like_batches_of_their_own() -> None:
    rows = [PAIR, {**PAIR, "mlm_positions": [[1, 9], [1, 2]]}, PAIR]
    batch = pa.RecordBatch.from_pylist(rows, schema=BERT.schema(VOCABULARY))
    apart = findings(BERT, rows[1])
    assert examine(batch.slice(1, 1), BERT, VOCABULARY) == apart


@st.composite
def word_rows(draw: st.DrawFn) -> pa.RecordBatch:
    """Rows whose words begin anywhere, and copies that select anything but special tokens."""
    rows = []
    for _ in range(draw(st.integers(1, 5))):
        first, second = draw(st.integers(1, 6)), draw(st.integers(1, 6))
        ids = [CLS, *[10] * first, SEP, *[10] * second, SEP]
        text = [p for p, token in enumerate(ids) if token == 10]
        subset = st.lists(st.sampled_from(text), unique=True).map(sorted)
        copies = [draw(subset) for _ in range(2)]
        rows.append(
            {
                "input_ids": ids,
                "second_segment_start": first + 2,
                "pair_relation": "next",
                "word_starts": sorted({1, *draw(subset)}),
                "mlm_positions": copies,
                "mlm_input_ids": [[MASK] * len(copy) for copy in copies],
            }
        )
    return pa.RecordBatch.from_pylist(rows, schema=WWM.schema(VOCABULARY))


def words_of(row: dict[str, Any]) -> list[set[int]]:
    """The words of a row as sets of positions; they go on behind special tokens."""
    words: list[set[int]] = []
    for position, token in enumerate(row["input_ids"]):
        if token != 10:
            continue
        if position in row["word_starts"]:
            words.append(set())
        words[-1].add(position)
    return words


@given(word_rows(), st.integers(0, 4))
def test_word_checks_against_sets(batch: pa.RecordBatch, left: int) -> None:
    stored = StoredBatch.of(batch, WWM.rules, VOCABULARY)
    rows = batch.to_pylist()
    partly = [
        any(0 < len(word & set(copy)) < len(word) for word in words_of(row) for copy in copies)
        for row in rows
        for copies in [row["mlm_positions"]]
    ]
    assert partly_selected(stored).tolist() == partly
    for run in (1, 3):
        fitting = [
            any(
                len(word) <= left and not any(min(other) in copy for other in words[at : at + run])
                for words in [words_of(row)]
                for at, word in enumerate(words)
                for copy in row["mlm_positions"]
            )
            for row in rows
        ]
        found = check_whole_words(stored, np.full((len(rows), 2), left), run)
        assert [each.tolist() for each in found] == [partly, fitting]


@given(word_rows())
def test_take_rows(batch: pa.RecordBatch) -> None:
    rows = np.arange(0, batch.num_rows, 2)
    taken = take_stored_rows(StoredBatch.of(batch, WWM.rules, VOCABULARY), rows)
    chosen = batch.take(pa.array(rows))
    expected = StoredBatch.of(chosen, WWM.rules, VOCABULARY)
    for name in ("ids", "offsets", "second_segment_start", "special", "seen"):
        assert getattr(taken, name).tolist() == getattr(expected, name).tolist()
    assert taken.selected.offsets.tolist() == expected.selected.offsets.tolist()
    assert taken.word_flags.tolist() == expected.word_flags.tolist()


def test_every_part_is_found() -> None:
    kinds = [type(part).__name__ for part in WWM.parts]
    assert kinds == [
        "SentenceChunks",
        "NextSentence",
        "Layout",
        "BudgetedUnits",
        "WordUnits",
        "RoundedBudget",
        "MaskRandomKeep",
        "MaskedTokens",
    ]
