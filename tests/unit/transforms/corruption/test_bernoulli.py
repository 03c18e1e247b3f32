"""Units selected with one probability each, in stages: units, draws, columns and checks."""

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.records import Bool, ShardId
from schemas.windows import Examples
from tests.oracles.draws import HALF, RowDraws
from tests.oracles.spans import selected_units, units_of
from tests.oracles.streams import batch_of, examples_of, select_once
from tests.oracles.unit_table import UnitTable
from tests.support.synthetic_builds import (
    build_batches,
    build_folder,
    lines_of_documents,
    settings_for,
)
from tests.support.training_runs import records, tiny_config, train
from trainer.loader.batches import ArrowBatches
from transforms.arrays.randomness import random_key, rng_for
from transforms.build.examine import examine, judge
from transforms.checks.bernoulli import bernoulli_oracles
from transforms.contract.corrupting import Copies, Units
from transforms.contract.oracle import Findings, Oracle, gather
from transforms.contract.stored import StoredBatch
from transforms.corruption.bernoulli import STAGE_UNITS, BernoulliUnits, StagedUnits
from transforms.corruption.budgets import RoundedBudget
from transforms.corruption.select import BudgetedUnits
from transforms.corruption.span_units import EntityUnits, PhraseUnits
from transforms.corruption.targets import FreshTokens
from transforms.objectives.corruption import Corruption
from transforms.objectives.ernie1 import ERNIE1
from transforms.objectives.recipe import Recipe
from transforms.objectives.settings import recipe_from, settings_of

SHARD = ShardId("train", 0, 1)


def marked(rows: list[str], marks: list[str], kind: str = "entities") -> Examples:
    """Returns rows from drawings of words (see `examples_of`) and of marks, digits a token."""
    found = np.array([int(sign) for sign in "".join(marks)], np.uint8)
    return dataclasses.replace(examples_of(rows), annotations={kind: found})


def drawn(units: Units, examples: Examples) -> list[list[list[int]]]:
    """Returns the positions of every unit of every row."""
    table = UnitTable.of(units.marks(examples), examples.offsets)
    sizes = np.diff(np.append(table.starts, len(table.candidates)))
    found: list[list[list[int]]] = []
    first = 0
    for row, count in enumerate(table.counts.tolist()):
        units = range(first, first + count)
        base = examples.offsets[row]
        found.append(
            [
                (table.candidates[table.starts[u] : table.starts[u] + sizes[u]] - base).tolist()
                for u in units
            ]
        )
        first += count
    return found


@pytest.mark.parametrize(
    ("words", "marks", "units"),
    [
        ("^WwWWw^", "0000000", [[1, 2], [3], [4, 5]]),
        ("^WwWWw^", "0122120", [[1, 2, 3], [4, 5]]),
        # The border of a span cuts the words that reach across it.
        ("^WwwWw^", "0012200", [[1], [2, 3, 4], [5]]),
        ("^Wwww^", "001200", [[1], [2, 3], [4]]),
        # A span that goes on behind a special token begins anew.
        ("^WW^WW^", "0120220", [[1, 2], [4, 5]]),
        ("^ww^", "0000", [[1, 2]]),
    ],
)
def test_literal_units(words: str, marks: str, units: list[list[int]]) -> None:
    examples = marked([words], [marks])
    assert drawn(EntityUnits(), examples) == [units]
    phrases = marked([words], [marks], "phrases")
    assert drawn(PhraseUnits(), phrases) == [units]


def test_units_need_what_they_are_made_of() -> None:
    with pytest.raises(ValueError, match="phrases were asked for"):
        PhraseUnits().marks(marked(["^W^"], ["010"]))
    assert PhraseUnits().needs == {"words", "phrases"}
    assert StagedUnits().needs == {"words", "phrases", "entities"}
    assert StagedUnits(stages=("basic", "entity")).needs == {"words", "entities"}
    assert dataclasses.replace(ERNIE1, corrupt=(staged("basic"),)).annotations == ()


def staged(*stages: str) -> Corruption:
    return dataclasses.replace(ERNIE1.corrupt[0], select=StagedUnits(stages=stages))


@st.composite
def row(draw: st.DrawFn) -> tuple[str, str]:
    text = draw(st.lists(st.sampled_from("WwWw^"), max_size=12))
    marks = ["0" if sign == "^" else draw(st.sampled_from("012")) for sign in text]
    return f"^{''.join(text)}^", f"0{''.join(marks)}0"


@given(rows=st.lists(row(), min_size=1, max_size=5), seed=st.integers(0, 1 << 20))
def test_selections_are_those_of_rows_one_by_one(rows: list[tuple[str, str]], seed: int) -> None:
    words, marks = [each for each, _ in rows], [each for _, each in rows]
    examples = marked(words, marks)
    select = BernoulliUnits(units=EntityUnits(), rate=0.4)
    found = select_once(select, examples, rng_for(seed, "select"))
    key = int(random_key(rng_for(seed, "select")))
    for number, (text, signs) in enumerate(rows):
        special, words = [s == "^" for s in text], [s == "W" for s in text]
        units = units_of(special, words, [int(s) for s in signs])
        draws, own = RowDraws(key, number), []
        for _ in range(0, max(units) + 1, 2):
            draws.draw()
            own += [draws.low, draws.high]
        assert found[number] == selected_units(own, round(0.4 * HALF), units)


def test_copies_select_by_their_stages() -> None:
    """Each as if it were the only one."""
    examples = dataclasses.replace(
        marked(["^WwWWwWw^"] * 30, ["012212200"] * 30),
        annotations={
            "entities": np.tile(np.array([0, 1, 2, 2, 0, 1, 2, 0, 0], np.uint8), 30),
            "phrases": np.tile(np.array([0, 0, 0, 1, 2, 2, 0, 0, 0], np.uint8), 30),
        },
    )
    keys = np.array([random_key(rng_for(3, copy)) for copy in range(4)])
    select = StagedUnits(rate=0.4)
    found = select.select(batch_of(examples), Copies(keys, 0, 4))
    for copy, stage in enumerate(select.stage_names(4)):
        once = BernoulliUnits(units=STAGE_UNITS[stage], rate=0.4)
        alone = once.select(batch_of(examples), Copies(keys[copy : copy + 1], 0, 1))
        one = select.select(batch_of(examples), Copies(keys[copy : copy + 1], copy, 4))
        for row in range(30):
            expected = alone.row(row).tolist()
            assert found.row(4 * row + copy).tolist() == one.row(row).tolist() == expected


@pytest.mark.parametrize(
    ("stages", "copies", "shares"),
    [
        (("basic", "phrase", "entity"), 10, [4, 3, 3]),
        (("basic=1", "phrase=1", "entity=1"), 2, [1, 1, 0]),
        (("basic=1", "phrase=2", "entity=5"), 10, [1, 3, 6]),
        (("entity", "basic=3"), 4, [1, 3]),
        (("phrase",), 3, [3]),
    ],
)
def test_copies_are_shared_out_by_weight(
    stages: tuple[str, ...], copies: int, shares: list[int]
) -> None:
    select = StagedUnits(stages=stages)
    names = select.stage_names(copies)
    assert [len(list(run)) for _, run in itertools.groupby(names)] == [s for s in shares if s]
    assert names == [
        name for (name, _), share in zip(select.weights, shares, strict=True) for _ in range(share)
    ]
    assert [list(STAGE_UNITS)[number] for number in select.stage_numbers(copies)] == names


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ("basic,word", "a stage must be one of basic, phrase, entity, got 'word'"),
        ("basic=0", "the weight of stage basic must be 1, 2, ..., got '0'"),
        ("basic=1.5", "got '1.5'"),
        ("basic,basic", "stages must be named once each"),
        ("", "stages must be named once each"),
    ],
)
def test_wrong_stages(stages: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        recipe_from("ernie1", {"corrupt.0.select.stages": stages})


def test_stages_are_a_setting() -> None:
    recipe = recipe_from("ernie1", {"corrupt.0.select.stages": "entity=2,basic"})
    assert settings_of(recipe)["corrupt.0.select.stages"] == "entity=2,basic"
    one = recipe_from("ernie1", {"corrupt.0.select": "BernoulliUnits"})
    assert [column.name for column in one.columns("uint16")][-1] == "mlm_input_ids"
    phrases = {"corrupt.0.select": "BernoulliUnits", "corrupt.0.select.units": "PhraseUnits"}
    assert recipe_from("ernie1", phrases).annotations == ("phrases",)


def test_stages_need_stored_copies() -> None:
    with pytest.raises(ValueError, match="stages are shared out among stored copies"):
        dataclasses.replace(ERNIE1.corrupt[0], targets=FreshTokens())


def test_a_rate_is_a_probability() -> None:
    for kind in (BernoulliUnits, StagedUnits):
        with pytest.raises(ValueError, match=r"rate must be in \(0, 1\), got 1"):
            kind(rate=1)


def test_labels_of_pairs() -> None:
    assert dict(ERNIE1.pair.labels) == {"next": 1, "random": 0}
    with pytest.raises(ValueError, match="next_label must be 0 or 1, got 2"):
        recipe_from("ernie1", {"pair.next_label": 2})


def rows_of(recipe: Recipe, documents: int = 60) -> list[pa.RecordBatch]:
    return build_batches(settings_for(recipe), SHARD, lines_of_documents(documents))


def selections(batch: StoredBatch) -> Bool:
    chosen = np.zeros((batch.copies, len(batch.ids)), np.bool_)
    lists = np.arange(len(batch.selected)) % batch.copies
    chosen[np.repeat(lists, batch.selected.lengths), batch.flat] = True
    return chosen


def test_every_copy_selects_the_units_of_its_stage() -> None:
    recipe = dataclasses.replace(ERNIE1, copies=6, max_seq_length=128)
    vocabulary = settings_for(recipe).vocabulary
    for batch in rows_of(recipe):
        assert set(map(tuple, batch.column("mlm_stages").to_pylist())) == {(0, 0, 1, 1, 2, 2)}
        stored = StoredBatch.of(batch, recipe.rules, vocabulary)
        chosen = selections(stored)
        assert not chosen[:, stored.special].any()
        sizes = []
        for copy, kind in enumerate([None, None, "phrases", "phrases", "entities", "entities"]):
            whole = parts = 0
            for begin, end in itertools.pairwise(stored.offsets.tolist()):
                special = stored.special[begin:end].tolist()
                if kind is None:
                    units = list(range(end - begin))
                else:
                    marks = stored.annotations[kind][begin:end].tolist()
                    units = units_of(special, stored.word_flags[begin:end].tolist(), marks)
                taken = {u for u, c in zip(units, chosen[copy, begin:end], strict=True) if c}
                members = sum(unit in taken for unit in units)
                whole += len(taken)
                parts += members
                assert members == int(chosen[copy, begin:end].sum())
            sizes.append(parts / whole)
        # Characters alone, and spans of several.
        assert sizes[:2] == [1, 1]
        assert min(sizes[2:]) > 1.5


def judged(recipe: Recipe, found: Findings, name: str) -> list[Oracle]:
    return [oracle for oracle in judge(found.counts, recipe, VOCABULARY) if name in oracle.name]


VOCABULARY = settings_for(ERNIE1).vocabulary


def test_a_fixed_number_is_not_binomial() -> None:
    budgeted = dataclasses.replace(
        ERNIE1,
        corrupt=(Corruption(select=BudgetedUnits(budget=RoundedBudget(rate=0.15))),),
    )
    bernoulli = dataclasses.replace(ERNIE1, corrupt=(Corruption(select=BernoulliUnits()),))
    batches = rows_of(budgeted, 160)
    found = gather(examine(batch, bernoulli, VOCABULARY) for batch in batches)
    assert not found.breaches
    [dispersion] = judged(bernoulli, found, "varies as a binomial")
    assert dispersion.trials > 500
    assert not dispersion.holds
    assert dispersion.observed < 0.2 * dispersion.expected


def test_another_rate_is_found() -> None:
    thinner = dataclasses.replace(ERNIE1, corrupt=(Corruption(select=BernoulliUnits(rate=0.13)),))
    bernoulli = dataclasses.replace(ERNIE1, corrupt=(Corruption(select=BernoulliUnits()),))
    found = gather(examine(batch, bernoulli, VOCABULARY) for batch in rows_of(thinner))
    [single] = judged(bernoulli, found, "units of 1 tokens")
    assert not single.holds


def test_copies_and_neighbours_that_go_together_are_found() -> None:
    totals = {"unit.pairs_in_copies": 10_000, "unit.common_in_copies": 1_500}
    totals |= {"unit.pairs_of_neighbours": 10_000, "unit.common_neighbours": 1_500}
    failed = [each.name for each in bernoulli_oracles(totals, 0.15, "unit") if not each.holds]
    assert len(failed) == 2


def change(batch: pa.RecordBatch, name: str, values: list[object]) -> pa.RecordBatch:
    number = batch.schema.get_field_index(name)
    return batch.set_column(
        number, batch.schema.field(number), pa.array(values, batch.schema.field(number).type)
    )


def test_a_unit_in_part_and_a_wrong_stage_are_found() -> None:
    recipe = dataclasses.replace(ERNIE1, copies=3, max_seq_length=128)
    [batch] = rows_of(recipe, 20)
    positions = batch.column("mlm_positions").to_pylist()
    seen = batch.column("mlm_input_ids").to_pylist()
    spans = batch.column("entity_spans").to_pylist()
    number = next(
        n
        for n, row in enumerate(spans)
        if any(s["start"] in positions[n][2] and s["end"] - s["start"] > 1 for s in row)
    )
    first = next(
        s["start"]
        for s in spans[number]
        if s["start"] in positions[number][2] and s["end"] - s["start"] > 1
    )
    at = positions[number][2].index(first)
    del positions[number][2][at], seen[number][2][at]
    spoilt = change(change(batch, "mlm_positions", positions), "mlm_input_ids", seen)
    found = examine(spoilt, recipe, VOCABULARY)
    assert dict(found.breaches) == {"entity: a unit is selected in part": 1}
    assert found.first_rows["entity: a unit is selected in part"] == number
    stages = batch.column("mlm_stages").to_pylist()
    stages[4] = [0, 1, 1]
    found = examine(change(batch, "mlm_stages", stages), recipe, VOCABULARY)
    [(name, rows)] = found.breaches.items()
    assert (name, rows, found.first_rows[name]) == (
        "mlm_stages are not the stages that the recipe gives copies",
        1,
        4,
    )


@pytest.mark.parametrize("copies", [1, 3])
def test_new_masks_go_over_the_stages(copies: int, tmp_path: Path) -> None:
    recipe = dataclasses.replace(ERNIE1, copies=copies, max_seq_length=64)
    build_folder(tmp_path / "data", recipe, documents=30)
    batches = ArrowBatches(
        tmp_path / "data", batch_tokens=1024, copies="dynamic", rank=0, world_size=1
    )
    shards = batches._shards
    partly = []
    for _ in range(4):
        cut = 0
        for batch in batches:
            rows = batch["row_ids"].numpy()
            rows = rows[rows >= 0]
            starts, ends = shards.spans(rows, "entities")
            labels = batch["labels"].numpy() != -100
            targets = set(batch["target_positions"].numpy()[labels].tolist())
            for number, base in enumerate(batch["cu_seqlens"].tolist()[: len(rows)]):
                for begin, end in zip(starts.row(number), ends.row(number), strict=True):
                    hit = sum(base + at in targets for at in range(int(begin), int(end)))
                    cut += 0 < hit < end - begin
        partly.append(cut)
    # Stage "basic" takes tokens out of entities, "entity" none, and then it begins again.
    assert min(partly[0], partly[1], partly[3]) > 10 * partly[2] == 0


def test_batches_have_room_for_what_is_stored(tmp_path: Path) -> None:
    recipe = dataclasses.replace(ERNIE1, copies=3, max_seq_length=64)
    build_folder(tmp_path / "data", recipe, documents=60)
    batches = ArrowBatches(tmp_path / "data", batch_tokens=2048, rank=0, world_size=1)
    assert batches.target_share < 0.35
    for _ in range(3):
        for batch in batches:
            assert int((batch["labels"] != -100).sum()) < len(batch["labels"])


@pytest.mark.slow
def test_both_parts_are_learned(tmp_path: Path) -> None:
    recipe = dataclasses.replace(ERNIE1, copies=3, max_seq_length=64)
    build_folder(tmp_path / "data", recipe)
    model = tiny_config(tmp_path, vocab_size=512, hidden_size=64, intermediate_size=128)
    options = ("--steps", "150", "--batch-tokens", "2048", "--lr", "3e-3", "--eval-every", "1000")
    assert train(tmp_path / "data", model, tmp_path / "run", *options) == 0
    found = records(tmp_path / "run")
    for part in ("mlm", "nsp"):
        first, last = (
            np.mean([record[f"loss_{part}"] for record in some])
            for some in (found[:10], found[-10:])
        )
        assert last < first
