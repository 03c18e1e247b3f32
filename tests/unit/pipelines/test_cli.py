"""What the command does without a subcommand, and with one that it does not know."""

import pytest

from pipelines.cli import COMMANDS, main
from schemas.version import VERSION

Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_version(option: str, capsys: Capture) -> None:
    assert main([option]) == 0
    assert capsys.readouterr() == (f"shardmill {VERSION}\n", "")


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"], ["help"]])
def test_help_is_shown_where_nothing_is_asked_for(arguments: list[str], capsys: Capture) -> None:
    assert main(arguments) == 0
    shown = capsys.readouterr()
    assert not shown.err
    assert all(f"\n  {name} " in shown.out for name in COMMANDS)


def test_help_of_a_command_is_what_the_command_says(capsys: Capture) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["help", "verify"])
    asked = capsys.readouterr().out
    with pytest.raises(SystemExit, match="0"):
        main(["verify", "--help"])
    assert asked == capsys.readouterr().out != ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["biuld"], "no command is called 'biuld'; did you mean build? known: "),
        (["help", "inspct"], "no command is called 'inspct'; did you mean inspect"),
        (["--version", "build"], "--version stands alone, got 'build' after it"),
        (
            ["--quiet", "build", "bert"],
            "options stand after the command, got --quiet before build; write `shardmill build "
            "--quiet ...`",
        ),
        (
            ["--quiet"],
            "no command is given, and --quiet is an option of one; write `shardmill COMMAND",
        ),
        (["help", "build", "bert"], "help explains one command, got 'bert' after it"),
    ],
)
def test_what_is_none_of_our_commands(arguments: list[str], message: str, capsys: Capture) -> None:
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert not shown.out
    assert message in shown.err
