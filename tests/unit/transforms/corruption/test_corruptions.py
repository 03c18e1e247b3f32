"""Recipes with two corruptions, and with one that is not stored."""

import dataclasses
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest

from schemas.records import Int64, ShardId
from tests.oracles.streams import tokens_of, vocabulary
from transforms.arrays.ragged import Ragged
from transforms.arrays.randomness import rng_for
from transforms.build.build_examples import BuildSettings, arrange_examples
from transforms.build.corrupt import corrupt
from transforms.build.examine import examine, judge
from transforms.contract.corrupting import Batch, Copies
from transforms.contract.stored import StoredBatch
from transforms.corruption.rewrite import MaskRandomKeep
from transforms.corruption.selector import Selector
from transforms.corruption.targets import FreshTokens, MaskedTokens
from transforms.objectives.bert_wwm import ROBERTA_WWM_EXT
from transforms.objectives.corruption import Corruption
from transforms.objectives.recipe import Recipe


@dataclasses.dataclass(frozen=True, kw_only=True)
class FirstFree(Selector):
    """The first token of each row that is still free."""

    avoids_taken: ClassVar[bool] = True

    def select(self, batch: Batch, copies: Copies) -> Ragged:
        assert batch.taken is not None
        found = []
        for number in range(len(batch.taken)):
            begin, end = batch.examples.offsets[number // len(copies) :][:2]
            free = ~batch.examples.special[begin:end]
            free[batch.taken.row(number)] = False
            found.append(int(np.argmax(free)))
        return Ragged(np.array(found, np.uint16), np.arange(len(found) + 1))

    def most_tokens(self, lengths: Int64, max_seq_length: int) -> Int64:
        return np.ones(len(lengths), np.int64)


SECOND = Corruption(
    select=FirstFree(),
    rewrite=MaskRandomKeep(mask=0, random=0),
    targets=MaskedTokens(name="first"),
)
TWICE = dataclasses.replace(ROBERTA_WWM_EXT, corrupt=(*ROBERTA_WWM_EXT.corrupt, SECOND), copies=3)
VOCABULARY = vocabulary(5000)


def rows_of(recipe: Recipe) -> pa.RecordBatch:
    rng = rng_for(1, "documents")
    tokens = tokens_of([rng.integers(4, 20, 12).tolist() for _ in range(20)])
    words = np.ones(len(tokens.ids), np.bool_)
    settings = BuildSettings(recipe=recipe, seed=3, tokenizer_json="", vocabulary=VOCABULARY)
    shard = ShardId("train", 0, 1)
    tokens = dataclasses.replace(tokens, word_starts=words)
    examples = arrange_examples(tokens, settings, shard)
    [batch] = corrupt(examples, recipe, VOCABULARY, settings.stream(shard))
    return batch


def test_a_second_corruption_leaves_the_first_alone() -> None:
    batch = rows_of(TWICE)
    alone = rows_of(dataclasses.replace(TWICE, corrupt=TWICE.corrupt[:1]))
    assert batch.column("mlm_positions").equals(alone.column("mlm_positions"))
    for row in batch.to_pylist():
        for masked, first in zip(row["mlm_positions"], row["first_positions"], strict=True):
            assert first == [min(set(range(1, len(row["input_ids"]) - 1)) - set(masked))]
    found = examine(batch, TWICE, VOCABULARY)
    assert not found.breaches
    assert found.counts["first.mask.kept"] == 3 * batch.num_rows
    assert found.counts["mask.selected"] > found.counts["first.mask.selected"]
    assert all(oracle.holds for oracle in judge(found.counts, TWICE, VOCABULARY))
    views = [StoredBatch.of(batch, TWICE.rules, VOCABULARY, number) for number in range(2)]
    assert views[1].earlier[0].values.tolist() == views[0].selected.values.tolist()


def test_a_third_corruption_leaves_both_alone() -> None:
    third = dataclasses.replace(SECOND, targets=MaskedTokens(name="second"))
    batch = rows_of(dataclasses.replace(TWICE, corrupt=(*TWICE.corrupt, third)))
    for row in batch.to_pylist():
        columns = [row[f"{name}_positions"] for name in ("mlm", "first", "second")]
        for masked, first, second in zip(*columns, strict=True):
            assert second == [min(set(range(1, len(row["input_ids"]) - 1)) - {*masked, *first})]


def test_what_cannot_come_second_is_refused() -> None:
    with pytest.raises(ValueError, match="BudgetedUnits does not leave alone"):
        dataclasses.replace(TWICE, corrupt=(SECOND, *ROBERTA_WWM_EXT.corrupt))


def test_two_corruptions_have_two_names() -> None:
    again = dataclasses.replace(SECOND, targets=MaskedTokens())
    with pytest.raises(ValueError, match="same name"):
        dataclasses.replace(TWICE, corrupt=(*ROBERTA_WWM_EXT.corrupt, again))


def test_masks_that_are_not_stored_leave_no_column() -> None:
    fresh = dataclasses.replace(ROBERTA_WWM_EXT.corrupt[0], targets=FreshTokens())
    recipe = dataclasses.replace(ROBERTA_WWM_EXT, corrupt=(fresh,), copies=1)
    batch = rows_of(recipe)
    assert batch.schema.names == ["input_ids", "second_segment_start", "word_starts"]
    found = examine(batch, recipe, VOCABULARY)
    assert not found.breaches
    assert "mask.selected" not in found.counts
    with pytest.raises(ValueError, match="copies must be 1"):
        dataclasses.replace(recipe, copies=2)
