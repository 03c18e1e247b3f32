"""Every option of every command, with values that make no sense: a valid run, or one sentence."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.cli import COMMANDS
from tests.support import bad_options
from tests.support.bad_options import FEW, cases, run, settings_cases
from transforms.objectives import OBJECTIVES

_SECONDS = 60.0
"""A run that takes as long hangs; the script that tries everything asks for less."""


_RECIPES = {"build": ["bert", "mixture"], "follow": ["bert"]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Text, a tokenizer and a build; the folder in it where the tests are run."""
    found = tmp_path_factory.mktemp("options")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(found)
        bad_options.make_folder(found)
        yield found


@pytest.mark.parametrize("command", COMMANDS)
def test_any_value_of_any_option(command: str, folder: Path) -> None:
    problems = [
        f"{command} {' '.join(arguments)[:300]}: {problem}"
        for recipe in _RECIPES.get(command, [""])
        for name, arguments in cases(command, folder, recipe, FEW)
        if (problem := run(command, arguments, _SECONDS).problem(name))
    ]
    assert not problems


@pytest.mark.parametrize("recipe", ["bert-wwm", "spanbert", "ernie1", "structbert"])
def test_any_value_of_any_field_of_a_recipe(recipe: str, folder: Path) -> None:
    problems = [
        f"{' '.join(arguments)[-300:]}: {problem}"
        for name, arguments in settings_cases(folder, [recipe], FEW[:6])
        if (problem := run("build", arguments, _SECONDS).problem(name))
    ]
    assert not problems


def test_the_cases_are_all_options(folder: Path) -> None:
    named = {name for name, _ in cases("build", folder, "bert", FEW)}
    assert {"--memory-gib", "--workers", "--set", "--copies", "--shards", "--mask-token"} <= named
    fields = {name for name, _ in settings_cases(folder, list(OBJECTIVES), ["0"])}
    assert {"passes", "rate", "short_rate", "max_predictions", "geometric_p"} <= fields


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--memory-gib", "nan"], "must be a number above 0 and at most 1,048,576, got 'nan'"),
        (["--memory-gib=1e400"], "--memory-gib: must be a number above 0"),
        (["--copies", "9" * 20], "--copies: copies must be a whole number, got '99999999999999"),
        (["--copies", "1001"], "--copies: copies must be in [1, 1000], got 1001"),
        (["--set", "passes=1000000"], "--passes: passes must be in [1, 1000], got 1000000"),
        (["--max-seq-length", "3"], "--max-seq-length: max_seq_length must be in [5, 65535] for"),
        (["--eval-fraction", "1"], "must be a number of at least 0 and below 1, got '1'"),
        (["--shards", "²"], "must be a whole number of at least 1 and at most 99,999, got '²'"),
        (["--workers", "0"], "must be a whole number of at least 1 and at most 1,024, got '0'"),
        (["--seed", "-1"], "must be a whole number of at least 0, got '-1'"),
        (["--seed", str(1 << 64)], "--seed: must be a whole number"),
        (["--seed"], "--seed needs a value, --seed "),
        (["--text-field", ""], "--text-field: must not be empty, got ''"),
        (["--shards=--"], "--shards: '--' is no value"),
        (["--see", "1"], "neither Shardmill nor Beam has an option --see; did you mean --seed"),
        (["--set", "copies=3", "--copies", "4"], "name the same field: leave one out"),
        (["--direct_num_workers=abc"], "--direct_num_workers: invalid int value: 'abc'"),
        (["--input", "a.txt", "b.txt"], "'b.txt' belongs to no option, each of which takes one"),
        (["--no_such_option=1"], "neither Shardmill nor Beam has an option --no_such_option"),
        (["--direct_running_mode=multi_processing"], "give --workers instead"),
    ],
)
def test_sentences(arguments: list[str], told: str, folder: Path) -> None:
    base = bad_options.flat(bad_options.base_arguments("build", folder))
    outcome = run("build", [*base, *arguments])
    assert outcome.status == 2
    assert told in outcome.errors
    assert len(outcome.errors.splitlines()) == 1


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ("bert,albert=nan", "must be a number above 0, got 'nan'"),
        ("bert,albert=1e400", "must be a number above 0, got '1e400'"),
        ("bert,albert=0", "must be a number above 0, got '0'"),
        ("bert,albert=-1", "must be a number above 0, got '-1'"),
        ("bert,bert", "bert stands twice"),
        ("bert,", "no recipe is called ''"),
    ],
)
def test_members(members: str, told: str, folder: Path) -> None:
    base = bad_options.flat(bad_options.base_arguments("build", folder, "mixture"))
    outcome = run("build", [*base, "--members", members])
    assert (outcome.status, told in outcome.errors) == (2, True), outcome
    assert "--members" in outcome.errors


@pytest.mark.parametrize(
    ("recipe", "arguments", "told"),
    [
        ("bert", ["--user-dict", "empty"], "bert: nothing there needs whole words; leave out --us"),
        ("roberta", ["--segmenter", "jieba"], "needs whole words; leave out --segmenter"),
        (
            "bert-wwm",
            ["--user-dict", "tab"],
            "tab: line 2 has a tab; write a word, and if",
        ),
        ("ernie1", ["--ignore-case"], "--ignore-case is for names of --gazetteer or --entities"),
        ("ernie1", ["--entities", "empty"], "empty: there is no entity in it"),
        ("ernie1", ["--gazetteer", "empty"], "empty: there is no entity in it"),
        ("ernie1", ["--gazetteer", "tab"], "shardmill: --gazetteer: line 1 is not a pattern such"),
        ("ernie1", ["--entities", "words"], "shardmill: --entities: line 1 is not a surface form"),
    ],
)
def test_options_with_nothing_to_do(
    recipe: str, arguments: list[str], told: str, folder: Path
) -> None:
    for name, content in [("empty", ""), ("tab", "深度学习 5 n\n人工智能\t5\tn\n"), ("words", "a")]:
        (folder / name).write_text(content, "utf-8")
    option, *names = arguments
    paths = [str(folder / name) if (folder / name).exists() else name for name in names]
    base = bad_options.flat(bad_options.base_arguments("build", folder, recipe))
    outcome = run("build", [*base, option, *paths], _SECONDS)
    assert outcome.status == 2
    assert told in outcome.errors


def test_the_last_value_of_an_option_counts(folder: Path) -> None:
    base = bad_options.flat(bad_options.base_arguments("build", folder))
    assert (
        run("build", [*base, "--seed=1", "--seed=2", "--set=copies=3", "--set=copies=4"]).status
        == 0
    )
