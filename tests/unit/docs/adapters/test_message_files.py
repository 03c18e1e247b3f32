"""What becomes of messages: files, their names, and when messages are acknowledged."""

import json
import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import message_files
import pytest
from message_files import (
    Message,
    Settings,
    arguments,
    copy_messages,
    record_line,
    settings_of,
    stopped_by_signals,
)

from schemas.errors import UsageError


def settings(output: Path, **others: Any) -> Settings:
    given = {"form": "json", "text_field": "text", "max_bytes": 1 << 20, "max_wait": 30.0}
    return Settings(output=str(output), **{**given, **others})


def sent(*texts: str) -> list[Message]:
    return [Message(json.dumps({"text": text}).encode(), text) for text in texts]


class Script:
    """A subscription that gives what it is told to, call by call, then asks to stop."""

    def __init__(self, *answers: Sequence[Message], step: float = 0.0) -> None:
        self.answers = list(answers)
        self.events: list[str] = []
        self.asked: list[float] = []
        self.now = 0.0
        self.step = step

    def take(self, seconds: float) -> Sequence[Message]:
        self.asked.append(seconds)
        self.now += self.step
        return self.answers.pop(0)

    def acknowledge(self, messages: Sequence[Message]) -> None:
        self.events.append(f"acknowledge {' '.join(each.receipt for each in messages)}")

    def stopped(self) -> bool:
        return not self.answers

    def clock(self) -> float:
        return self.now


def texts(folder: Path) -> list[list[str]]:
    """Returns the texts of every file that a pattern finds, in the order of names."""
    found = sorted(folder.glob("[!.]*.jsonl"))
    return [[json.loads(line)["text"] for line in path.open()] for path in found]


@pytest.fixture
def numbered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that sort as the files were written."""
    numbers = iter(range(1000))
    monkeypatch.setattr(message_files, "file_name", lambda: f"{next(numbers):03d}.jsonl")


@pytest.mark.usefixtures("numbered")
def test_messages_go_to_files_of_a_size(tmp_path: Path) -> None:
    script = Script(sent("one", "two"), sent("three"), sent("four"), sent("five"))
    # A line such as {"text": "one"} and its end take 16 bytes.
    copy_messages(script, settings(tmp_path, max_bytes=34), script.stopped, script.clock)
    assert texts(tmp_path) == [["one", "two", "three"], ["four", "five"]]
    assert script.events == ["acknowledge one two three", "acknowledge four five"]


@pytest.mark.usefixtures("numbered")
def test_a_smaller_file_is_written_when_its_first_message_is_old(tmp_path: Path) -> None:
    script = Script([], sent("a"), [], sent("b"), [], [], [], step=4.0)
    copy_messages(script, settings(tmp_path, max_wait=9.0), script.stopped, script.clock)
    # "a" came after 8 s and "b" after 16, so the file was due at 17 and written at 20.
    assert texts(tmp_path) == [["a", "b"]]
    assert script.asked == [5.0, 5.0, 5.0, 5.0, 1.0, 5.0, 5.0]


def test_the_rest_is_written_when_it_is_stopped(tmp_path: Path) -> None:
    script = Script(sent("a"), sent("b"))
    copy_messages(script, settings(tmp_path), script.stopped, script.clock)
    assert texts(tmp_path) == [["a", "b"]]
    assert script.events == ["acknowledge a b"]


def test_no_file_without_messages(tmp_path: Path) -> None:
    script = Script([], [])
    copy_messages(script, settings(tmp_path / "out"), script.stopped, script.clock)
    assert not (tmp_path / "out").exists()
    assert script.events == []


def test_acknowledged_after_file_and_folder_are_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = Script(sent("a"))
    sync, rename = os.fsync, os.rename

    def noted_sync(number: int) -> None:
        name = os.readlink(f"/proc/self/fd/{number}")
        script.events.append("sync folder" if os.path.isdir(name) else "sync file")
        sync(number)

    def noted_rename(path: str, final: str) -> None:
        assert os.path.basename(path).startswith(".")
        script.events.append("rename")
        rename(path, final)

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(os, "rename", noted_rename)
    copy_messages(script, settings(tmp_path), script.stopped, script.clock)
    assert script.events == ["sync file", "rename", "sync folder", "acknowledge a"]


def test_not_acknowledged_if_it_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file where a folder should be")
    script = Script(sent("a"))
    with pytest.raises(OSError, match="out"):
        copy_messages(script, settings(tmp_path / "out"), script.stopped, script.clock)
    assert script.events == []


@pytest.mark.parametrize(
    ("data", "form", "line"),
    [
        (b'{"text":\n "a",\r\n"n": 1}', "json", b'{"text": "a", "n": 1}\n'),
        (b'\xef\xbb\xbf{"text": "a"}', "json", b'{"text": "a"}\n'),
        ('{"text": "\u4e2d"}'.encode(), "json", b'{"text": "\\u4e2d"}\n'),
        (b"One.\r\nTwo.\n", "text", b'{"text": "One.\\r\\nTwo.\\n"}\n'),
    ],
)
def test_a_message_is_one_line(data: bytes, form: str, line: bytes) -> None:
    assert record_line(data, form, "text") == (line, "")


@pytest.mark.parametrize(
    ("data", "form", "reason"),
    [
        (b"", "json", "broken_json"),
        (b'"text"', "json", "broken_json"),
        (b'{"body": "a"}', "json", "missing_field"),
        (b'{"text": "\\ud800"}', "json", "unpaired_surrogate"),
        (b'{"text": "\xff"}', "json", "invalid_utf8"),
        (b"\xff", "text", "invalid_utf8"),
    ],
)
def test_what_is_no_record_is_rejected(data: bytes, form: str, reason: str) -> None:
    assert record_line(data, form, "text") == (b"", reason)


@pytest.mark.usefixtures("numbered")
def test_rejected_messages_are_kept_apart_and_acknowledged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = Script([Message(b"\xff\n", "bad"), *sent("good")])
    copy_messages(script, settings(tmp_path), script.stopped, script.clock)
    assert texts(tmp_path) == [["good"]]
    assert (tmp_path / "rejected" / "000.jsonl").read_text() == (
        '{"reason": "invalid_utf8", "base64": "/wo="}\n'
    )
    assert script.events == ["acknowledge bad good"]
    assert capsys.readouterr().err == "000.jsonl: 2 messages, 1 of them rejected\n"


def test_two_files_never_have_one_name() -> None:
    names = {message_files.file_name() for _ in range(1000)}
    assert len(names) == 1000
    assert all(len(name) == len("20260102T030405Z-0123456789ab.jsonl") for name in names)


def test_options_and_their_defaults() -> None:
    options = arguments("x_to_files.py", "X.").parse_args(["--output", "out"])
    assert settings_of(options) == Settings(
        output="out", form="json", text_field="text", max_bytes=16 << 20, max_wait=30.0
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--max-wait", "301"], "a number above 0 and at most 300, got '301'"),
        (["--max-mib", "0"], "at least 1 and at most 1,024, got '0'"),
        (["--text-field", "q,t,l", "--form", "text"], "a text has one field, not q,t,l"),
    ],
)
def test_options_that_are_refused(given: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        settings_of(arguments("x_to_files.py", "X.").parse_args(["--output", "out", *given]))


def test_signals_ask_to_stop_and_are_given_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with stopped_by_signals() as stopped:
        assert not stopped()
        signal.raise_signal(signal.SIGTERM)
        assert stopped()
    assert signal.getsignal(signal.SIGTERM) is before


class Queue:
    """A queue in a folder: a message is there until it was acknowledged, whoever is killed."""

    def __init__(self, folder: Path, before_acknowledging: Callable[[], None]) -> None:
        self._folder = folder
        self._before = before_acknowledging
        self._taken: set[str] = set()

    def take(self, seconds: float) -> Sequence[Message]:
        names = sorted({*os.listdir(self._folder)} - self._taken)[:2]
        self._taken |= {*names}
        return sent(*names)

    def acknowledge(self, messages: Sequence[Message]) -> None:
        for each in messages:
            self._before()
            (self._folder / each.receipt).unlink()

    def stopped(self) -> bool:
        return not {*os.listdir(self._folder)} - self._taken


MESSAGES = ["m1", "m2", "m3", "m4", "m5"]


def copy_until_killed(queue: Path, output: Path, fatal: int) -> None:
    """Copies a queue, and kills this process before the step of that number."""
    done = 0

    def step() -> None:
        nonlocal done
        if done == fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        done += 1

    def stepping(function: Callable[..., Any]) -> Callable[..., Any]:
        def before(*given: Any) -> Any:
            step()
            return function(*given)

        return before

    os.fsync, os.rename = stepping(os.fsync), stepping(os.rename)
    source = Queue(queue, step)
    copy_messages(source, settings(output, max_bytes=34), source.stopped)


def test_no_message_is_lost_wherever_it_is_killed(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    endings, repeated = [], 0
    for fatal in range(100):
        queue, output = tmp_path / f"queue{fatal}", tmp_path / f"output{fatal}"
        queue.mkdir()
        for name in MESSAGES:
            (queue / name).touch()
        process = context.Process(target=copy_until_killed, args=(queue, output, fatal))
        process.start()
        process.join()
        endings.append(process.exitcode)
        # Whatever has been acknowledged lies in a whole file.
        waiting = {*os.listdir(queue)}
        assert {*MESSAGES} - waiting <= {text for each in texts(output) for text in each}

        again = Queue(queue, lambda: None)
        copy_messages(again, settings(output, max_bytes=34), again.stopped)
        assert os.listdir(queue) == []
        found = [text for each in texts(output) for text in each]
        assert {*found} == {*MESSAGES}
        repeated += len(found) - len(MESSAGES)
        if process.exitcode == 0:
            break
    # Two files: of each two syncs and a rename, and five messages that are acknowledged.
    assert endings == [-signal.SIGKILL] * 11 + [0]
    # After a kill between a rename and the last acknowledgement, messages came again.
    assert repeated > 0


def test_half_a_file_is_hidden(tmp_path: Path) -> None:
    """A process that is killed before the rename leaves a name that no pattern matches."""
    (tmp_path / "queue").mkdir()
    (tmp_path / "queue" / "m1").touch()
    context = multiprocessing.get_context("fork")
    process = context.Process(
        target=copy_until_killed, args=(tmp_path / "queue", tmp_path / "output", 1)
    )
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    [name] = os.listdir(tmp_path / "output")
    assert name.startswith(".")
    assert name.endswith(".tmp")
