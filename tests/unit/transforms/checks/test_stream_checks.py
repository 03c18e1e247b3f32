"""What is changed in rows of streams is found."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from schemas.records import ShardId
from tests.support.recipes import varied
from tests.support.synthetic_builds import build_batches, lines_of_documents, settings_for
from transforms.build.build_examples import BuildSettings
from transforms.build.examine import examine, examine_neighbours
from transforms.objectives import OBJECTIVES
from transforms.objectives.settings import changed

Row = dict[str, Any]
Change = Callable[[list[Row]], Any]


@functools.cache
def built(name: str, packing: str = "") -> tuple[BuildSettings, pa.RecordBatch]:
    recipe = varied(OBJECTIVES[name], max_seq_length=64, copies=2)
    if packing:
        recipe = changed(recipe, {"segment.packing": packing})
    settings = settings_for(recipe)
    [batch] = build_batches(settings, ShardId("train", 0, 1), lines_of_documents(40))
    return settings, batch


def breaches(settings: BuildSettings, batch: pa.RecordBatch, change: Change) -> set[str]:
    rows = batch.to_pylist()
    change(rows)
    damaged = pa.RecordBatch.from_pylist(rows, schema=batch.schema)
    return set(examine(damaged, settings.recipe, settings.vocabulary).breaches)


def _text(row: Row, settings: BuildSettings, at: int = 5) -> int:
    """Returns the first place from `at` on that is text, and so are its neighbours."""
    special = {*settings.vocabulary.roles.values()}
    ids = row["input_ids"]
    return next(
        place for place in range(at, len(ids) - 2) if not special & {*ids[place - 1 : place + 2]}
    )


def _swap(rows: list[Row], one: int, other: int) -> None:
    rows[one], rows[other] = rows[other], rows[one]


def _replace_text(rows: list[Row], row: int, at: int, by: int) -> None:
    rows[row]["input_ids"][at] = by


GPT: dict[str, Change] = {
    "a row does not go on where the row before ended": lambda rows: _swap(rows, 2, 5),
    "document_starts are not the tokens behind the ends of documents": lambda rows: rows[1][
        "document_starts"
    ].append(63),
    "a row of a stream is not full": lambda rows: rows[3]["input_ids"].pop(),
    "streams are not numbered in their order": lambda rows: rows[4].update(stream=2),
}
XLNET: dict[str, Change] = {
    "a row does not begin with segment A of the row before": lambda rows: _replace_text(
        rows, 4, 0, 7
    ),
    "a half has another number of targets than it should have": lambda rows: [
        rows[2][name][1].pop(0) for name in ("plm_positions", "plm_ranks")
    ],
    "the ranks of a half are no order": lambda rows: rows[2]["plm_ranks"][1].__setitem__(
        0, rows[2]["plm_ranks"][1][1]
    ),
    "streams are not numbered in their order": lambda rows: rows[-1].update(stream=5),
    "a special token stands inside the text": lambda rows: _replace_text(rows, 3, 40, 2),
}


@pytest.mark.parametrize("name", ["gpt", "transformer-xl"])
@pytest.mark.parametrize("breach", GPT)
def test_damaged_streams(name: str, breach: str) -> None:
    settings, batch = built(name)
    assert breaches(settings, batch, lambda _: None) == set()
    assert breach in breaches(settings, batch, GPT[breach])


@pytest.mark.parametrize("breach", XLNET)
def test_damaged_orders(breach: str) -> None:
    settings, batch = built("xlnet")
    assert breaches(settings, batch, lambda _: None) == set()
    assert breach in breaches(settings, batch, XLNET[breach])


def test_a_special_token_without_a_rank() -> None:
    settings, batch = built("xlnet")

    def change(rows: list[Row]) -> None:
        # The last token is special, and so are the two others of the second half.
        for name in ("plm_positions", "plm_ranks"):
            rows[2][name][0].pop()

    name = "a special token has no place in the factorization order"
    assert name in breaches(settings, batch, change)


def test_a_following_segment_that_does_not_follow() -> None:
    settings, batch = built("xlnet")
    rows = batch.to_pylist()
    row = next(
        number
        for number, each in enumerate(rows[:-1])
        if each["pair_relation"] == "next" and rows[number + 1]["stream"] == each["stream"]
    )

    def change(rows: list[Row]) -> None:
        at = rows[row]["second_segment_start"]
        rows[row]["input_ids"][at] = _other(rows[row]["input_ids"][at])

    assert "a segment B that follows A is not what follows it" in breaches(settings, batch, change)


def _other(token: int) -> int:
    return token + 1 if token < 400 else token - 1


def test_two_rows_that_fit_into_one() -> None:
    settings, batch = built("gpt", "best_fit")

    def change(rows: list[Row]) -> None:
        for row in rows[-2:]:
            row["input_ids"] = row["input_ids"][:20]
            row["second_segment_start"] = 20
            row["document_starts"] = [at for at in row["document_starts"] if at < 20]

    assert breaches(settings, batch, lambda _: None) == set()
    assert "two rows would fit into one" in breaches(settings, batch, change)


@pytest.mark.parametrize("name", ["gpt", "xlnet"])
def test_seams_of_batches_are_seen(name: str) -> None:
    settings, batch = built(name)
    sound = pa.concat_batches([batch.slice(3, 1), batch.slice(4, 1)])
    assert not examine_neighbours(sound, settings.recipe, settings.vocabulary).breaches
    torn = pa.concat_batches([batch.slice(3, 1), batch.slice(5, 1)])
    assert examine_neighbours(torn, settings.recipe, settings.vocabulary).breaches


def test_slices_are_held_against_one_another(monkeypatch: pytest.MonkeyPatch) -> None:
    settings, batch = built("gpt")
    monkeypatch.setattr("transforms.build.examine._SLICE_TOKENS", 200)
    found = examine(batch, settings.recipe, settings.vocabulary)
    assert not found.breaches
    torn = pa.concat_batches([batch.slice(0, 3), batch.slice(4)])
    assert examine(torn, settings.recipe, settings.vocabulary).first_rows == {
        "a row does not go on where the row before ended": 3
    }


def test_blocks_out_of_order() -> None:
    settings, batch = built("xlnet")
    strict = changed(settings.recipe, {"corrupt.0.rewrite.perm_size": 8})
    found = examine(batch, strict, settings.vocabulary).breaches
    assert "a block of the factorization order comes before an earlier one" in found
    own = dataclasses.replace(settings, recipe=strict)
    [again] = build_batches(own, ShardId("train", 0, 1), lines_of_documents(40))
    assert not examine(again, strict, settings.vocabulary).breaches
