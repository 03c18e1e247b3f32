"""Options of a command line: what argparse alone would lose, or not explain."""

from typing import Any

import pytest

from schemas.errors import UsageError
from schemas.parser import Parser


@pytest.mark.parametrize("argument", ["--rows=--", "--set=--"])
def test_two_dashes_are_no_value(argument: str) -> None:
    parser = Parser("x", description="")
    parser.add_argument("--rows")
    parser.add_argument("--set", action="append")
    with pytest.raises(UsageError, match=f"{argument[:-3]}: '--' is no value"):
        parser.parse_args([argument])


def test_option_given_twice_has_the_last_value() -> None:
    parser = Parser("x", description="")
    parser.add_argument("--rows", type=int)
    assert parser.parse_args(["--rows", "1", "--rows=2"]).rows == 2


def test_what_a_shell_made_of_a_pattern_is_told() -> None:
    parser = Parser("vocab", "")
    parser.add_argument("--input")
    with pytest.raises(UsageError) as error:
        parser.parse_args(["--input", "a.txt", "b.txt", "c.txt"])
    assert str(error.value) == (
        "'b.txt c.txt' belongs to no option, each of which takes one value: put a "
        "pattern in quotes ('text/*.txt'), or repeat the option (shardmill vocab --help "
        "lists the options)"
    )


@pytest.mark.parametrize(
    ("option", "settings", "told"),
    [
        (
            "--share",
            {"metavar": "S", "help": "keep %% of it (0.5)"},
            "--share S: keep % of it (0.5)",
        ),
        ("--kind", {"choices": ["a", "b"], "help": "of it"}, "--kind {a,b}: of it"),
    ],
)
def test_an_option_without_its_value_says_what_it_is_for(
    option: str, settings: dict[str, Any], told: str
) -> None:
    parser = Parser("north", "Goes north.")
    parser.add_argument(option, **settings)
    with pytest.raises(UsageError) as error:
        parser.parse_args([option])
    listed = "(shardmill north --help lists the options)"
    assert str(error.value) == f"{option} needs a value, {told} {listed}"
