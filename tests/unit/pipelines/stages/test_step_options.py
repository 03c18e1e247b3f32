"""Values of TOML as a command line has them."""

import datetime
from typing import Any

import pytest

from pipelines.stages.commands import COMMANDS, parser_of, reads_of
from pipelines.stages.step_options import actions_of, read_options
from schemas.errors import UsageError
from schemas.option_values import command_line


def read(command: str, given: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    return dict(read_options(command, given, parser_of(command)))


@pytest.mark.parametrize(
    ("command", "given", "arguments"),
    [
        ("train", {"lr": 1e-4, "steps": 10, "seed": 0}, ["--lr=0.0001", "--steps=10", "--seed=0"]),
        ("train", {"tensorboard": True, "compile": False}, ["--tensorboard"]),
        ("train", {"no-checksums": True}, ["--no-checksums"]),
        ("train", {"set": ["a=1", "b=2"]}, ["--set=a=1", "--set=b=2"]),
        ("train", {"set": "a=1"}, ["--set=a=1"]),
        ("build", {"input": ["-a.txt", "b c.txt"]}, ["--input=-a.txt", "--input=b c.txt"]),
        ("vocab", {"lowercase": True}, ["--lowercase"]),
        ("vocab", {"lowercase": False}, ["--no-lowercase"]),
        ("annotate", {"anchors": True}, ["--anchors"]),
        ("annotate", {"anchors": False}, []),
        ("annotate", {"anchors": "links"}, ["--anchors=links"]),
        ("build", {"runner": "DirectRunner", "experiments": ["a", "b"]}, [
            "--runner=DirectRunner", "--experiments=a", "--experiments=b",
        ]),
        ("build", {"streaming": True, "pickle": False}, ["--streaming"]),
    ],
)  # fmt: skip
def test_values(command: str, given: dict[str, Any], arguments: list[str]) -> None:
    assert command_line(read(command, given)) == arguments


@pytest.mark.parametrize(
    ("command", "given", "told"),
    [
        ("train", {"compile": "yes"}, "compile must be true or false, got 'yes'"),
        ("train", {"compile": 1}, "compile must be true or false, got 1"),
        ("train", {"lr": True}, "lr must be a string or a number, got true"),
        ("train", {"lr": {"a": 1}}, "lr must be a string or a number, got a table"),
        (
            "train",
            {"lr": datetime.date(2024, 1, 1)},
            "lr must be a string or a number, got a date or time",
        ),
        ("train", {"set": []}, "set is an empty list; name something, or leave it out"),
        ("train", {"set": [["a"]]}, "each of set must be a string or a number, got a list"),
        ("vocab", {"no-lowercase": True}, "write lowercase = true or lowercase = false"),
        ("vocab", {"lowercase": "no"}, "write lowercase = true or lowercase = false"),
        ("build", {"recipe": "bert"}, "recipe has no name on the command line; put it into arg"),
        ("build", {"dry-run": True}, "leave out dry-run: a step with it would make nothing"),
        ("train", {"resume": "none"}, "leave out resume: the pipeline resumes what was begun"),
    ],
)
def test_values_of_the_wrong_kind(command: str, given: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError) as error:
        read(command, given)
    assert told in str(error.value)


NO_FILES = {"temp-dir", "output", "columns", "tiktoken-pattern"}
"""Folders that a command writes to, names of what is in files, and a pattern of text."""


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_that_names_files_is_known(command: str) -> None:
    """By its metavar; what the help calls a file or folder has one of those."""
    for name, action in actions_of(parser_of(command)).items():
        described = f"{action.help}".lower()
        named = any(word in described for word in (" file", "folder", "output of", ".json"))
        if named and name not in NO_FILES and action.nargs != 0 and not action.choices:
            assert reads_of(action) is not None, name
    # A command that says no output could be no step.
    assert "--output" in parser_of(command)._option_string_actions
    overwrites = "--overwrite" in parser_of(command)._option_string_actions
    assert overwrites or not COMMANDS[command].overwrites
