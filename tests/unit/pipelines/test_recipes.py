import json
from pathlib import Path

import pytest

from pipelines import recipes
from pipelines.recipes import main
from pipelines.report.columns import in_columns
from pipelines.report.describe import attributes_of, describe, sections_of, summarize
from transforms.objectives import OBJECTIVES
from transforms.objectives.settings import recipe_from, settings_of

RECIPES = sorted(OBJECTIVES)


class Example:
    """Says one thing.

    And more of it.

    Attributes:
      first: In [0, 1], that is
        a rate.
      second: Another.

    Source: a paper; somebody's
      code.
    Differs: not at all.
    """


def test_the_sections_of_a_docstring_are_found() -> None:
    sections = sections_of(Example)
    assert sections["Summary"] == "Says one thing."
    assert sections["Source"].split() == ["a", "paper;", "somebody's", "code."]
    assert sections["Differs"].strip() == "not at all."
    assert attributes_of(Example) == {"first": "In [0, 1], that is a rate.", "second": "Another."}


def test_the_table_lists_every_objective(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    table = capsys.readouterr().out.split("\n\n")[0].splitlines()
    assert [line.split()[0] for line in table if line[0] != " "] == ["name", *OBJECTIVES]


def test_columns_share_the_width_by_what_they_lack() -> None:
    rows = [["name", "meaning"], ["one", "a b c d e f"], ["two-part", "ff ggggggggggggg"]]
    assert in_columns(rows, 80).splitlines()[1] == "one       a b c d e f"
    assert in_columns(rows, 23).splitlines() == [
        "name      meaning",
        "one       a b c d e f",
        "two-part  ff",
        "          ggggggggggggg",
    ]
    assert max(map(len, in_columns(rows, 1).splitlines())) == 23


def test_prose_gets_lines_of_its_own_where_a_column_would_be_narrow() -> None:
    rows = [
        ["name", "meaning", "size"],
        ["a-long-name", "words " * 8 + "end", "7"],
        ["b", "one\ntwo", "12"],
    ]
    assert in_columns(rows, 70, [1]).splitlines()[1] == f"a-long-name  {'words ' * 8}end  7"
    assert in_columns(rows, 40, [1]).splitlines() == [
        "name         size",
        "    meaning",
        "a-long-name  7",
        "    words words words words words words",
        "    words words end",
        "b            12",
        "    one",
        "    two",
    ]


@pytest.mark.parametrize("width", [60, 80, 140])
def test_lines_fit_and_names_are_whole(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(recipes, "columns", lambda: width)
    assert main([]) == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= width
    # Not one of these is cut or divided, and no prose is in a column too narrow to read.
    listed = ", ".join(summarize(recipe)["columns"] for recipe in OBJECTIVES.values())
    assert {*listed.split(", ")} <= {word.strip(",") for word in shown.split()}
    assert len(shown.splitlines()) < 8 * len(OBJECTIVES)


@pytest.mark.parametrize("name", RECIPES)
def test_everything_about_a_recipe_is_explained(name: str) -> None:
    recipe = OBJECTIVES[name]
    description = describe(recipe)
    assert {f["path"]: f["default"] for f in description["fields"]} == settings_of(recipe)
    for entry in [*description["fields"], *description["columns"], *description["parity"]]:
        assert entry["meaning"].endswith("."), entry
    for part in description["parts"]:
        assert part["summary"].endswith("."), part


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_shown_with_every_field_and_column(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main([name]) == 0
    shown = capsys.readouterr().out.split()
    description = describe(OBJECTIVES[name])
    for entry in description["fields"]:
        assert entry["path"] in shown
    for entry in [*description["columns"], *description["parts"]]:
        assert entry["name"] in shown


def test_json_is_the_description(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bert-wwm", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == describe(OBJECTIVES["bert-wwm"])
    assert main(["--json"]) == 0
    everything = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in everything] == list(OBJECTIVES)


def test_special_tokens_inside_segments_are_needed_too() -> None:
    recipe = recipe_from("roberta", {"layout.between": ""})
    assert "sep" not in recipe.layout.roles
    assert describe(recipe)["tokens"]["sep"] == ["[SEP]", "<sep>", "</s>"]


def test_parity_is_told_with_its_values() -> None:
    restored = {f["path"]: f["value"] for f in describe(OBJECTIVES["bert"])["parity"]}
    assert restored == dict(OBJECTIVES["bert"].parity)


def test_an_unknown_recipe_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bert-wm"]) == 2
    assert "did you mean bert-wwm" in capsys.readouterr().err


def test_the_committed_page_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--markdown"]) == 0
    page = Path(__file__).resolve().parents[3] / "docs" / "objectives.md"
    assert capsys.readouterr().out == page.read_text("utf-8"), "run `make docs`"
