"""What is changed in streams of sentences is found."""

import functools
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from schemas.records import ShardId
from tests.oracles.sentence_streams import BEGIN, END
from tests.support.synthetic_builds import build_batches, lines_of_documents, settings_for
from transforms.build.examine import examine
from transforms.checks.sentence_streams import order_oracle
from transforms.contract.stored import StoredBatch
from transforms.objectives import OBJECTIVES
from transforms.windows.sentence_streams import SentenceStreams

Row = dict[str, Any]
SETTINGS = settings_for(OBJECTIVES["elmo"])
RULES = SETTINGS.recipe.rules


@functools.cache
def built() -> pa.RecordBatch:
    [batch] = build_batches(SETTINGS, ShardId("train", 0, 1), lines_of_documents(40))
    return batch


def batch_of(rows: list[Row]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(rows, schema=built().schema)


def row_breaches(change: Callable[[list[Row]], Any]) -> set[str]:
    rows = built().to_pylist()
    change(rows)
    return set(examine(batch_of(rows), SETTINGS.recipe, SETTINGS.vocabulary).breaches)


def _first_reversed(rows: list[Row]) -> int:
    return next(number for number, row in enumerate(rows) if row["reversed"])


def _swap(rows: list[Row]) -> None:
    rows[2], rows[5] = rows[5], rows[2]


def _double_marker(rows: list[Row]) -> None:
    ids = next(row["input_ids"] for row in rows if BEGIN in row["input_ids"][2:-3])
    at = ids.index(BEGIN, 2)
    ids[at + 1] = BEGIN


CHANGES: dict[str, Callable[[list[Row]], Any]] = {
    "a row does not go on where the row before ended": _swap,
    "a row of a stream is not full": lambda rows: rows[3]["input_ids"].pop(),
    "a row has the marker of the other direction": lambda rows: rows[1]["input_ids"].__setitem__(
        4, END
    ),
    "a sentence has no word": _double_marker,
    "a stream does not begin with a marker": lambda rows: rows[_first_reversed(rows)][
        "input_ids"
    ].__setitem__(0, 7),
    "streams are not numbered in their order": lambda rows: rows[4].update(stream=2),
}


def test_nothing_is_wrong_with_what_is_built() -> None:
    assert row_breaches(len) == set()
    assert shard_breaches(built().to_pylist()) == set()


@pytest.mark.parametrize("name", CHANGES)
def test_changed_rows(name: str) -> None:
    assert name in row_breaches(CHANGES[name])


def _size() -> int:
    """Tokens of both streams, those that no row shows included."""
    rows = built().to_pylist()
    return 2 * max(_shown(rows, 0), _shown(rows, 1))


def _shown(rows: list[Row], number: int) -> int:
    return 20 * sum(row["stream"] == number for row in rows) + 1


def shard_breaches(rows: list[Row], parts: int = 1) -> set[str]:
    size = -(-len(rows) // parts)
    pieces = [rows[begin : begin + size] for begin in range(0, len(rows), size)]
    stored = [StoredBatch.of(batch_of(each), RULES, SETTINGS.vocabulary) for each in pieces]
    # As many are lost as fit into no row.
    drawn = {"stream.tokens": _size() + 2 * 19}
    part = SETTINGS.recipe.segment
    assert isinstance(part, SentenceStreams)
    return set(part.examine_shard(stored, drawn, RULES).breaches)


@pytest.mark.parametrize("parts", [2, 3, 7])
def test_a_shard_may_come_in_parts(parts: int) -> None:
    assert shard_breaches(built().to_pylist(), parts) == set()


def test_another_word_in_one_stream() -> None:
    rows = built().to_pylist()
    ids = rows[3]["input_ids"]
    at = next(at for at in range(3, 18) if BEGIN not in ids[at - 1 : at + 2])
    ids[at] = 9 if ids[at] != 9 else 10
    assert shard_breaches(rows) == {"the two streams of a shard have other sentences"}


def test_words_of_a_sentence_in_another_order() -> None:
    rows = built().to_pylist()
    ids = rows[3]["input_ids"]
    at = next(
        at for at in range(3, 17) if BEGIN not in ids[at - 1 : at + 3] and ids[at] != ids[at + 1]
    )
    ids[at], ids[at + 1] = ids[at + 1], ids[at]
    assert shard_breaches(rows) == {"the two streams of a shard have other sentences"}


def test_streams_that_are_mirrors_of_each_other() -> None:
    rows = built().to_pylist()
    forward = [row for row in rows if not row["reversed"]]
    mirrored = [
        {
            **row,
            "input_ids": [END if each == BEGIN else each for each in row["input_ids"][::-1]],
            "stream": 1,
            "reversed": True,
        }
        for row in reversed(forward)
    ]
    found = shard_breaches([*forward, *mirrored])
    assert "the two streams of a shard have related orders" in found


@pytest.mark.parametrize(
    ("ascents", "holds"), [(5000, True), (5200, True), (5400, False), (0, False)]
)
def test_orders_that_are_not_random(ascents: int, holds: bool) -> None:
    assert order_oracle({"stream.ascents": ascents, "stream.pairs": 10_000}).holds == holds
