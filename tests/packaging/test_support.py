"""The helpers in tests/support that could hide a fault by failing themselves."""

import multiprocessing
from pathlib import Path

import pytest

from tests.support.made_once import SHARED_FOLDER, made_once


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A shared folder of the test's own."""
    monkeypatch.setenv(SHARED_FOLDER, str(tmp_path))
    return tmp_path


def add_line(path: Path) -> None:
    with path.open("a") as file:
        file.write("made\n")


def ask() -> None:
    made_once("lines", add_line)


def test_processes_that_ask_at_once_share_what_one_made(folder: Path) -> None:
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=ask) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    assert (folder / "lines").read_text() == "made\n"
    assert made_once("lines", add_line) == folder / "lines"
    assert (folder / "lines").read_text() == "made\n"


def test_what_failed_is_tried_again(folder: Path) -> None:
    def fail(_: Path) -> None:
        raise RuntimeError("no luck")

    with pytest.raises(RuntimeError, match="no luck"):
        made_once("lines", fail)
    made_once("lines", add_line)
    assert (folder / "lines").read_text() == "made\n"
