"""What summary and page say of labelled builds."""

import contextlib
import io
from collections.abc import Sequence
from pathlib import Path

import pytest

from pipelines.build import main as build
from pipelines.folder.output import read_manifest
from pipelines.report.charts import Charts, charts_of
from pipelines.report.page import _charted
from pipelines.report.record_facts import unknown_line
from pipelines.verify import main as verify
from schemas.manifest import Manifest
from tests.support.labelled_builds import FIELDS, Record, write_jsonl
from tests.support.sample_builds import tokenizer_file
from transforms.objectives.settings import recipe_from


def built(folder: Path, task: str, records: Sequence[Record], *options: str) -> tuple[str, str]:
    """Returns the summary of a build, and its page."""
    file, out = write_jsonl(folder / "records.jsonl", records), io.StringIO()
    given = [task, "--input", str(file), "--tokenizer", str(tokenizer_file("wordpiece"))]
    given += ["--fields", FIELDS[task], "--output", str(folder / "out"), "--shards", "1"]
    with contextlib.redirect_stdout(out):
        assert build([*given, *options]) == 0
        assert verify([str(folder / "out")]) == 0
    return out.getvalue(), (folder / "out" / "report.html").read_text("utf-8")


def charts(folder: Path) -> Charts:
    """Returns the charts of training of a build."""
    manifest = read_manifest(str(folder / "out"))
    assert isinstance(manifest, Manifest)
    recipe = recipe_from(manifest.recipe.name, manifest.recipe.settings)
    counts = _charted(manifest.statistics["train"], manifest.splits["train"], recipe)
    return charts_of(counts, recipe.max_seq_length)


def test_records_without_an_answer_are_apart_from_windows_without_it(tmp_path: Path) -> None:
    context = "he went " * 20 + "home"
    answer = {"text": ["home"], "answer_start": [context.index("home")]}
    records = [
        {"question": "where?", "context": context, "answers": answer},
        {"question": "why?", "context": context, "answers": []},
        {"question": "when?", "context": "he went home", "answers": []},
    ]
    options = ("--eval-fraction", "0", "--max-seq-length", "32", "--set", "segment.stride=20")
    summary, page = built(tmp_path, "span", records, *options)
    assert "2 records without an answer" in summary
    assert "Nothing is held out." in page
    [chart] = charts(tmp_path).shares
    assert {bar.label: bar.count for bar in chart.bars if bar.count} == {
        "window with the answer": 1,
        "window without the answer": 1,
        "record without an answer": 3,
    }


def test_the_place_of_the_right_candidate_is_shown(tmp_path: Path) -> None:
    records = [
        {"query": f"q {n}", "candidates": ["a", "b", "c"], "label": (0, 2, 2, 2)[n % 4]}
        for n in range(20)
    ]
    summary, page = built(tmp_path, "rank", records, "--eval-fraction", "0")
    assert "20 records, " in summary
    assert "<span>records</span>" in page
    assert "<span>documents</span>" not in page
    found = charts(tmp_path)
    assert not found.shares
    [chart] = [each for each in found.histograms if "right candidate" in each.title]
    assert [(bar.label, bar.count) for bar in chart.bars] == [("0", 5), ("1", 0), ("2", 15)]


def test_unknown_tokens_and_what_is_held_out_are_told(tmp_path: Path) -> None:
    records = [
        {"text": f"the man {'☃ ' * (n % 2)}went {n}", "label": ("no", "yes")[n % 2]}
        for n in range(20)
    ]
    summary, page = built(tmp_path, "classify", records)
    assert summary.count("of the tokens of text are unknown to the tokenizer") >= 1
    assert "of the tokens of text are unknown to the tokenizer.</p>" in page
    assert "2 records of 20 are held out, by their content: those that belong together" in page
    assert "20 records, " in summary
    assert "20 documents" not in summary


@pytest.mark.parametrize(
    ("unknown", "line"),
    [(1, ""), (0, ""), (25, "25.0 % of the tokens of text are unknown to the tokenizer")],
)
def test_a_large_share_of_unknown_tokens_is_told(unknown: int, line: str) -> None:
    assert unknown_line({"tokens.of_text": 100, "tokens.unknown": unknown}) == line


def test_more_classes_than_can_be_told_apart_are_together() -> None:
    counts = {f"label.c{number:02}": 100 - number for number in range(20)}
    found = charts_of(counts, 128)
    [chart] = found.shares
    assert [bar.label for bar in chart.bars] == [
        *(f"c{number:02}" for number in range(14)),
        "6 others",
    ]
    assert chart.total == sum(counts.values())
    assert [name for name, _ in found.rest] == [f"label.c{number:02}" for number in range(14, 20)]


def test_classes_have_signs_of_their_own(tmp_path: Path) -> None:
    records = [{"words": [f"w{n}"], "tags": [f"t{n % 11}"]} for n in range(44)]
    _, page = built(tmp_path, "tag", records, "--eval-fraction", "0")
    keys = page.partition('<ul class="keys">')[2].partition("</ul>")[0]
    signs = [part.partition('"')[0] for part in keys.split('<i class="')[1:]]
    assert len(signs) == len(set(signs)) == 12
    assert signs[5] == "tone0 pattern1"
    assert signs[10] == "tone0 pattern2"
