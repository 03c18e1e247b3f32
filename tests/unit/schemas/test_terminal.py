"""How wide output is, and what --quiet leaves of it."""

import os
import sys

import pytest

from schemas.errors import Parser, one_sentence
from schemas.terminal import columns, console, is_quiet, say

Capture = pytest.CaptureFixture[str]
LONG = "many words " * 100


def test_nothing_is_wrapped_where_there_is_no_terminal(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    console().print(LONG)
    assert capsys.readouterr().out == f"{LONG}\n"
    assert columns() >= 100_000


def test_a_terminal_has_its_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("shutil.get_terminal_size", lambda *_: os.terminal_size((60, 20)))
    assert columns() == 60


def test_quiet_ends_with_the_program(capsys: Capture) -> None:
    found: list[bool] = []

    @one_sentence
    def program(argv: object = None) -> int:
        parser = Parser("paint", description="Paint.", shows_progress=True)
        parser.parse_args(argv)  # type: ignore[arg-type]
        found.append(is_quiet())
        say("half of it is done")
        return 0

    assert (program(["--quiet"]), program([])) == (0, 0)
    assert found == [True, False]
    assert capsys.readouterr().err == "half of it is done\n"
