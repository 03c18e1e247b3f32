"""Masks of any objective, drawn from rows that store none, or those of another one."""

import dataclasses
import functools
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from pipelines.cli import main as shardmill
from schemas.errors import UsageError
from tests.support.sample_builds import MASKED, SAMPLE, corpus, tokenizer_file
from tests.support.synthetic_builds import build_folder
from trainer.loader.batches import ArrowBatches
from trainer.loader.open_corpus import open_local_corpus
from trainer.loader.other_objective import not_learned, read_settings, with_objective
from transforms.build.corpus import Corpus
from transforms.objectives import OBJECTIVES
from transforms.objectives.recipe import Recipe
from transforms.objectives.settings import recipe_from
from transforms.pairs.pair_segments import SingleSegment
from transforms.windows.lay_out import Layout
from transforms.windows.pack_windows import FullSentences

# Rows with few entities are none of ernie-thu's.
COMPARABLE = [name for name in MASKED if name != "ernie-thu"]
ANNOTATED = dataclasses.replace(OBJECTIVES["annotated"], max_seq_length=128)


@functools.cache
def _root() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="shardmill-tests-")


@functools.cache
def opened(name: str, recipe: Recipe = ANNOTATED) -> Corpus:
    """Returns a build of made-up text with made-up entities and phrases."""
    path = Path(_root().name) / name
    build_folder(path, recipe, shards=2, documents=30)
    return open_local_corpus(path)


def loader(data: Any, **options: Any) -> ArrowBatches:
    return ArrowBatches(data, batch_tokens=1024, seed=5, checksums=False, **options)


def drawn(batches: ArrowBatches, epochs: int = 2) -> list[Mapping[str, Tensor]]:
    return [batch for _ in range(epochs) for batch in batches]


def assert_same(some: list[Mapping[str, Tensor]], others: list[Mapping[str, Tensor]]) -> None:
    """Compares all tensors that the first batches have."""
    assert len(some) == len(others) > 2
    for one, other in zip(some, others, strict=True):
        assert [name for name in one if not torch.equal(one[name], other[name])] == []


@pytest.mark.parametrize(
    ("name", "layout"),
    [
        *((name, "packed") for name in COMPARABLE),
        ("spanbert", "padded"),
        *((name, "pairs") for name in ("bart", "mass")),
    ],
)
def test_masks_are_those_that_the_recipe_itself_draws_anew(name: str, layout: str) -> None:
    """The recipe is built from the same text, as full sentences, with masks of its own."""
    own = dataclasses.replace(
        OBJECTIVES[name],
        segment=FullSentences(),
        pair=SingleSegment(),
        layout=Layout(),
        max_seq_length=128,
    )
    expected = loader(opened(f"own-{name}", own), copies="dynamic", layout=layout)
    found = loader(opened("annotated"), objective=name, layout=layout)
    assert {task.name for task in found.tasks} >= {task.name for task in expected.tasks} - {
        labels.name for labels in own.labels
    }
    assert_same(drawn(found), drawn(expected))


def test_packing_and_length_are_those_of_the_rows() -> None:
    documents = dataclasses.replace(ANNOTATED, segment=FullSentences(cross_documents=False))
    documents = dataclasses.replace(documents, max_seq_length=64)
    spanbert = dataclasses.replace(OBJECTIVES["spanbert"], max_seq_length=64)
    expected = loader(opened("spanbert", spanbert), copies="dynamic")
    found = loader(opened("documents", documents), objective="spanbert")
    assert [task.name for task in found.tasks] == ["mlm", "sbo"]
    assert_same(drawn(found), drawn(expected))


def test_every_epoch_has_other_masks_and_an_evaluation_always_the_same() -> None:
    batches = loader(opened("annotated"), objective="bert-wwm", shuffle=False)
    begin = batches.state_dict()
    first, second = drawn(batches, 1), drawn(batches, 1)
    for one, other in zip(first, second, strict=True):
        assert torch.equal(one["row_ids"], other["row_ids"])
        assert not torch.equal(one["target_positions"], other["target_positions"])
    batches.load_state_dict(begin)
    assert_same(first, drawn(batches, 1))


def test_fields_of_the_objective_are_changed() -> None:
    settings = read_settings(["corrupt.0.rewrite.mask=1.0", "corrupt.0.rewrite.random=0.0"])
    changed = with_objective(opened("annotated"), "bert", settings)
    assert changed.objective == "bert, corrupt.0.rewrite.mask=1.0, corrupt.0.rewrite.random=0.0"
    mask = changed.vocabulary.mask
    for batch in drawn(loader(changed), 1):
        targets = batch["target_positions"][batch["labels"] != -100]
        assert (batch["input_ids"][0][targets] == mask).all()


def test_rows_of_other_recipes_serve_too() -> None:
    """Pairs stay pairs, and stored masks are left alone."""
    data = corpus("bert-wwm")
    plain, masked = loader(data, shuffle=False), loader(data, shuffle=False, objective="bert")
    assert masked.corpus.objective == "bert"
    assert not_learned(masked.corpus) == ""
    for one, other in zip(drawn(plain, 1), drawn(masked, 1), strict=True):
        assert (other["next_sentence_label"] >= 0).any()
        for name in ("row_ids", "token_type_ids", "next_sentence_label"):
            assert torch.equal(one[name], other[name])
        assert not torch.equal(one["target_positions"], other["target_positions"])


@pytest.mark.parametrize(
    ("recipe", "objective", "told"),
    [
        ("annotated", "roberta", ""),
        ("annotated", "spanbert", ""),
        ("annotated", "electra", ""),
        ("annotated", "bert", "nsp (next, random)"),
        ("annotated", "ernie2-capitals", "capitals"),
        ("albert", "bert", "nsp (next, random)"),
        ("bert-wwm", "albert", "sop (in_order, swapped, random)"),
    ],
)
def test_what_rows_do_not_tell_is_said(recipe: str, objective: str, told: str) -> None:
    said = not_learned(with_objective(open_local_corpus(corpus(recipe)), objective))
    beginning = f"only the masks of {objective} are learned: rows of {recipe} do not tell "
    assert said == (beginning + told if told else "")


@pytest.mark.parametrize(
    ("recipe", "objective", "settings", "told"),
    [
        (
            "annotated",
            "annotated",
            {},
            "--objective annotated masks nothing; known: albert, ",
        ),
        (
            "annotated",
            "t5",
            {},
            "--objective t5: its rows are one segment with other special tokens than those of",
        ),
        ("bart", "prefix-lm", {}, "the rows of {folder} are made for bart alone; build prefix-lm"),
        ("bart", "unilm", {}, "the rows of {folder} are made for bart alone; build unilm"),
        (
            "bart",
            "mass",
            {},
            "are made for bart alone; build annotated, whose rows are for any objective that masks",
        ),
        ("annotated", "bert-wmw", {}, "no recipe is called 'bert-wmw'; did you mean bert-wwm"),
        (
            "bert",
            "bert-wwm",
            {},
            "needs words (column word_starts), which the rows of {folder} do not have: build the "
            "recipe annotated, which stores all of them, or bert with --set store=words; these "
            "rows are enough for bert, ",
        ),
        (
            "bert-wwm",
            "ernie1",
            {},
            "needs entities (column entity_spans) and phrases (column phrase_spans), which",
        ),
        (
            "annotated",
            "bert",
            {"max_seq_length": "64"},
            "--set max_seq_length: the rows of {folder} are made; of an objective that is drawn "
            "from them only corrupt, denoise, copies and modes can be set",
        ),
        ("annotated", "bert", {"corrupt.0.budget": "x"}, "there is no setting 'corrupt.0.budget'"),
        ("annotated", "electra", {"copies": "3"}, "copies must be 1 for electra"),
        (
            "annotated",
            "unilm",
            {},
            "--objective unilm has modes of attention for rows of 2 segments, and the rows of "
            "{folder} have 1: build unilm or another recipe of pairs; these rows are enough for "
            "bert, ",
        ),
        ("ernie1-dlm", "unilm", {}, "the rows of {folder} are dialogues: build unilm or another"),
        ("bert", "unilm", {"modes.0.share": "-1"}, "modes.0.share: share must be at least 0"),
    ],
)
def test_what_is_refused(
    recipe: str, objective: str, settings: Mapping[str, str], told: str
) -> None:
    build = open_local_corpus(corpus(recipe))
    with pytest.raises(UsageError) as refused:
        with_objective(build, objective, settings)
    assert told.format(folder=build.folder) in str(refused.value)


def test_rows_of_pairs_may_be_seen_in_modes() -> None:
    rows = dataclasses.replace(OBJECTIVES["bert"], max_seq_length=128, copies=2)
    modes = dataclasses.replace(OBJECTIVES["unilm"], max_seq_length=128, copies=2)
    other = loader(opened("pairs", rows), objective="unilm")
    batches = drawn(other)
    assert other.tasks_vary
    # All six types of tokens, and one task less in all modes but one.
    types = {int(kind) for batch in batches for kind in batch["token_type_ids"].unique()}
    assert types == {*range(6)}
    assert {"has_nsp" in batch for batch in batches} == {True, False}
    own = opened("in-modes", modes)
    assert_same(drawn(loader(own, objective="unilm")), drawn(loader(own, copies="dynamic")))
    without = with_objective(own, "bert", {"copies": "1"})
    assert without.recipe.modes == ()
    assert without.recipe.attention == "bidirectional"


def test_rows_without_masks_want_an_objective() -> None:
    with pytest.raises(UsageError) as refused:
        loader(opened("annotated"))
    assert str(refused.value) == (
        "rows of annotated have no masks; name an objective with --objective, and its masks are "
        "sampled"
    )


def test_an_objective_needs_its_special_tokens() -> None:
    build = opened("annotated")
    roles = {role: number for role, number in build.vocabulary.roles.items() if role != "mask"}
    bare = dataclasses.replace(build.vocabulary, roles=roles)
    with pytest.raises(UsageError, match=r"has no \[MASK\] .* --mask-token"):
        with_objective(dataclasses.replace(build, vocabulary=bare), "bert")


def test_a_place_in_the_data_is_one_of_its_objective() -> None:
    state = loader(opened("annotated"), objective="bert").state_dict()
    with pytest.raises(UsageError, match="another recipe: 'bert' there, 'spanbert' here"):
        loader(opened("annotated"), objective="spanbert").load_state_dict(state)


def test_any_recipe_can_store_more(tmp_path: Path) -> None:
    store = "words,sentences"
    recipe = recipe_from("roberta", {"store": store, "max_seq_length": 128, "copies": 1})
    names = [column.name for column in recipe.columns("uint16")]
    assert names == [
        *("input_ids", "second_segment_start", "word_starts", "sentence_starts"),
        *("mlm_positions", "mlm_input_ids"),
    ]
    batches = loader(opened("roberta-and-more", recipe), objective="roberta-wwm-ext")
    assert len(drawn(batches, 1)) > 1
    with pytest.raises(ValueError, match="store takes some of words, entities, phrases"):
        recipe_from("roberta", {"store": "words,verbs"})


def test_random_tokens_follow_the_counts_of_the_build(tmp_path: Path) -> None:
    data, counts = tmp_path / "data", tmp_path / "counts.tsv"
    counts.write_text("the\t1\nand\t1\n", "utf-8")
    options = ["--tokenizer", str(tokenizer_file("wordpiece")), "--counts", str(counts)]
    arguments = ["annotated", "--input", f"{SAMPLE}/*.txt", *options, "--output", str(data)]
    assert shardmill(["build", *arguments, "--shards", "1", "--eval-fraction", "0"]) == 0
    batches = loader(data, objective="spanbert")
    tokens = batches.corpus.vocabulary
    seen = set()
    for batch in drawn(batches):
        wanted = batch["labels"] != -100
        shown = batch["input_ids"][0][batch["target_positions"][wanted]]
        seen |= {*shown[shown != batch["labels"][wanted]].tolist()} - {tokens.mask}
    assert len(seen) == 2
