"""Every recipe keeps its invariants and oracles, for several seeds and settings."""

import dataclasses

import pytest

from schemas.manifest import add_up
from schemas.records import ShardId
from tests.support.recipes import varied
from tests.support.synthetic_builds import build_batches, lines_of_documents, settings_for
from transforms.build.examine import examine, judge
from transforms.contract.corrupting import Units
from transforms.contract.oracle import gather
from transforms.corruption.budgets import RandomizedBudget
from transforms.corruption.geometric import GeometricSpans
from transforms.corruption.ngrams import BudgetedNgrams
from transforms.corruption.select import BudgetedUnits
from transforms.corruption.span_units import EntityUnits, PhraseUnits
from transforms.corruption.units import TokenUnits, WordUnits
from transforms.objectives import OBJECTIVES
from transforms.objectives.corruption import Corruption
from transforms.objectives.recipe import Recipe
from transforms.objectives.settings import recipe_from
from transforms.windows.pack_windows import FullSentences, WholeDocuments


def check(recipe: Recipe, seed: int, documents: int = 250) -> None:
    settings = settings_for(recipe, seed)
    lines = lines_of_documents(documents)
    batches = build_batches(settings, ShardId("train", 0, 1), lines)
    found = gather(examine(batch, recipe, settings.vocabulary) for batch in batches)
    assert not found.breaches
    assert found.counts["length.rows"] == sum(batch.num_rows for batch in batches) > 0
    totals = add_up([found.counts, batches.counts])
    oracles = judge(totals, recipe, settings.vocabulary)
    assert len(oracles) >= (6 if recipe.stored else len(recipe.corrupt))
    assert not [oracle for oracle in oracles if not oracle.holds]


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_objectives(name: str, seed: int) -> None:
    check(OBJECTIVES[name], seed)


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_short_sequences(name: str) -> None:
    check(varied(OBJECTIVES[name], max_seq_length=32, copies=3), 1)


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_a_single_copy_and_several_passes(name: str) -> None:
    check(varied(OBJECTIVES[name], copies=1, passes=3, max_seq_length=128), 1)


def test_parity_settings() -> None:
    bert = OBJECTIVES["bert-wwm"]
    layout = dataclasses.replace(bert.layout, join_split_word=True)
    check(dataclasses.replace(bert, layout=layout, max_seq_length=24), 1)


@pytest.mark.parametrize(
    "settings",
    [
        dict(OBJECTIVES["xlnet"].parity),
        {"segment.bi_data": False, "corrupt.0.rewrite.perm_size": 8},
    ],
)
def test_other_orders(settings: dict[str, bool | int]) -> None:
    check(recipe_from("xlnet", {**settings, "max_seq_length": 64, "copies": 3}), 1)


@pytest.mark.parametrize("unit", ["windows_per_token", "disjoint_trigrams"])
@pytest.mark.parametrize("rate", [0.02, 0.05, 0.2])
@pytest.mark.parametrize("length", [24, 512])
def test_windows_of_other_numbers(unit: str, rate: float, length: int) -> None:
    settings = {
        "corrupt.1.select.unit": unit,
        "corrupt.1.select.rate": rate,
        "corrupt.1.rewrite.identity": length == 512,
        "max_seq_length": length,
        "copies": 4,
    }
    check(recipe_from("structbert", settings), 1)


@pytest.mark.parametrize("units", [TokenUnits(), TokenUnits(special=True), WordUnits()])
@pytest.mark.parametrize(
    "segment",
    [
        FullSentences(cross_documents=False),
        FullSentences(end_lines=True),
        FullSentences(end_documents=False),
        WholeDocuments(),
        WholeDocuments(keep="tail"),
    ],
)
def test_other_compositions(
    segment: FullSentences | WholeDocuments, units: TokenUnits | WordUnits
) -> None:
    select = BudgetedUnits(units=units, budget=RandomizedBudget())
    recipe = dataclasses.replace(
        OBJECTIVES["roberta-wwm-ext"],
        segment=segment,
        corrupt=(Corruption(select=select),),
        max_seq_length=64,
    )
    check(recipe, 1)


@pytest.mark.parametrize(
    "units", [TokenUnits(), TokenUnits(special=True), WordUnits(), PhraseUnits(), EntityUnits()]
)
@pytest.mark.parametrize("select", [BudgetedUnits, BudgetedNgrams, GeometricSpans])
def test_budgets_of_all_units(
    select: type[BudgetedUnits | BudgetedNgrams | GeometricSpans], units: Units
) -> None:
    """What is selected whole are units: a phrase or a token may begin or end inside a word."""
    corruption = Corruption(select=select(units=units))
    check(dataclasses.replace(OBJECTIVES["roberta-wwm-ext"], corrupt=(corruption,)), 1)
