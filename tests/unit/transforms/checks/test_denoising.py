"""What checks of edits find, each in rows that are right but for one thing."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from schemas.manifest import add_up
from schemas.records import ShardId
from tests.support.synthetic_builds import build_batches, lines_of_documents, settings_for
from transforms.arrays.edits import Edits
from transforms.arrays.ragged import offsets_of
from transforms.build.build_examples import BuildSettings
from transforms.build.examine import examine, judge
from transforms.checks.arranging import order_oracles, rotation_oracles
from transforms.checks.denoising import (
    examine_runs,
    half_oracle,
    prefix_oracles,
    run_oracles,
    segment_oracles,
)
from transforms.checks.fragments import place_oracles
from transforms.checks.generated import noise_oracles, range_oracles
from transforms.checks.infilling import infilling_oracles, length_oracles
from transforms.contract.corrupting import Copies
from transforms.contract.denoising import NoiseBatch
from transforms.contract.oracle import Oracle, gather
from transforms.contract.stored import StoredBatch
from transforms.denoise.infilling import TextInfilling
from transforms.denoise.random_spans import RandomTokens
from transforms.kernels.splicing import splice_filled, splice_fragments, splice_removed
from transforms.objectives import OBJECTIVES
from transforms.objectives.settings import recipe_from

Row = dict[str, Any]


@functools.cache
def built(name: str) -> tuple[BuildSettings, pa.RecordBatch]:
    recipe = dataclasses.replace(OBJECTIVES[name], copies=2, max_seq_length=256)
    settings = settings_for(recipe)
    documents = lines_of_documents(30)
    return settings, build_batches(settings, ShardId("train", 0, 1), documents)[0]


def breaches_of(name: str, change: Callable[[Row], object]) -> set[str]:
    """Returns what is found after a change of the longest row."""
    settings, batch = built(name)
    rows = batch.to_pylist()
    change(max(rows, key=lambda row: len(row["input_ids"])))
    schema = settings.recipe.schema(settings.vocabulary)
    changed = pa.RecordBatch.from_pylist(rows, schema=schema)
    return set(examine(changed, settings.recipe, settings.vocabulary).breaches)


def sentinel_in_text(row: Row) -> None:
    row["input_ids"][0] = built("t5")[0].vocabulary.sentinels[3]


def order_of_others(row: Row) -> None:
    row["sentence_orders"][1][0] = row["sentence_orders"][1][-1]


def first_token(row: Row) -> None:
    row["fragment_starts"][0] = 0


def last_token(row: Row) -> None:
    row["fragment_starts"][1] = len(row["input_ids"]) - 1


def two_fragments(row: Row) -> None:
    """Two fragments of half of the length, at positions 1 and behind it."""
    size = round(len(row["input_ids"]) / 2) // 2
    row["edits"][0] = [8 + 7, size - 7, 8 + 7, size - 7]


@pytest.mark.parametrize("name", ["t5", "prefix-lm", "bart", "mass", "prophetnet", "ernie-gen"])
def test_nothing_is_found_in_rows_that_are_right(name: str) -> None:
    assert breaches_of(name, len) == set()


@pytest.mark.parametrize(
    ("name", "change", "breach"),
    [
        ("t5", lambda row: row["edits"][0].clear(), "a copy takes away another number of tokens"),
        ("t5", lambda row: row["edits"][0].clear(), "a copy takes away another number of spans"),
        ("t5", lambda row: row["edits"][0].append(255), "edits are damaged"),
        ("t5", lambda row: row["edits"][0].extend([251, 0]), "edits are damaged"),
        ("t5", lambda row: row["edits"][0].append(0), "a span is empty, or there is no text"),
        ("t5", lambda row: row["edits"][0].pop(), "a copy does not end with a span"),
        ("t5", lambda row: row["edits"][0].insert(0, 252), "no token stands for a span"),
        ("t5", lambda row: row["edits"].pop(), "a row has another number of copies"),
        ("t5", sentinel_in_text, "a sentinel stands in the text"),
        ("prefix-lm", lambda row: row["edits"][0].append(0), "edits are damaged"),
        ("prefix-lm", lambda row: row["edits"][0].extend([252, 0]), "a copy is not a prefix and"),
        ("bart", order_of_others, "sentence_orders are no permutations of the sentences"),
        ("bart", lambda row: row["edits"][0].insert(0, 252), "something else stands for a span"),
        ("bart", lambda row: row["edits"][0].insert(0, 253), "edits and edit_ids differ"),
        ("mass", first_token, "a copy does not have one fragment of the right length"),
        ("mass", last_token, "edits are damaged"),
        ("mass", lambda row: row["fragment_starts"].pop(), "a row has another number of copies"),
        ("prophetnet", lambda row: row["edits"][0].insert(0, 254), "edits and edit_ids differ"),
        ("ernie-gen", lambda row: row["edits"][0].append(0), "edits are damaged"),
        ("ernie-gen", lambda row: row["edits"][0].extend([252, 0]), "a copy takes away another"),
        ("ernie-gen", lambda row: row["edits"].pop(), "a row has another number of copies"),
        ("prophetnet", two_fragments, "a block does not have one fragment of the right length"),
    ],
)
def test_each_fault_is_found(name: str, change: Callable[[Row], object], breach: str) -> None:
    assert any(found.startswith(breach) for found in breaches_of(name, change))


def test_too_many_words_are_found() -> None:
    def take_all(row: Row) -> None:
        row["edits"][0] = [8 + 7, 0 + len(row["input_ids"]) - 2 - 7]
        row["sentence_orders"][0].sort()

    assert len(built("bart")[1]) > 3
    assert "a copy takes away another number of words" in breaches_of("bart", take_all)


def lists(*rows: list[int]) -> tuple[Any, Any]:
    ids = np.array([token for row in rows for token in row], np.uint16)
    return offsets_of(np.array([len(row) for row in rows])), ids


TOKENS, END = np.array([90, 91], np.uint16), np.array([1], np.uint16)


@pytest.mark.parametrize(
    ("source", "target", "good"),
    [
        ([5, 90, 8, 91, 1], [90, 6, 7, 91, 9, 1], True),
        ([5, 90, 8, 91, 1], [90, 6, 91, 7, 9, 1], False),
        ([5, 90, 8, 91, 1], [90, 6, 7, 91, 9, 9, 1], False),
        ([5, 91, 8, 90, 1], [90, 6, 7, 91, 9, 1], False),
        ([5, 90, 8, 91, 9], [90, 6, 7, 91, 9, 1], False),
        ([5, 6, 7, 1], [8, 9, 1], True),
        ([5, 6, 7, 1], [9, 8, 1], False),
    ],
)
def test_targets_are_put_back_into_sources(
    source: list[int], target: list[int], good: bool
) -> None:
    broken = np.zeros(1, np.bool_)
    splice_removed(lists([5, 6, 7, 8, 9]), lists(source), lists(target), TOKENS, END, broken)
    assert broken.tolist() == [not good]


@pytest.mark.parametrize(
    ("source", "rotation", "wrong"),
    [
        ([2, 5, 4, 8, 3], 0, [False, False]),
        ([2, 4, 8, 5, 3], 1, [False, False]),
        ([2, 4, 8, 5, 3], 0, [True, True]),
        ([2, 5, 9, 8, 3], 0, [False, True]),
        ([2, 5, 4, 8, 8, 3], 0, [True, False]),
        ([2, 5, 4, 3], 0, [True, False]),
    ],
)
def test_sources_are_followed(source: list[int], rotation: int, wrong: list[bool]) -> None:
    """The row 2 5 6 7 8 3, whose span 6 7 a mask, 4, stands for."""
    spans = (
        np.array([0, 1]),
        np.array([2], np.uint16),
        np.array([4], np.uint16),
        np.zeros(1, np.uint8),
    )
    found = np.zeros((1, 2), np.bool_)
    turned = np.array([rotation], np.uint16)
    splice_filled(lists([2, 5, 6, 7, 8, 3]), spans, lists(source), turned, (1, 1), 4, found)
    assert found.tolist() == [wrong]


@pytest.mark.parametrize(
    ("source", "target", "given", "positions", "good"),
    [
        ([5, 4, 4, 8], [6, 7], [5, 6], [0, 1], True),
        ([5, 8], [6, 7], [5, 6], [0, 1], True),
        ([5, 4, 4, 8], [7, 6], [5, 6], [0, 1], False),
        ([5, 4, 4, 8], [6, 7], [5, 5], [0, 1], False),
        ([5, 4, 4, 8], [6, 7], [5, 6], [1, 2], False),
        ([5, 4, 4, 9], [6, 7], [5, 6], [0, 1], False),
        ([5, 7, 8], [6, 7], [5, 6], [0, 1], False),
    ],
)
def test_fragments_are_put_back_at_their_places(
    source: list[int], target: list[int], given: list[int], positions: list[int], good: bool
) -> None:
    """The row 5 6 7 8 and the fragment 6 7: masked in the source, or gone."""
    broken = np.zeros(1, np.bool_)
    written = (*lists(target), np.array(given, np.uint16), np.array(positions, np.uint16))
    splice_fragments(lists([5, 6, 7, 8]), lists(source), written, broken)
    assert broken.tolist() == [not good]


def failing(oracles: list[Oracle]) -> list[str]:
    return [oracle.name for oracle in oracles if not oracle.holds]


def test_draws_that_follow_another_law_are_found() -> None:
    """Each time what a correct build has, and what it has not."""
    # Rows of 568 tokens, of which 85 are in 28 spans: 27 of 84, and 27 of 482.
    by_chance = {"single_spans_by_chance": 9_000_012_000, "single_texts_by_chance": 1_568_448_000}
    spans = {f"denoise.{name}": count for name, count in by_chance.items()}
    spans["denoise.spans"] = 28000
    right = {"denoise.single_spans": 9000, "denoise.single_texts": 1568}
    assert failing(segment_oracles({**spans, **right})) == []
    wrong = {"denoise.single_spans": 8000, "denoise.single_texts": 3000}
    assert len(failing(segment_oracles({**spans, **wrong}))) == 2
    taken = {"denoise.tokens": 10**6, "denoise.decided": 8 * 10**5, "denoise.taken": 12 * 10**4}
    assert failing(run_oracles(taken, 0.15)) == []
    assert failing(run_oracles({**taken, "denoise.taken": 13 * 10**4}, 0.15))
    halves = {"x": 3000, "x_first_half": 2000, "x_by_chance": 3000 * 666_667}
    assert half_oracle("", halves, "x").holds
    assert not half_oracle("", {**halves, "x_first_half": 1500}, "x").holds
    texts = {"rotations.texts": 10_000, "rotations.still_by_chance": 10_000 * 500_000}
    assert failing(rotation_oracles({**texts, "rotations.turned": 1500}, 0.3)) == []
    assert failing(rotation_oracles({**texts, "rotations.turned": 3000}, 0.3))
    even = {f"denoise.prefix_eighth_{n}": 1000 for n in range(1, 9)}
    assert failing(prefix_oracles(even, 513)) == []
    assert failing(prefix_oracles({**even, "denoise.prefix_eighth_1": 1500}, 513))
    assert failing(order_oracles({"orders.lists": 10000, "orders.fixed": 10200})) == []
    assert failing(order_oracles({"orders.lists": 10000, "orders.fixed": 12000}))
    places = {"fragments.of_several": 10000, "fragments.by_chance": 10**4 * 62500}
    ends = {"fragments.first": 2375, "fragments.last": 2375}
    assert failing(place_oracles({**places, **ends}, 0.2, 0.2)) == []
    assert failing(place_oracles({**places, **ends, "fragments.first": 2000}, 0.2, 0.2))
    assert (
        failing(noise_oracles({"denoise.given": 10**5, "denoise.replaced": 5000}, 0.05, 99)) == []
    )
    assert failing(noise_oracles({"denoise.given": 10**5, "denoise.replaced": 6000}, 0.05, 99))
    copies = {"fragments.copies": 10000, "fragments.short_copies": 4000}
    assert failing(range_oracles(copies, 0.4)) == []
    assert failing(range_oracles({**copies, "fragments.short_copies": 5000}, 0.4))
    # Half of the copies with long fragments look like those with short ones.
    alike = {**copies, "fragments.short_by_chance": 10000 * 500_000}
    assert failing(range_oracles({**alike, "fragments.short_copies": 7000}, 0.4)) == []
    assert failing(range_oracles(alike, 0.4))


def test_infilling_by_another_law_is_found() -> None:
    noise = TextInfilling(random_rate=0.1).infilled(settings_for(OBJECTIVES["bart"]).vocabulary)
    shown = {"words": 10**6, "budget": 300_000, "spans": 78_000, "put_in": 4900, "full": 3}
    right = {"taken": 267_000, "masks": 80_000, "random": 8000}
    drawn = {"asked": 300_000, "filled": 95_000, "empty": 4978, "crowded": 3, "no_room": 78}
    assert failing(infilling_oracles(infilling(drawn, shown, right), noise)) == []
    other = {"taken": 300_000, "random": 9000, "put_in": 0, "full": 2, "spans": 96_000}
    wrong = {"asked": 299_999}
    totals = infilling({**drawn, **wrong}, {**shown, **other}, {**right, **other})
    assert len(failing(infilling_oracles(totals, noise))) == 6


def infilling(drawn: dict[str, int], *shown: dict[str, int]) -> dict[str, int]:
    """Returns statistics of infilling by their names."""
    found = {f"infilling.{name}": count for each in shown for name, count in each.items()}
    return found | {f"infilling.drawn_{name}": count for name, count in drawn.items()}


def test_lengths_by_another_law_are_found() -> None:
    """Of lengths with a mean of 3, 4.98 % are 0; of the others 15.7 % are 1, 37.1 % above 3."""
    noise = TextInfilling().infilled(settings_for(OBJECTIVES["bart"]).vocabulary)
    drawn = {"asked": 300_000, "empty": 5000, "filled": 95_000, "single": 14_900, "longer": 35_200}
    drawn |= {"early": 47_600, "early_by_chance": 95_000 * 500_000}
    assert failing(length_oracles(infilling(drawn), noise)) == []
    wrong = {"empty": 5500, "single": 16_500, "longer": 38_000, "early": 49_000}
    names = failing(length_oracles(infilling({**drawn, **wrong}), noise))
    assert names == [
        "lengths of 0 are drawn at the rate",
        "lengths of one word are drawn at the rate",
        "lengths of more than 3 words are drawn at the rate",
        "spans begin in the first half of words",
    ]


@pytest.mark.parametrize(
    ("name", "setting", "value"),
    [
        ("bart", "denoise.noise.3.mean_length", 64.0),
        ("bart", "denoise.noise.3.mean_length", 0.1),
        ("mass", "denoise.noise.0.rate", 0.999),
        ("prophetnet", "denoise.noise.0.rate", 0.001),
        ("prophetnet", "denoise.noise.0.block", 2),
    ],
)
def test_extreme_settings_are_checked_by_their_own_laws(
    name: str, setting: str, value: float
) -> None:
    settings = settings_for(recipe_from(name, {setting: value, "copies": 2}))
    documents = lines_of_documents(150)
    batches = build_batches(settings, ShardId("train", 0, 1), documents)
    found = gather(examine(batch, settings.recipe, settings.vocabulary) for batch in batches)
    assert found.breaches == {}
    totals = add_up([found.counts, batches.counts])
    assert failing(judge(totals, settings.recipe, settings.vocabulary)) == []


@pytest.mark.parametrize(
    ("name", "length", "sentences"),
    [
        ("t5", 40, ["spans of one token", "texts between spans of one token"]),
        ("prefix-lm", 600, ["prefixes end in the first half"]),
        ("bart", 24, ["lengths of 0", "lengths of one word", "spans begin in the first half"]),
        ("mass", 12, ["fragments are at the begin", "fragments are at the end"]),
        ("prophetnet", 40, ["fragments begin in the first half"]),
        ("ernie-gen", 40, ["fragments of a copy are short"]),
    ],
)
def test_rows_of_any_length_are_judged(name: str, length: int, sentences: list[str]) -> None:
    """Rows are short, or none of them is full."""
    settings = settings_for(recipe_from(name, {"max_seq_length": length, "copies": 2}))
    batches = build_batches(settings, ShardId("train", 0, 1), lines_of_documents(60))
    found = gather(examine(batch, settings.recipe, settings.vocabulary) for batch in batches)
    totals = add_up([found.counts, batches.counts])
    oracles = judge(totals, settings.recipe, settings.vocabulary)
    assert failing(oracles) == []
    for sentence in sentences:
        [oracle] = [each for each in oracles if each.name.startswith(sentence)]
        assert oracle.trials > 100


def test_tokens_before_sentinels_run_out_are_judged() -> None:
    """Rows of hundreds of tokens have three spans, all at their begin."""
    settings, batch = built("t5")
    rules, vocabulary = settings.recipe.rules, settings.vocabulary
    rows = StoredBatch.of(batch, rules, vocabulary)
    few = NoiseBatch(
        examples=rows.examples(rules),
        rows=np.arange(len(rows)),
        layout=rules.layout,
        tokens=np.arange(3).astype(np.uint16),
        vocabulary=vocabulary,
    )
    copies = Copies(np.array([3, 4], np.uint64), 0, 2)
    edits = RandomTokens(density=0.3).apply(Edits.none(2 * len(rows), "uint16"), few, copies)
    found = examine_runs(dataclasses.replace(rows, made_edits=edits), 3)
    assert found.breaches == {}
    assert found.counts["denoise.decided"] < found.counts["denoise.tokens"] / 2
    assert failing(run_oracles(found.counts, 0.3)) == []
    assert failing(run_oracles(found.counts, 0.02)) == ["tokens are taken away at the density"]


def test_another_number_of_random_ids_is_found() -> None:
    """Of masks that are put in, the number of random ids is rounded up: none can be missing."""
    chosen = {"denoise.noise.3.rounded_random": True, "denoise.noise.3.random_rate": 0.1}
    settings = settings_for(recipe_from("bart", {**chosen, "denoise.noise.3.mean_length": 0.5}))
    recipe, vocabulary = settings.recipe, settings.vocabulary
    batch = build_batches(settings, ShardId("train", 0, 1), lines_of_documents(20))[0]
    assert examine(batch, recipe, vocabulary).breaches == {}
    rows = StoredBatch.of(batch, recipe.rules, vocabulary)
    fills = rows.edits.fills.copy()
    random = np.flatnonzero((fills == 2) & (rows.edits.lengths == 0))
    fills[random[0]] = 0
    changed = dataclasses.replace(rows, made_edits=dataclasses.replace(rows.edits, fills=fills))
    noise = recipe.denoise.active[1] if recipe.denoise else None
    assert isinstance(noise, TextInfilling)
    found = noise.examine(changed, recipe.rules, vocabulary).breaches
    assert found == {"another number of random ids is put in": 1}


def test_a_first_block_that_loses_nothing_is_found() -> None:
    """Blocks of 2 tokens are too short for a fragment, but for the first one of a row."""
    settings = settings_for(recipe_from("prophetnet", {"denoise.noise.0.block": 2, "copies": 1}))
    batch = build_batches(settings, ShardId("train", 0, 1), lines_of_documents(3))[0]
    rows = batch.to_pylist()
    rows[0]["edits"] = [[]]
    changed = pa.RecordBatch.from_pylist(rows, schema=batch.schema)
    found = examine(changed, settings.recipe, settings.vocabulary).breaches
    assert set(found) == {"a block does not have one fragment of the right length"}
