"""What verify holds rows of spans to, on rows written down by hand."""

import dataclasses
from typing import Any

import pyarrow as pa
import pytest

from schemas.counts import read_counts
from tests.oracles.streams import ROLES, vocabulary
from transforms.build.examine import examine
from transforms.contract.oracle import Findings
from transforms.corruption.budgets import CeiledBudget
from transforms.corruption.geometric import GeometricSpans
from transforms.corruption.random_ids import EvenIds
from transforms.corruption.rewrite import MaskRandomKeepRuns
from transforms.corruption.targets import MaskedSpans
from transforms.objectives import OBJECTIVES
from transforms.objectives.corruption import Corruption
from transforms.objectives.recipe import Recipe

CLS, SEP, MASK = ROLES["cls"], ROLES["sep"], ROLES["mask"]
NAMES = vocabulary(40)


def recipe(**rewrite: Any) -> Recipe:
    corruption = Corruption(
        select=GeometricSpans(budget=CeiledBudget(rate=0.4)),
        rewrite=MaskRandomKeepRuns(**rewrite),
        targets=MaskedSpans(),
    )
    return dataclasses.replace(
        OBJECTIVES["spanbert"], corrupt=(corruption,), max_seq_length=16, copies=2
    )


# Ten tokens of text, so four are selected in each copy; words: 10 11 | 12 | 13 14 15 | 16 | ...
ROW: dict[str, Any] = {
    "input_ids": [CLS, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, SEP],
    "second_segment_start": 12,
    "word_starts": [1, 3, 4, 7, 8, 9, 10],
    "mlm_positions": [[1, 2, 7, 8], [3, 4, 5, 9]],
    "mlm_input_ids": [[MASK, MASK, 16, 17], [20, 13, 21, MASK]],
}


def findings(row: dict[str, Any], how: Recipe | None = None) -> Findings:
    how = how or recipe()
    batch = pa.RecordBatch.from_pylist([ROW, row], schema=how.schema(NAMES))
    return examine(batch, how, NAMES)


def test_what_is_counted() -> None:
    found = findings(ROW)
    assert not found.breaches
    expected = {
        "select.tokens": 16,
        "select.most": 16,
        "select.runs": 8,
        # The run 3 4 5 ends inside a word.
        "select.cut_runs": 2,
        "mask.selected": 16,
        "mask.runs": 8,
        "mask.masked_runs": 4,
        "mask.kept_runs": 2,
        "mask.random_runs": 2,
        "mask.masked": 6,
        "mask.kept": 4,
        "mask.random": 6,
        # 9 is a run of its own, one of twenty tokens of the text twice over.
        "mask.same_runs_millionths": 2 * 100_000,
        # 13 and 21 come after 20, which differs: buckets 13 * 16 // 40 = 5 and 8.
        "mask.random_ids_06": 2,
        "mask.random_ids_09": 2,
        # Of ids 10 to 12, three in ten are in bucket 5.
        "mask.expected_ids_millionths_05": 4 * 300_000,
    }
    assert {name: found.counts[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("positions", "seen", "said"),
    [
        ([1, 2, 7], [MASK] * 3, ["a copy selects another number of tokens than its budget"]),
        ([1, 2, 7, 8, 9], [MASK] * 5, ["a copy selects another number of tokens than its budget"]),
        ([2, 3, 7, 8], [MASK] * 4, ["a run begins inside a word"]),
        ([1, 4, 7, 8], [MASK] * 4, ["a copy has two runs that end inside a word"]),
        ([1, 2, 7, 8], [MASK, 11, 16, 17], ["a run is masked in part"]),
        ([1, 2, 7, 8], [10, 11, 20, MASK], ["a run is masked in part"]),
        ([1, 2, 7, 11], [MASK] * 4, ["a special token is selected"]),
        ([1, 2, 8, 7], [MASK] * 4, ["selected positions do not ascend"]),
    ],
)
def test_breaches(positions: list[int], seen: list[int], said: list[str]) -> None:
    row = {
        **ROW,
        "mlm_positions": [ROW["mlm_positions"][0], positions],
        "mlm_input_ids": [ROW["mlm_input_ids"][0], seen],
    }
    found = findings(row)
    assert sorted(found.breaches) == said
    assert set(found.first_rows.values()) == {1}


def test_the_mask_token_may_be_drawn_if_all_ids_may() -> None:
    row = {**ROW, "mlm_input_ids": [[MASK, 20, 16, 17], [20, 13, 21, MASK]]}
    assert not findings(row, recipe(random_ids=EvenIds())).breaches
    assert findings(row, recipe(random_ids=EvenIds(exclude=("mask",)))).breaches


def test_only_tokens_that_can_be_drawn_stand_in_random_runs() -> None:
    name = "a token was replaced by one that is never drawn"
    row = {**ROW, "mlm_input_ids": [[CLS, 20, 16, 17], [20, 13, 21, MASK]]}
    assert list(findings(row, recipe(random_ids=EvenIds(exclude=("cls",)))).breaches) == [name]
    tokens = {f"t{number}": number for number in range(40)}
    counts = read_counts("t13\t1\nt20\t1\nt21\t2", tokens, frozenset())
    how = recipe()
    for ids, said in ((21, {}), (22, {name: 1})):
        row = {**ROW, "mlm_input_ids": [[MASK, MASK, ids, ids], [20, 13, 21, MASK]]}
        batch = pa.RecordBatch.from_pylist([row], schema=how.schema(NAMES))
        found = examine(batch, how, dataclasses.replace(NAMES, counts=counts))
        assert dict(found.breaches) == said
