import dataclasses
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from pipelines.folder.corpus import open_corpus
from pipelines.folder.output import read_manifest
from pipelines.report.cells import cells_of, hidden_tokens
from pipelines.report.chart_titles import Axes
from pipelines.report.charts import charts_of
from pipelines.report.page import changed_settings, render_card, render_report
from pipelines.report.permuted import bits_of, hiding_selectors, rank_classes, visible
from pipelines.report.proof import proof_of
from pipelines.report.rows import example_rows
from pipelines.report.write_page import build_page
from schemas.checked_json import DamagedError
from schemas.manifest import Manifest
from tests.support.sample_builds import RECIPES, corpus
from transforms.build.standard_columns import standard_schema
from transforms.contract.oracle import rate, uniformity
from transforms.objectives import OBJECTIVES
from transforms.objectives.settings import recipe_from

yaml = pytest.importorskip("yaml")
VOID = {"meta", "br"}


class Page(HTMLParser):
    """Holds a page to be well nested and to stand alone."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []
        self.marks: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in {"script", "link", "img", "iframe"}
        values = dict(attrs)
        assert "src" not in values
        assert (values.get("href") or "#").startswith("#")
        assert not any(name.startswith("on") for name, _ in attrs)
        if tag == "mark":
            self.marks.append(dict(attrs)["class"] or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def parse(page: str) -> Page:
    parsed = Page()
    parsed.feed(page)
    parsed.close()
    assert not parsed.open
    return parsed


def report_of(recipe: str) -> str:
    built = open_corpus(str(corpus(recipe)))
    return render_report(manifest_of(recipe), [row.to_json() for row in example_rows(built)])


def manifest_of(recipe: str) -> Manifest:
    found = read_manifest(str(corpus(recipe)))
    assert isinstance(found, Manifest)
    return found


def test_a_damaged_manifest_is_told_with_its_folder(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("")
    with pytest.raises(
        DamagedError, match=f"^{re.escape(str(tmp_path))}: manifest.json is damaged"
    ):
        build_page(str(tmp_path))


def copies_of(manifest: Manifest) -> int:
    return recipe_from(manifest.recipe.name, manifest.recipe.settings).copies


def example(**changes: Any) -> dict[str, Any]:
    row = {
        "shard": "train/shard-00000-of-00001.arrow",
        "row": 7,
        "ids": [2, 5, 6, 7, 3],
        "tokens": ["[CLS]", "a", "b", "c", "[SEP]"],
        "pieces": ["[CLS]", "a", " b", "c", "[SEP]"],
        "special": [0, 4],
        "segments": [[0, 5]],
        "relation": None,
        "words": [[1, 2], [2, 3], [3, 4]],
        "selected": [],
        "documents": None,
        "predicted": None,
        "source": None,
        "stream": None,
        "continues": None,
        "backward": False,
        "reuse_len": 0,
        "order": None,
        "edited": None,
    }
    return {**row, **changes}


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_report_stands_alone_and_shows_the_build(recipe: str) -> None:
    page = report_of(recipe)
    assert "http" not in page
    assert "url(" not in page
    text = "".join(parse(page).text)
    manifest = manifest_of(recipe)
    assert f"{manifest.splits['train'].rows:,}" in text
    assert f"{manifest.splits['eval'].tokens:,}" in text
    assert str(manifest.seed) in text
    assert recipe in text


def test_a_report_marks_every_selected_token() -> None:
    rows = [row.to_json() for row in example_rows(open_corpus(str(corpus("bert-wwm"))))]
    assert len(rows) == 12
    # Three marks explain the others.
    marks = parse(render_report(manifest_of("bert-wwm"), rows)).marks[3:]
    assert marks == [each["kind"] for row in rows for each in row["selected"]]


def test_a_report_explains_shuffled_windows_where_there_are_some() -> None:
    page = parse(report_of("structbert"))
    rows = [row.to_json() for row in example_rows(open_corpus(str(corpus("structbert"))))]
    assert page.marks[3] == "shuffled"
    shown = sum(
        each["kind"] == "shuffled" and each["position"] < 600
        for row in rows
        for each in row["selected"]
    )
    assert page.marks.count("shuffled") == 1 + shown > 1
    assert "within a shuffled trigram" in "".join(page.text)
    assert "shuffled trigram" not in "".join(parse(report_of("bert")).text)


def test_a_report_is_the_same_again() -> None:
    assert report_of("bert") == report_of("bert")


def test_text_cannot_break_the_page() -> None:
    selected = {"position": 3, "copy": 0, "kind": "random", "original": "c"}
    selected |= {"seen": "<b>", "seen_text": '"<b>'}
    row = example(pieces=["[CLS]", "<script>x", " &b", "c", "[SEP]"], selected=[selected])
    text = "".join(parse(render_report(manifest_of("bert"), [row])).text)
    assert "<script>x" in text
    assert " &b" in text
    assert '"<b>' in text


def test_long_rows_are_cut() -> None:
    many = example(ids=[5] * 700, pieces=[" a"] * 700, special=[], words=None, segments=[[0, 700]])
    text = "".join(parse(render_report(manifest_of("bert"), [many])).text)
    assert "100 more tokens" in text


def test_a_report_of_unknown_statistics_shows_them_in_a_table() -> None:
    manifest = manifest_of("bert")
    statistics = {"train": {**manifest.statistics["train"], "moon.full": 987_654}}
    manifest = dataclasses.replace(manifest, statistics=statistics)
    assert "987,654" in "".join(parse(render_report(manifest, [])).text)


def test_cells_are_tokens_with_words_apart() -> None:
    kinds = [(cell["kind"], cell["text"]) for cell in cells_of(example())]
    assert kinds == [
        ("segment", "A"),
        ("special", "[CLS]"),
        ("text", "a b"),
        ("word", ""),
        ("text", "c"),
        ("special", "[SEP]"),
    ]


def test_charts_take_every_statistic_once() -> None:
    statistics = {
        "mask.selected": 10,
        "mask.masked": 8,
        "mask.random": 1,
        "mask.kept": 1,
        "mask.random_ids_01": 1,
        "mask.random_ids_02": 3,
        "pair.next": 3,
        "pair.random": 1,
        "length.eighth_1": 0,
        "length.eighth_2": 4,
        "length.rows": 4,
        "alone_1": 5,
        "other": 6,
    }
    found = charts_of(statistics, 9)
    shares = {
        chart.title: [(b.label, b.count, b.share) for b in chart.bars] for chart in found.shares
    }
    assert shares == {
        "What the model sees at selected tokens": [
            ("masked", 8, 0.8),
            ("random", 1, 0.1),
            ("kept", 1, 0.1),
        ],
        "How segment B relates to A": [("next", 3, 0.75), ("random", 1, 0.25)],
    }
    bars = {
        chart.title: [(b.label, b.count, b.height) for b in chart.bars]
        for chart in found.histograms
    }
    assert bars == {
        "Random replacement tokens": [
            ("1", 1, 1 / 3),
            ("2", 3, 1.0),
        ],
        "Row length": [("0–4", 0, 0.0), ("5–9", 4, 1.0)],
    }
    assert found.rest == [("alone_1", 5), ("length.rows", 4), ("mask.selected", 10), ("other", 6)]


def test_a_share_that_is_small_is_not_shown_as_none() -> None:
    statistics = {"mask.random_ids_1": 997, "mask.random_ids_2": 3, "mask.random_ids_3": 0}
    (chart,) = charts_of(statistics, 128).histograms
    assert [bar.percent for bar in chart.bars] == ["100", "<1", ""]


def test_a_page_counts_one_copy_and_one_edit() -> None:
    rows = [row.to_json() for row in example_rows(open_corpus(str(corpus("mass"))))]
    manifest = manifest_of("mass")
    settings = {**manifest.recipe.settings, "copies": 1}
    once = dataclasses.replace(manifest.recipe, settings=settings)
    text = "".join(parse(render_report(dataclasses.replace(manifest, recipe=once), rows)).text)
    assert "each with its copy." in text
    assert "1 edit:" in text
    assert "1 edits" not in text


@pytest.mark.parametrize("longest", [128, 100, 13])
def test_lengths_are_labelled_with_their_classes(longest: int) -> None:
    counts = {f"length.eighth_{number}": 1 for number in range(1, 9)}
    labels = [bar.label for bar in charts_of(counts, longest).histograms[0].bars]
    for length in range(longest + 1):
        low, high = labels[min(length * 8 // longest, 7)].split("–")
        assert int(low) <= length <= int(high)


def test_changed_settings_are_told() -> None:
    assert changed_settings(recipe_from("bert", {})) == {}
    assert changed_settings(recipe_from("bert", {"copies": 3})) == {"copies": 3}


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_card_says_what_is_known(recipe: str) -> None:
    manifest = manifest_of(recipe)
    card = render_card(manifest)
    assert card.startswith("---\n")
    front = yaml.safe_load(card.split("---\n")[1])
    assert front["configs"][0]["data_files"] == [
        {"split": "train", "path": "train/*.arrow"},
        {"split": "eval", "path": "eval/*.arrow"},
    ]
    assert not {"language", "license"} & set(front)
    assert recipe in front["tags"]
    assert front["size_categories"] in (["n<1K"], ["1K<n<10K"])
    assert f"{manifest.splits['train'].rows:,}" in card
    assert json.dumps(manifest.seed) in card


@pytest.mark.parametrize(
    ("rows", "size"), [(999, "n<1K"), (1000, "1K<n<10K"), (10**9, "n>1B"), (10**8, "100M<n<1B")]
)
def test_the_card_tells_the_size(rows: int, size: str) -> None:
    manifest = manifest_of("bert")
    train = dataclasses.replace(manifest.splits["train"], rows=rows)
    manifest = dataclasses.replace(manifest, splits={"train": train})
    assert yaml.safe_load(render_card(manifest).split("---\n")[1])["size_categories"] == [size]


def test_a_page_of_next_tokens_shows_documents_and_what_is_no_target() -> None:
    row = example(documents=[2], predicted=[1, 3, 4], stream=0, continues=True, words=None)
    cells = [(cell["kind"], cell["text"]) for cell in cells_of(row)]
    assert cells == [
        ("segment", "goes on"),
        ("input", "[CLS]"),
        ("text", "a"),
        ("segment", "document"),
        ("text", " "),
        ("input", "b"),
        ("text", "c"),
        ("special", "[SEP]"),
    ]
    page = report_of("transformer-xl")
    text = " ".join("".join(parse(page).text).split())
    assert "rows of 151 tokens, the last of which is the first of the next row" in text
    assert "stream 0, begins here · 150 predicted" in text or "goes on where the row" in text
    assert "tokens lost at the ends" in text
    assert "replaced by the mask token" not in text
    assert "Row length" not in text


def test_a_page_of_orders_shows_targets_and_hides_what_they_do_not_see() -> None:
    built = open_corpus(str(corpus("xlnet")))
    rows = [row.to_json() for row in example_rows(built, 2)]
    page = render_report(manifest_of("xlnet"), rows)
    text = " ".join("".join(parse(page).text).split())
    targets = sum(place["target"] for row in rows for place in row["order"])
    # One more explains the others.
    assert parse(page).marks[0] == "target"
    assert len(parse(page).marks) == 1 + targets > 100
    assert "first target before the last" in text
    assert "reversed" in text
    assert "selected" not in text.partition("more counts")[0]
    for row in rows:
        check_hiding(row, bits_of(rows))


def check_hiding(row: dict[str, Any], bits: int) -> None:
    """Follows the style rules of every target of a row, and compares what stays in sight."""
    cells = cells_of(row, len(row["ids"]), bits)
    rules = []
    for selector in hiding_selectors(cells):
        found = re.fullmatch(r"\.row:has\(mark\.(\w+):is\(:hover, :focus\)\) \.(\w+)", selector)
        assert found
        rules.append(found.groups())
    classes = {}
    for place in row["order"]:
        classes[place["position"]] = set(rank_classes(place["half"], place["rank"], bits))
    for place in row["order"]:
        if not place["target"]:
            continue
        own = classes[place["position"]]
        hiding = {hidden for pointed, hidden in rules if pointed in own}
        for other, seen in enumerate(visible(row, place["position"])):
            behind = {"h1"} if other >= row["reuse_len"] else set()
            assert seen == (other != place["position"] and not hiding & classes.get(other, behind))


def test_what_is_visible_is_known_by_hand() -> None:
    """Halves of three tokens: ranks 1 - 0 and - 1 0."""
    places = [(0, 0, 1), (2, 0, 0), (4, 1, 1), (5, 1, 0)]
    order = [
        {"position": at, "copy": 0, "half": half, "rank": rank, "target": True}
        for at, half, rank in places
    ]
    row = {"ids": [5] * 6, "reuse_len": 3, "order": order}
    assert visible(row, 0) == [False, True, True, False, False, False]
    assert visible(row, 2) == [False, True, False, False, False, False]
    assert visible(row, 4) == [True, True, True, True, False, True]
    assert visible(row, 5) == [True, True, True, True, False, False]


@pytest.mark.parametrize("recipe", [name for name in RECIPES if OBJECTIVES[name].denoise])
def test_page_and_card_say_what_pairs_are(recipe: str) -> None:
    """Nothing is said of masks, or of streams, whose counts such rows do not have."""
    text, card = "".join(parse(report_of(recipe)).text), render_card(manifest_of(recipe))
    assert "tokens per source" in text
    assert "tokens per target" in text
    assert "A row is shown as its source" in text
    rows = example_rows(open_corpus(str(corpus(recipe))))
    cells = [cell for row in rows for each in row.edited or () for cell in each.cells]
    assert ("a random token" in text) == any(cell.kind == "random" for cell in cells)
    for other in ("predictions per row", "their tokens", "end-of-document"):
        assert other not in text
    copies = copies_of(manifest_of(recipe))
    assert f"{copies} independent sources and targets of each row" in card
    for other in ("independent masks", "masks are sampled", "replacements of one copy"):
        assert other not in card
    assert "the edits of one copy" in card


def test_a_report_has_the_mean_lengths_of_pairs() -> None:
    manifest = manifest_of("t5")
    pairs = sum(split.rows for split in manifest.splits.values()) * copies_of(manifest)
    statistics = {
        "train": {"denoise.source_tokens": 500 * pairs, "denoise.target_tokens": 100 * pairs},
        "eval": {"denoise.source_tokens": 7 * pairs, "denoise.target_tokens": 13 * pairs},
    }
    manifest = dataclasses.replace(manifest, statistics=statistics)
    text = "".join(parse(render_report(manifest, [])).text)
    assert "507.0tokens per source" in text
    assert "113.0tokens per target" in text


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_card_names_the_columns_of_an_export(recipe: str) -> None:
    if not OBJECTIVES[recipe].evaluated:
        assert "writes `input_ids`, the\nwords of each line" in render_card(manifest_of(recipe))
        return
    *others, last = (f"`{name}`" for name in standard_schema(OBJECTIVES[recipe]).names)
    assert f"writes {', '.join(others)} and {last} for\n" in render_card(manifest_of(recipe))


def test_the_card_says_what_the_labels_of_both_directions_are() -> None:
    card = render_card(manifest_of("elmo"))
    assert "| rows | 21 tokens each: 20 inputs" in card
    assert "rows of a stream follow one another, with the state of a model" in card
    assert "`</s>` (id 0) for `<s>` (id 1) where `reversed` is false" in card
    assert "`labels`, `stream` and `reversed` for\nthe Hugging Face Trainer" in card
    assert "Megatron" not in card


def test_the_card_says_what_rows_of_streams_are() -> None:
    gpt, xlnet = render_card(manifest_of("gpt")), render_card(manifest_of("xlnet"))
    assert yaml.safe_load(gpt.split("---\n")[1])["task_categories"] == ["text-generation"]
    assert "| rows | 1025 tokens each: 1024 inputs" in gpt
    assert "writes the documents for Megatron-LM" in gpt
    assert "task_categories" not in xlnet
    assert "independent orders of prediction" in xlnet
    assert "`perm_ranks`" in xlnet
    for card in (gpt, xlnet):
        assert "replacements of one copy" not in card
        assert "masks are sampled" not in card


def test_the_pages_of_words_count_words() -> None:
    elmo = "".join(parse(report_of("elmo")).text)
    assert "Sentences as streams" in elmo
    assert "their sentences" in elmo
    assert "unknown words" in elmo
    assert "documents per row" not in elmo
    assert "markers that they begin with" in elmo
    cbow = "".join(parse(report_of("cbow")).text)
    assert "other words, left out" in cbow
    assert "ids of a list of words" in cbow


def test_shards_of_pairs_are_part_of_the_size() -> None:
    manifest = manifest_of("glove")
    assert manifest.cooccurrences is not None
    assert f"in {len(manifest.shard_entries) + len(manifest.cooccurrences.shards)} shards" in (
        "".join(parse(report_of("glove")).text)
    )


def edited_row(cells: list[tuple[str, str]]) -> dict[str, Any]:
    own = [{"kind": kind, "text": text, "below": ""} for kind, text in cells]
    copy = {"copy": 0, "source": [5], "target": [6], "edits": 1, "rotation": 0, "cells": own}
    return example(edited=[copy])


def test_numbers_of_sentences_are_no_tokens_of_an_edited_row() -> None:
    row = edited_row([("sentence", "2"), ("text", "a"), ("sentence", "1"), ("text", " b")] * 2)
    assert [cell["text"] for cell in cells_of(row, 3)] == ["2", "a", "1", " b", "2", "a", "1"]
    assert hidden_tokens(row, 3) == 1
    assert hidden_tokens(row, 4) == 0
    assert [cell["text"] for cell in cells_of(row, 4)][-1] == " b"


def test_hidden_tokens_of_other_rows_are_those_behind_the_last_one_shown() -> None:
    assert hidden_tokens(example(), 3) == 2
    assert hidden_tokens(example(), 9) == 0


def test_what_stands_between_backticks_in_a_meaning_is_code() -> None:
    page = report_of("bert")
    assert "the label is <code>input_ids</code>" in page
    assert "`input_ids`" not in page


def test_lines_between_words_are_explained_where_there_are_some() -> None:
    with_lines, spaced = example(), example(pieces=["[CLS]", "a", " b", " c", "[SEP]"])
    texts = [
        "".join(parse(render_report(manifest_of("bert"), [row])).text)
        for row in (with_lines, spaced)
    ]
    assert ["whole words that no space separates" in text for text in texts] == [True, False]


def test_charts_have_titles_of_their_axes() -> None:
    statistics = {"length.eighth_1": 1, "length.eighth_2": 4, "new.of_1": 1, "new.of_2": 1}
    axes = [chart.axes for chart in charts_of(statistics, 128).histograms]
    assert axes == [
        Axes("Row length", "tokens of a row", "the rows"),
        Axes("new: of", "number", "all"),
    ]
    page = report_of("bert")
    assert '<span class="axis">% of the rows</span>' in page
    assert '<span class="axis across">tokens of a row</span>' in page


def test_figures_have_what_is_expected_of_them_beside() -> None:
    masked = rate("become masks", 8, 10, 0.8).explained("w", "mask.masked")
    even = uniformity("evenly", [3, 1], [1, 1]).explained("w", "mask.random_ids")
    counts = {"mask.masked": 8, "mask.random": 1, "mask.kept": 1}
    ids = {"mask.random_ids_1": 3, "mask.random_ids_2": 1}
    found = charts_of({**counts, **ids}, 128, [masked, even])
    assert [bar.proof for bar in found.shares[0].bars] == [proof_of(masked), None, None]
    assert found.histograms[0].proof == proof_of(even)
