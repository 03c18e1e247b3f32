"""What a page says of chance: the oracles of `verify`, without reading a shard."""

import dataclasses
from collections.abc import Mapping

import pytest

from pipelines.folder.corpus import open_corpus
from pipelines.report.examples import page_rows, shown_examples
from pipelines.report.page import render_report
from pipelines.report.proof import Proof, judged, proof_of, selected_range, split_proofs
from pipelines.verify_build import verify
from schemas.manifest import Manifest
from tests.support.page_structure import Structure
from tests.support.sample_builds import RECIPES, corpus
from transforms.build.corpus import Corpus
from transforms.contract.oracle import Oracle, at_most, exactly, rate, uniformity


def built(recipe: str) -> tuple[Corpus, Manifest]:
    found = open_corpus(str(corpus(recipe)))
    assert isinstance(found.manifest, Manifest)
    return found, found.manifest


@pytest.mark.parametrize("recipe", ["bert-wwm", "t5", "xlnet", "glove"])
def test_the_manifest_is_judged_as_verify_judges_the_shards(recipe: str) -> None:
    own, manifest = built(recipe)
    verdict = verify(str(corpus(recipe)), manifest, replay=False)
    assert judged(manifest, own.recipe, own.vocabulary) == verdict.oracles


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_part_explains_what_it_expects(recipe: str) -> None:
    """A count that no chance changes is explained by its name."""
    own, manifest = built(recipe)
    for oracles in judged(manifest, own.recipe, own.vocabulary).values():
        assert [each.name for each in oracles if not each.why and each.tolerance > 0] == []


@pytest.mark.parametrize(
    ("oracle", "proof"),
    [
        (
            rate("a", 8100, 10000, 0.8).explained("because"),
            Proof("a", "because", "81.00 %", "80.00 %", "± 2.69 %", "80.00 ± 2.69 %", 10000, True),
        ),
        (
            at_most("b", 50, 1000, 0.01),
            Proof("b", "", "5.00 %", "1.00 %", "+ 2.89 %", "at most 3.89 %", 1000, False),
        ),
        (
            exactly("c", 1234, 1235),
            Proof("c", "", "1,234", "1,235", "none", "exactly 1,235", 1, False),
        ),
        (
            uniformity("d", [60, 40], [1, 1]),
            Proof("d", "", "4.0", "1.0", "+ 45.9", "at most 46.9", 100, True),
        ),
        (
            Oracle("e", 10.0, 9.5, 12, 1.5, "below"),
            Proof("e", "", "10", "9.5", "− 1.5", "at least 8", 12, True),
        ),
    ],
)
def test_an_oracle_as_people_read_it(oracle: Oracle, proof: Proof) -> None:
    assert proof_of(oracle) == proof


def test_oracles_without_draws_are_counted_apart() -> None:
    found = split_proofs({"train": [rate("a", 1, 2, 0.5), rate("b", 0, 0, 0.5)], "eval": []})
    assert [*found] == ["train"]
    assert [each.name for each in found["train"].proofs] == ["a"]
    assert (found["train"].without_draws, found["train"].held) == (1, 1)


def test_the_share_of_selected_tokens_is_a_range_over_all_splits() -> None:
    own = Oracle("n", 150, 148.0, 150, 2.0).explained("why", "select.tokens")
    assert selected_range({"train": [own], "eval": [own]}, 2000) == ("14.60–15.00 %", "why")
    exact = dataclasses.replace(own, tolerance=0.0)
    assert selected_range({"train": [exact]}, 1000) == ("14.80 %", "why")
    assert selected_range({"train": [rate("a", 1, 2, 0.5)]}, 1000) is None


def with_counts(manifest: Manifest, **changes: int) -> Manifest:
    """Returns a manifest whose training shards were counted otherwise."""
    own: Mapping[str, int] = {name.replace("_", ".", 1): count for name, count in changes.items()}
    train = manifest.splits["train"]
    shards = tuple(
        dataclasses.replace(each, statistics={**each.statistics, **own}) for each in train.shards
    )
    splits = {**manifest.splits, "train": dataclasses.replace(train, shards=shards)}
    return dataclasses.replace(manifest, splits=splits)


def test_a_page_says_what_is_not_as_expected() -> None:
    own, manifest = built("bert")
    right = render_report(manifest, [], vocabulary=own.vocabulary)
    assert "does not hold" not in right
    assert "not as expected" not in right
    assert "of the length of each row, rounded to a whole number of at least 1" in right
    wrong = with_counts(manifest, mask_masked=1, mask_random=30_000)
    page = render_report(wrong, [], vocabulary=own.vocabulary)
    assert page.count("✗ does not hold") == 2
    assert "✗ not as expected" in page
    assert Structure(page).faults == []


def test_a_page_without_a_vocabulary_proves_nothing() -> None:
    _, manifest = built("bert")
    page = render_report(manifest, [])
    assert 'id="proof"' not in page
    assert "as expected" not in page


def test_two_copies_of_the_first_rows_stand_side_by_side() -> None:
    own, manifest = built("bert-wwm")
    rows = page_rows(own)
    examples = shown_examples(rows)
    assert [len(copies) for copies in examples] == [2, 2] + [1] * 10
    first, second = examples[0]
    assert (first["row"], first["ids"]) == (second["row"], second["ids"])
    assert first["selected"] != second["selected"]
    assert {each["copy"] for each in second["selected"]} == {1}
    places = [{each["position"] for each in copy["selected"]} for copy in (first, second)]
    assert (first["common"], second["common"]) == (None, len(places[0] & places[1]))
    page = render_report(manifest, rows)
    assert page.count("copy 2 of 3</h3>") == 2
    assert page.count('role="group"') == 2


@pytest.mark.parametrize("recipe", ["gpt", "glove"])
def test_rows_without_copies_stand_alone(recipe: str) -> None:
    own, _ = built(recipe)
    assert {len(copies) for copies in shown_examples(page_rows(own))} == {1}
