"""How wide output is, and what --quiet leaves of it."""

import io
import os
import sys

import pytest
from rich.console import Console
from rich.table import Table
from rich.text import Text

from schemas.parser import Parser
from schemas.program import one_sentence
from schemas.terminal import columns, console, is_quiet, print_table, say

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


@pytest.mark.parametrize("width", [30, 60, 200])
def test_tables_are_in_whole_words(width: int) -> None:
    name = "a-name-that-is-as-long-as-some"
    table = Table("what it is called", "value", box=None)
    table.add_row(Text(name), "[green]1,234,567[/green]")
    table.add_row("several words and some more of them", "2")
    sink = io.StringIO()
    print_table(table, Console(file=sink, width=width))
    shown = sink.getvalue()
    assert {name, "1,234,567", "called", "several"} <= {*shown.split()}
    assert "…" not in shown
    if width >= 60:
        assert max(map(len, shown.splitlines())) <= width


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
