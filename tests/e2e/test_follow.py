"""A folder that grows becomes windows: each distinct document in one, whatever happens."""

import functools
import gzip
import json
import os
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

import pipelines.planning.identity
import pipelines.planning.plan
import pipelines.run_build
import pipelines.waves
import transforms.build.build_shards
import transforms.stream.seen_keys
from pipelines.cli import main
from schemas.documents import document_key
from schemas.software import software_versions
from tests.support.follow_runs import (
    by_window,
    document,
    documents,
    everything,
    marked_tokenizer,
)
from tests.support.forked import Forked
from tests.support.sample_builds import manifest_of
from transforms.arrays.randomness import rng_for

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    # Nothing here is about a loss of power.
    monkeypatch.setattr(os, "fsync", lambda _: None)


class Watched:
    """A folder that grows, and the stream of it."""

    def __init__(self, root: Path) -> None:
        self.folder, self.stream = root / "watched", root / "out"
        self.folder.mkdir(exist_ok=True)
        self._time = 1_700_000_000

    def put(self, name: str, content: bytes | Iterable[int]) -> Path:
        """Writes a file, later than those before."""
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else documents(content))
        self._time += 10
        os.utime(path, (self._time, self._time))
        return path

    def arguments(self, *options: str, recipe: str = "roberta") -> list[str]:
        given = {"--tokenizer": str(marked_tokenizer()), "--shards": "1", "--eval-fraction": "0"}
        given |= {"--watch": f"{self.folder}/*", "--output": str(self.stream), "--copies": "1"}
        named = [each for pair in given.items() if pair[0] not in options for each in pair]
        return ["follow", recipe, *named, *options]

    def follow(self, *options: str, recipe: str = "roberta") -> int:
        """Builds what is there now."""
        return main(self.arguments(*options, "--once", "--settle", "0", recipe=recipe))

    def index(self) -> list[dict[str, Any]]:
        windows: list[dict[str, Any]] = json.loads((self.stream / "index.json").read_bytes())[
            "windows"
        ]
        return windows


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


def told(capsys: Captured) -> str:
    """Returns the only line that a refusal may have, without what was shown of the progress."""
    lines = capsys.readouterr().err.splitlines()
    [line] = [line for line in lines if line.startswith("shardmill: ")]
    assert lines[-1] == line
    return line


def shard_of(number: int, shards: int, fraction: float) -> int:
    """Returns the shard of a document by the definition; the only one for evaluation is -1."""
    key = document_key(document(number).encode())
    lower, upper = (int.from_bytes(key[at : at + 8], "little") for at in (0, 8))
    return -1 if upper < int(fraction * 2**64) else lower % shards


def in_eval(numbers: Iterable[int], fraction: float) -> list[int]:
    return [number for number in numbers if shard_of(number, 1, fraction) == -1]


def expected_windows(
    files: list[list[int]], shards: int, fraction: float
) -> tuple[list[list[int]], list[list[int]]]:
    """Returns the documents of each window for training and for evaluation, of pairs.

    One that is alone in its shard waits for another.
    """
    seen, waiting = set[int](), dict[int, list[int]]()
    train, held_out = [], []
    for numbers in files:
        for number in dict.fromkeys(numbers):
            if number not in seen:
                waiting.setdefault(shard_of(number, shards, fraction), []).append(number)
        seen |= set(numbers)
        entering = {shard: waiting.pop(shard) for shard in [*waiting] if len(waiting[shard]) > 1}
        held_out.append(sorted(entering.pop(-1, [])))
        train.append(sorted(number for each in entering.values() for number in each))
    return train, held_out


@pytest.mark.usefixtures("forked_workers")
def test_the_same_bytes_whoever_builds(watched: Watched, tmp_path: Path) -> None:
    """Windows of one stream by one process, two, and Beam; all of another by one process."""
    other = Watched(tmp_path)
    other.stream = tmp_path / "alone"
    options = ("--shards", "2", "--eval-fraction", "0.2")
    ways: list[list[str]] = [[], ["--workers", "2"], ["--runner=FnApiRunner"], []]
    files = [("a.txt", range(8)), ("b.txt", range(4, 16)), ("a.txt", range(20)), ("c.txt", [3, 5])]
    for way, (name, numbers) in zip(ways, files, strict=True):
        watched.put(name, numbers)
        assert watched.follow(*options, *way, recipe="bert") == 0
        assert other.follow(*options, recipe="bert") == 0
    assert everything(watched.stream) == everything(other.stream)
    train, held_out = expected_windows([[*numbers] for _, numbers in files], 2, 0.2)
    assert by_window(watched.stream, "train") == train
    assert by_window(watched.stream, "eval") == held_out
    assert sum(map(len, held_out)) == 2


def test_a_file_that_grows_is_read_again(watched: Watched, capsys: Captured) -> None:
    watched.put("a.txt", [1, 2])
    assert watched.follow() == 0
    watched.put("a.txt", [1, 2, 3])
    watched.put("b.txt", [2, 4, 4])
    assert watched.follow() == 0
    assert watched.follow() == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"{watched.stream}: 2 windows committed"
    assert by_window(watched.stream) == [[1, 2], [3, 4]]
    assert [window["documents"] for window in watched.index()] == [2, 2]
    assert [window["splits"]["train"]["rows"] for window in watched.index()] == [1, 1]
    duplicates = [
        manifest_of(watched.stream / "windows" / f"{number:08d}")["documents"]["duplicates"]
        for number in range(2)
    ]
    assert duplicates == [0, 4]


def test_a_window_without_new_documents_is_empty(watched: Watched, capsys: Captured) -> None:
    watched.put("a.txt", [1, 2])
    assert watched.follow() == 0
    watched.put("b.txt", [2, 1])
    assert watched.follow() == 0
    watched.put("c.txt", b" \n\n \n")
    assert watched.follow() == 0
    watched.put("d.txt", b"")
    assert watched.follow() == 0
    assert by_window(watched.stream) == [[1, 2], [], []]
    assert watched.index()[1]["splits"] == {"train": {"rows": 0, "tokens": 0}}
    assert "window 2 committed" in capsys.readouterr().out
    assert main(["verify", str(watched.stream / "windows" / "00000001")]) == 0


def test_a_lost_plan_stops_the_stream(watched: Watched, capsys: Captured) -> None:
    for name in "ab":
        watched.put(f"{name}.txt", [ord(name), ord(name) + 2])
        assert watched.follow() == 0
    (watched.stream / "plans" / "00000000.json").unlink()
    watched.put("c.txt", [1])
    before = everything(watched.stream)
    capsys.readouterr()
    assert watched.follow() == 1
    assert "plans/00000000.json is missing, and the stream has 2 windows" in told(capsys)
    assert everything(watched.stream) == before


def test_a_file_that_cannot_be_read_is_left_out_when_it_is_gone(
    watched: Watched, capsys: Captured
) -> None:
    whole = gzip.compress(documents(range(4)))
    bad = watched.put("bad.txt.gz", whole[: len(whole) // 2])
    watched.put("good.txt", [7, 8])
    assert watched.follow() == 2
    reason = "Truncated compressed stream; if the file is damaged, copy it again; move it"
    assert f"{bad} cannot be read as text: {reason}" in told(capsys)
    # Of a long one the beginning can be read.
    text = rng_for(1, "hex").bytes(1 << 20).hex().encode()
    bad = watched.put("bad.txt.gz", gzip.compress(text)[:-9])
    assert watched.follow() == 1
    line = told(capsys)
    assert "window 0: " in line
    assert f"{bad} cannot be read" in line
    assert "move it out of the watched folder and run the same command with --give-up-" in line
    bad.rename(watched.folder.with_name("bad.txt.gz"))
    assert watched.follow() == 1
    assert f"{bad} is gone, and was there when the run was planned" in told(capsys)
    assert watched.follow("--give-up-changed") == 0
    assert by_window(watched.stream) == [[7, 8]]


def test_documents_that_wait_are_counted(watched: Watched, capsys: Captured) -> None:
    watched.put("a.txt", [1])
    assert watched.follow(recipe="bert") == 0
    assert "0 new documents; train 0 rows of 0 tokens; 1 waits for more" in capsys.readouterr().out
    assert watched.follow("--dry-run", recipe="bert") == 0
    assert "0 planned and not built; 1 document waits for more" in capsys.readouterr().out
    watched.put("b.txt", [2])
    assert watched.follow(recipe="bert") == 0
    assert "more" not in capsys.readouterr().out


def test_a_single_document_waits_for_its_second_segment(watched: Watched) -> None:
    """Of the training shard and of the one that is held out."""
    options = ("--eval-fraction", "0.3")
    held_out = in_eval(range(40), 0.3)
    train = [number for number in range(40) if number not in held_out]
    files = [[train[0], held_out[0]], [held_out[0]], [train[0], held_out[1]], [train[1]]]
    for name, numbers in zip("abcd", files, strict=True):
        watched.put(f"{name}.txt", numbers)
        assert watched.follow(*options, recipe="bert") == 0
    assert by_window(watched.stream, "eval") == [[], [], sorted(held_out[:2]), []]
    assert by_window(watched.stream, "train") == [[], [], [], sorted(train[:2])]
    assert [window["documents"] for window in watched.index()] == [0, 0, 2, 2]


def test_a_stream_of_text_waits_for_a_row(watched: Watched) -> None:
    """32 bytes for each of 16 tokens; a document has 63: nine of them are enough."""
    assert len(document(0)) == 63
    for number in range(4):
        watched.put(f"{number}.txt", range(4 * number, 4 * number + 4))
        assert watched.follow("--set", "max_seq_length=16", recipe="gpt") == 0
    assert by_window(watched.stream) == [[], [], [*range(12)], []]


def test_long_tokens_make_a_row(watched: Watched) -> None:
    """Of 24 bytes and a space each, as in scripts with three bytes a letter."""
    for number in range(3):
        words = [f"{number}{letter}".ljust(24, "x") for letter in "abcdef"]
        watched.put(f"{number}.txt", " ".join(words).encode())
        assert watched.follow("--set", "max_seq_length=16", recipe="gpt") == 0
    rows = [window["splits"]["train"]["rows"] for window in watched.index()]
    read = [window["documents"] for window in watched.index()]
    assert rows == [0, 0, 0]
    assert read == [0, 0, 0]
    watched.put("4.txt", " ".join(10 * ["y" * 24]).encode())
    assert watched.follow("--set", "max_seq_length=16", recipe="gpt") == 0
    assert watched.index()[3]["splits"]["train"]["rows"] >= 1
    assert watched.index()[3]["documents"] == 4


def test_a_mixture(watched: Watched) -> None:
    options = ("--members", "bert,roberta=2")
    watched.put("a.txt", [1])
    assert watched.follow(*options, recipe="mixture") == 0
    watched.put("b.txt", [1, 2, 3])
    assert watched.follow(*options, recipe="mixture") == 0
    assert by_window(watched.stream) == [[], [1, 2, 3]]
    for member in ("bert", "roberta"):
        windows = watched.stream / "windows"
        assert [sorted(p.name for p in windows.glob("*/.shardmill"))] == [[]]
        assert (windows / "00000001" / member / "manifest.json").exists()
    rows = [
        manifest_of(watched.stream / "windows" / "00000001" / member)["splits"]["train"]["rows"]
        for member in ("bert", "roberta")
    ]
    assert watched.index()[1]["splits"]["train"]["rows"] == sum(rows) > 2


def stop_before_the_build(watched: Watched, monkeypatch: pytest.MonkeyPatch, *options: str) -> None:
    """Plans a window, and is interrupted."""

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("pipelines.follow_window.build_plan", stopped)
        assert watched.follow(*options) == 130
    assert not (watched.stream / "index.json").exists()


@pytest.mark.parametrize("change", ["rewritten", "gone"])
def test_a_file_that_changed_after_it_was_planned(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, capsys: Captured, change: str
) -> None:
    path = watched.put("a.txt", [1, 2])
    planned = path.stat().st_mtime
    watched.put("b.txt", [2, 3])
    stop_before_the_build(watched, monkeypatch)
    watched.put("a.txt", [1, 4]) if change == "rewritten" else path.unlink()
    before = everything(watched.stream)
    capsys.readouterr()
    assert watched.follow() == 1
    how = (
        "was written again"
        if change == "rewritten"
        else "is gone, and was there when the run was planned"
    )
    message = told(capsys)
    assert message.startswith(f"shardmill: window 0 cannot be built as it was planned: {path} ")
    assert how in message
    assert "--give-up-changed" in message
    assert everything(watched.stream) == before

    assert watched.follow("--give-up-changed") == 0
    expected = [[2, 3], [1, 4]] if change == "rewritten" else [[2, 3]]
    assert by_window(watched.stream) == expected
    # It comes back as it was planned: no window has it.
    path.write_bytes(documents([1, 2]))
    os.utime(path, (planned, planned))
    assert watched.follow() == 0
    assert by_window(watched.stream) == [*expected, [] if change == "rewritten" else [1]]
    assert watched.follow() == 0
    assert len(watched.index()) == len(expected) + 1


def test_put_back_as_it_was(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    path = watched.put("a.txt", [1, 2])
    planned = path.stat().st_mtime
    stop_before_the_build(watched, monkeypatch)
    watched.put("a.txt", [3])
    assert watched.follow() == 1
    path.write_bytes(documents([1, 2]))
    os.utime(path, (planned, planned))
    assert watched.follow() == 0
    assert by_window(watched.stream) == [[1, 2]]


def test_files_that_change_one_after_the_other(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    """While the window is built too: each is given up, and joins a later window."""
    for number in (1, 2, 3):
        watched.put(f"{number}.txt", [number])
    run_waves, left = pipelines.waves.run_waves, [1, 2]

    def changing(*arguments: Any) -> None:
        run_waves(*arguments)
        if left:
            number = left.pop(0)
            watched.put(f"{number}.txt", [number, 10 + number])

    monkeypatch.setattr(pipelines.waves, "run_waves", changing)
    assert watched.follow() == 1
    assert "--give-up-changed" in told(capsys)
    assert watched.follow("--give-up-changed") == 0
    assert by_window(watched.stream) == [[3], [1, 2, 11, 12]]
    assert not list(watched.stream.glob("windows/*/.shardmill"))
    given_up = json.loads((watched.stream / "plans" / "00000000.without.json").read_bytes())
    assert given_up["files"] == [f"{watched.folder}/{number}.txt" for number in (1, 2)]


def test_all_files_of_a_window_may_be_given_up(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.put("a.txt", [1])
    stop_before_the_build(watched, monkeypatch)
    watched.put("a.txt", [2])
    assert watched.follow("--give-up-changed") == 0
    assert by_window(watched.stream) == [[], [2]]


def other_software(patch: pytest.MonkeyPatch) -> None:
    def other(*more: str) -> dict[str, str]:
        return {**software_versions(*more), "tokenizers": "99.0"}

    modules = (pipelines.planning.plan, pipelines.planning.identity, transforms.build.build_shards)
    for module in modules:
        patch.setattr(module, "software_versions", other)


def test_other_software_begins_a_section(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    """What the old one left unfinished is built again by the new one."""
    watched.put("a.txt", [1, 2])
    assert watched.follow() == 0
    first = everything(watched.stream / "windows" / "00000000")
    watched.put("b.txt", [3, 4])

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pipelines.run_build, "finish", stopped)
        assert watched.follow() == 130
    second = watched.stream / "windows" / "00000001"
    assert list(second.glob("train/*.arrow"))
    old = software_versions()["tokenizers"]
    with monkeypatch.context() as patch:
        other_software(patch)
        capsys.readouterr()
        assert watched.follow() == 0
        message = f'section 1 begins with window 1: tokenizers: there "{old}", here "99.0"'
        assert message in capsys.readouterr().err
        assert manifest_of(second)["software"]["tokenizers"] == "99.0"
        watched.put("c.txt", [1, 5])
        assert watched.follow() == 0
        assert "section" not in capsys.readouterr().err
    watched.put("d.txt", [6])
    assert watched.follow() == 0
    assert [window["section"] for window in watched.index()] == [0, 1, 1, 2]
    assert by_window(watched.stream) == [[1, 2], [3, 4], [5], [6]]
    assert everything(watched.stream / "windows" / "00000000") == first


def test_a_window_that_was_finished_and_not_listed_keeps_its_section(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    watched.put("a.txt", [1, 2])
    with monkeypatch.context() as patch:
        patch.setattr("pipelines.follow_window.write_index", stopped)
        assert watched.follow() == 130
    watched.put("b.txt", [3])
    other_software(monkeypatch)
    assert watched.follow() == 0
    assert [window["section"] for window in watched.index()] == [0, 1]
    assert by_window(watched.stream) == [[1, 2], [3]]


@pytest.mark.parametrize(
    ("options", "recipe", "differs"),
    [
        (["--seed", "7"], "roberta", "seed: there 12345, here 7"),
        (["--shards", "2"], "roberta", "shards.train: there 1, here 2"),
        (["--eval-fraction", "0.1"], "roberta", "shards.eval"),
        (["--copies", "2"], "roberta", "copies"),
        ([], "bert", "recipe.name"),
        (["--encoding", "gb18030"], "roberta", "encoding"),
    ],
)
def test_another_stream_is_refused(
    watched: Watched, capsys: Captured, options: list[str], recipe: str, differs: str
) -> None:
    watched.put("a.txt", [1, 2])
    assert watched.follow("--copies", "1") == 0
    before = everything(watched.stream)
    watched.put("b.txt", [3])
    capsys.readouterr()
    assert watched.follow(*options, recipe=recipe) == 2
    errors = capsys.readouterr().err
    assert f"shardmill: {watched.stream} holds another stream" in errors
    assert differs in errors
    assert everything(watched.stream) == before


def test_builds_and_streams_refuse_each_other(
    watched: Watched, capsys: Captured, tmp_path: Path
) -> None:
    watched.put("a.txt", [1, 2])
    assert watched.follow() == 0
    common = ["--tokenizer", str(marked_tokenizer()), "--input", f"{watched.folder}/*"]
    before = everything(watched.stream)
    capsys.readouterr()
    for more in ([], ["--overwrite"]):
        assert main(["build", "roberta", *common, "--output", str(watched.stream), *more]) == 2
        assert f"{watched.stream} holds a stream, to which `shardmill follow` adds" in told(capsys)
    assert everything(watched.stream) == before

    build = tmp_path / "build"
    assert main(["build", "roberta", *common, "--output", str(build), "--shards", "1"]) == 0
    before = everything(build)
    capsys.readouterr()
    assert watched.follow("--output", str(build)) == 2
    assert f"{build} is not empty and holds no stream (" in told(capsys)
    assert everything(build) == before


def test_a_pattern_that_finds_the_stream_itself(watched: Watched, capsys: Captured) -> None:
    watched.put("a.txt", [1, 2])
    watched.stream = watched.folder / "out"
    for _ in range(2):
        assert watched.follow("--watch", f"{watched.folder}/**") == 2
        assert f"which lies in --output {watched.stream}: name another" in told(capsys)
    assert not (watched.stream / "plans").exists()
    assert watched.follow() == 0
    assert by_window(watched.stream) == [[1, 2]]


def test_a_folder_is_no_pattern(watched: Watched, capsys: Captured) -> None:
    watched.put("a.txt", [1, 2])
    for folder in (str(watched.folder), f"{watched.folder}/"):
        assert watched.follow("--watch", folder) == 2
        assert f"is a folder; to watch its files write {watched.folder}/*" in told(capsys)
    assert not watched.stream.exists()


def test_nothing_is_there_yet(watched: Watched, capsys: Captured) -> None:
    assert watched.follow() == 0
    assert capsys.readouterr().out == f"{watched.stream}: 0 windows committed\n"
    assert not (watched.stream / "index.json").exists()


def test_a_dry_run_changes_nothing(watched: Watched, capsys: Captured) -> None:
    watched.put("a.txt", [1, 2])
    assert watched.follow("--dry-run") == 0
    assert not watched.stream.exists()
    assert "1 file new" in capsys.readouterr().out
    assert watched.follow() == 0
    watched.put("b.txt", [3])
    before = everything(watched.stream)
    capsys.readouterr()
    assert watched.follow("--dry-run") == 0
    assert everything(watched.stream) == before
    assert "1 window committed, 0 planned" in capsys.readouterr().out


def test_a_file_that_was_just_written_is_left_for_later(watched: Watched, capsys: Captured) -> None:
    watched.put("a.txt", [1, 2])
    (watched.folder / "b.txt").write_bytes(documents([3]))
    assert main(watched.arguments("--once", "--settle", "1h")) == 0
    assert by_window(watched.stream) == [[1, 2]]
    assert "1 file was written to less than 3600 s ago" in capsys.readouterr().err


def test_rejected_records(watched: Watched, capsys: Captured) -> None:
    watched.put("a.jsonl", json.dumps({"text": document(1)}).encode() + b"\n{broken\n")
    assert watched.follow() == 1
    assert "--max-rejected 1" in told(capsys)
    assert not (watched.stream / "index.json").exists()
    assert watched.follow() == 1
    assert watched.follow("--max-rejected", "1") == 0
    window = watched.stream / "windows" / "00000000"
    assert manifest_of(window)["documents"]["rejected"] == {"broken_json": 1}
    assert [json.loads(path.read_bytes())["excerpt"] for path in window.glob("rejected/*")] == [
        "{broken"
    ]
    assert by_window(watched.stream) == [[1]]


def test_keys_that_are_lost_are_told(watched: Watched, capsys: Captured) -> None:
    watched.put("a.txt", [1, 2])
    assert watched.follow() == 0
    [keys] = watched.stream.glob("keys/00000000/*.keys")
    content = keys.read_bytes()
    keys.unlink()
    watched.put("b.txt", [2, 3])
    assert watched.follow() == 1
    assert f"{keys} is missing" in told(capsys)
    keys.write_bytes(content[:-16])
    assert watched.follow() == 1
    assert f"{keys} is damaged" in told(capsys)
    keys.write_bytes(content)
    assert watched.follow() == 0
    assert by_window(watched.stream) == [[1, 2], [3]]


@pytest.mark.parametrize("name", ["stream.json", "index.json", "plans/00000000.json"])
@pytest.mark.parametrize("damage", [b"", b"{}", b"[[["])
def test_a_damaged_log_is_one_sentence(
    watched: Watched, capsys: Captured, name: str, damage: bytes
) -> None:
    watched.put("a.txt", [1, 2])
    if not watched.stream.exists():
        assert watched.follow() == 0
    (watched.stream / name).write_bytes(damage)
    before = everything(watched.stream)
    capsys.readouterr()
    assert watched.follow() == 1
    assert str(watched.stream / name) in told(capsys)
    assert everything(watched.stream) == before


def test_many_windows(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys are merged twice over, of two windows and of four; each window repeats all before."""
    monkeypatch.setattr(transforms.stream.seen_keys, "_MERGED", 2)
    for window in range(6):
        watched.put("a.txt", range(window + 1))
        assert watched.follow() == 0
    assert by_window(watched.stream) == [[number] for number in range(6)]
    merged = {path.name for path in watched.stream.glob("keys/*-*")}
    assert merged == {"00000000-00000002", "00000002-00000004", "00000000-00000004"}


class Clock:
    """Stands for the time of a driver; things happen while it sleeps."""

    def __init__(self, *happens: Callable[[], object]) -> None:
        self._now, self._happens = 0.0, list(happens)

    def monotonic(self) -> float:
        return self._now

    def time(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        self._now += seconds
        if not self._happens:
            raise KeyboardInterrupt
        self._happens.pop(0)()


def follow_with(
    clock: Clock, watched: Watched, monkeypatch: pytest.MonkeyPatch, *options: str
) -> int:
    monkeypatch.setattr("pipelines.run_follow.time", clock)
    return main(watched.arguments("--settle", "0", "--every", "10s", *options))


def test_waits_for_enough(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """A MiB is there at the third look; then nothing more comes."""
    half = b" " * (600 << 10)

    def look(windows: int) -> None:
        assert len(list(watched.stream.glob("plans/*"))) == windows

    watched.put("a.txt", documents([1]) + half)
    clock = Clock(
        lambda: look(0),
        lambda: watched.put("b.txt", documents([2]) + half),
        lambda: look(1),
        lambda: watched.put("c.txt", [3]),
        lambda: look(1),
    )
    assert follow_with(clock, watched, monkeypatch, "--min-mib", "1") == 130
    assert by_window(watched.stream) == [[1, 2]]


def test_waits_no_longer_than(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """30 seconds after the first new file was seen, at the fourth look."""

    def nothing() -> None:
        assert not (watched.stream / "index.json").exists()

    watched.put("a.txt", [1])
    clock = Clock(nothing, lambda: watched.put("b.txt", [2]), nothing)
    options = ("--min-mib", "1", "--max-wait", "30s")
    assert follow_with(clock, watched, monkeypatch, *options) == 130
    assert by_window(watched.stream) == [[1, 2]]


def test_builds_each_file_as_it_comes(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    clock = Clock(*(functools.partial(watched.put, f"{n}.txt", [n, n + 1]) for n in range(3)))
    assert follow_with(clock, watched, monkeypatch) == 130
    assert by_window(watched.stream) == [[0, 1], [2], [3]]
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == f"waiting for window 0: no new file in {watched.folder}/* (0 files)"
    assert lines[-1] == "shardmill: interrupted; run the same command again to resume"


def wait_to_be_ended(*_: object) -> None:
    time.sleep(600)


def never_finishes() -> None:
    pipelines.run_build.finish = wait_to_be_ended


def test_sigterm_while_it_waits(watched: Watched) -> None:
    watched.put("a.txt", [1, 2])
    driver = Forked(main, watched.arguments("--settle", "0", "--every", "1h"))
    driver.wait_for(lambda: "waiting for window 1" in driver.written())
    driver.send(signal.SIGTERM)
    assert driver.ended() == 143
    assert driver.written().endswith("stopped by SIGTERM; run the same command again to resume\n")
    assert by_window(watched.stream) == [[1, 2]]


def test_sigterm_while_it_builds(watched: Watched, tmp_path: Path) -> None:
    watched.put("a.txt", [1, 2])
    driver = Forked(main, watched.arguments("--settle", "0"), first=never_finishes)
    driver.wait_for(lambda: list(watched.stream.glob("windows/*/train/*.arrow")) != [])
    driver.send(signal.SIGTERM)
    assert driver.ended() == 143
    assert driver.written().endswith("stopped by SIGTERM; run the same command again to resume\n")
    assert not (watched.stream / "index.json").exists()
    assert watched.follow() == 0
    undisturbed = Watched(tmp_path)
    undisturbed.stream = tmp_path / "alone"
    assert undisturbed.follow() == 0
    assert everything(watched.stream) == everything(undisturbed.stream)
