"""A command as a process: where it runs, whose code it is, and which signals it gets."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipelines.stages import child
from pipelines.stages.child import run_command, stop_by
from schemas.errors import RunError, Stopped

WAITS = """
import pathlib, signal, sys, time
def note(number, frame):
    with open("signals", "a") as file:
        file.write(f"{number}\\n")
    if len(open("signals").readlines()) == int(sys.argv[2]):
        sys.exit(7)
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, note)
pathlib.Path("ready").touch()
for _ in range(3000):
    time.sleep(0.01)
sys.exit("no signal came")
"""


@pytest.fixture(autouse=True)
def _signals_are_not_ignored() -> Iterator[None]:
    """Whoever starts the tests in the background or under nohup ignores some, and so would they."""
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGHUP)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    for each, handler in before.items():
        signal.signal(each, handler)


def test_a_command_runs_in_the_folder_that_is_given(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A folder there that is called as ours is not taken for it."""
    for name in ("pipelines", "schemas"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit(9)", "utf-8")
    (tmp_path / "text.txt").write_text("a a a b b", "utf-8")
    words = ["vocab", "--input=text.txt", "--model=words", "--min-count=2", "--output=words.txt"]
    assert run_command(words, str(tmp_path)) == (0, 0)
    assert (tmp_path / "words.txt").is_file()
    assert run_command(words, str(tmp_path)) == (2, 0)
    assert "words.txt already exists" in capfd.readouterr().err


def signalled(
    folder: Path, monkeypatch: pytest.MonkeyPatch, numbers: list[int], needed: int
) -> tuple[int, int, list[int]]:
    """Runs a command that ends with its nth signal, while this process gets signals.

    Returns:
      Its exit status, the first signal of this process, and those that the command got.
    """
    monkeypatch.setattr(child, "_CODE", WAITS)

    def wait_for(condition: Callable[[], bool]) -> None:
        while not condition():
            time.sleep(0.005)

    def send() -> None:
        wait_for((folder / "ready").exists)
        for number in numbers:
            os.kill(os.getpid(), number)
            time.sleep(0.1)

    sender = threading.Thread(target=send)
    sender.start()
    ended = run_command([str(needed)], str(folder))
    sender.join()
    got = [int(line) for line in (folder / "signals").read_text("utf-8").splitlines()]
    return ended.status, ended.signal, got


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_are_passed_on(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "_in_front", lambda: False)
    before = signal.getsignal(number)
    assert signalled(tmp_path, monkeypatch, [number], 1) == (7, number, [number])
    assert signal.getsignal(number) == before


def test_ctrl_c_has_come_to_the_command_already(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second one is passed on, as one that did not come from a terminal."""
    monkeypatch.setattr(child, "_in_front", lambda: True)
    sent = [signal.SIGINT, signal.SIGINT]
    assert signalled(tmp_path, monkeypatch, [*sent], 1) == (7, signal.SIGINT, [signal.SIGINT])


def test_a_signal_that_is_ignored_stays_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        sent = [signal.SIGHUP, signal.SIGTERM]
        found = signalled(tmp_path, monkeypatch, [*sent], 1)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert found == (7, signal.SIGTERM, [signal.SIGTERM])


def test_a_process_that_a_signal_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "_CODE", "import os; os.kill(os.getpid(), 9)")
    assert run_command([], str(tmp_path)) == (-9, 0)


def test_no_process_can_be_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    with pytest.raises(RunError, match="no process can be started: No such file or directory"):
        run_command([], str(tmp_path))


def test_this_program_ends_as_the_signal_asks() -> None:
    stop_by(0)
    with pytest.raises(KeyboardInterrupt):
        stop_by(signal.SIGINT)
    with pytest.raises(Stopped) as stopped:
        stop_by(signal.SIGTERM)
    assert stopped.value.number == signal.SIGTERM
