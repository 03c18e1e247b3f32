"""How programs end: by errors, signals, and streams that are not there."""

import errno
import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest

from schemas.errors import RunError, UsageError
from schemas.program import Program, one_sentence
from schemas.terminal import write_json

_ROOT = Path(__file__).resolve().parents[3]
_AGAIN = "run the same command again to resume"


def program(work: Callable[[], Any]) -> Program:
    @one_sentence
    def main(argv: Sequence[str] | None = None) -> int:
        work()
        return 0

    return main


def fail(error: BaseException) -> Callable[[], NoReturn]:
    def work() -> NoReturn:
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (UsageError("no such thing"), 2, "no such thing"),
        (RunError("a line\nand another"), 1, "a line and another"),
        (FileNotFoundError(2, "No such file", "a.txt"), 1, "[Errno 2] No such file: 'a.txt'"),
        (
            OSError(errno.ENOSPC, "No space left"),
            1,
            "No space left, while writing to standard output or to a file",
        ),
        (MemoryError(), 1, "memory ran out"),
        (KeyboardInterrupt(), 130, f"interrupted; {_AGAIN}"),
    ],
)
def test_ends_in_one_sentence(
    error: BaseException, status: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert program(fail(error))() == status
    assert capsys.readouterr().err == f"shardmill: {told}\n"


def test_unexpected_error_is_one_sentence_and_its_trace_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.delenv("SHARDMILL_TRACEBACK", raising=False)
    # A program of which nothing is written here.
    assert one_sentence(int)() == 1
    [trace] = tmp_path.iterdir()
    assert capsys.readouterr().err == (
        "shardmill: this is a bug in shardmill, please report it: TypeError: int() argument "
        "must be a string, a bytes-like object or a real number, not 'NoneType' "
        f"(the trace is in {trace})\n"
    )
    assert trace.read_text("utf-8").startswith("Traceback")


def test_an_error_in_code_of_the_user_names_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.delenv("SHARDMILL_TRACEBACK", raising=False)
    assert program(fail(ZeroDivisionError("by zero")))() == 1
    told = capsys.readouterr().err
    assert re.fullmatch(
        rf"shardmill: {re.escape(__file__)}, line \d+, in \w+: ZeroDivisionError: by zero "
        r"\(the trace is in .*\)\n",
        told,
    )


def test_unexpected_error_is_raised_for_developers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHARDMILL_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        program(fail(ZeroDivisionError()))()


@pytest.fixture(params=[signal.SIGTERM, signal.SIGHUP])
def number(request: pytest.FixtureRequest) -> Iterator[signal.Signals]:
    """A signal that does what it does by default, whatever the tests were started with."""
    each: signal.Signals = request.param
    before = signal.signal(each, signal.SIG_DFL)
    yield each
    signal.signal(each, before)


def test_signal_ends_a_program(number: signal.Signals, capsys: pytest.CaptureFixture[str]) -> None:
    assert program(lambda: os.kill(os.getpid(), number))() == 128 + number
    assert capsys.readouterr().err == f"shardmill: stopped by {number.name}; {_AGAIN}\n"
    assert signal.getsignal(number) is signal.SIG_DFL


def test_ignored_signal_stays_ignored(number: signal.Signals) -> None:
    """As `nohup` has it: the program goes on when the terminal is gone."""
    signal.signal(number, signal.SIG_IGN)
    assert program(lambda: os.kill(os.getpid(), number))() == 0


def test_handler_of_a_caller_stays(number: signal.Signals) -> None:
    came: list[int] = []
    signal.signal(number, lambda *told: came.append(told[0]))
    assert program(lambda: os.kill(os.getpid(), number))() == 0
    assert came == [number]


@pytest.mark.parametrize(
    ("encoding", "printed"),
    [
        ("ascii", b"<a->b> <<c>> \\u6df1 \\xe9 \\U0001f600\n"),
        ("latin-1", b"<a->b> \xabc\xbb \\u6df1 \xe9 \\U0001f600\n"),
        ("utf-8", "‹a→b› «c» 深 é 😀\n".encode()),
    ],
)
def test_what_a_stream_cannot_say_is_readable(
    encoding: str, printed: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(sink, encoding, newline="\n"))
    assert program(lambda: print("‹a→b› «c» 深 é 😀"))() == 0  # noqa: T201
    assert sink.getvalue() == printed


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_json_is_sound_in_any_encoding(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"深": ["é", "😀", "‹", "\udcff"]}
    sink = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(sink, encoding))
    assert program(lambda: write_json(told))() == 0
    assert json.loads(sink.getvalue().decode(encoding)) == told


def started(redirections: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = f'"$0" -m pipelines.cli {" ".join(arguments)} {redirections}'
    return subprocess.run(
        ["sh", "-c", command, sys.executable],
        cwd=_ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("redirections", "status", "told"),
    [
        (">/dev/full", 1, "shardmill: No space left on device, while writing to"),
        (">/dev/full 2>/dev/full", 1, ""),
        ("<&- >&- 2>&-", 0, ""),
        ("| head -c 1", 0, ""),
    ],
)
def test_streams_that_are_closed_full_or_not_read(
    redirections: str, status: int, told: str
) -> None:
    run = started(redirections, "recipes", "--json")
    assert run.returncode == status
    assert run.stderr.startswith(told)
    assert len(run.stderr.splitlines()) == bool(told)


@pytest.mark.parametrize("python_m", [True, False])
def test_files_called_as_modules_are_do_no_harm(python_m: bool, tmp_path: Path) -> None:
    """They come after the program's own, where Python itself can be started at all."""
    for name in ("proto", "numpy", "rich", "apache_beam", "schemas"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('not this one')")
    call = "import sys; sys.path[:1] = []; from pipelines.cli import main; sys.exit(main())"
    run = subprocess.run(
        [sys.executable, *(["-m", "pipelines.cli"] if python_m else ["-c", call]), "recipes"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
