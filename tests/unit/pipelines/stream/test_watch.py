"""Which of the watched files are new, and which of them the next window has."""

import dataclasses
import gzip
import os
from pathlib import Path

import pytest

import pipelines.stream.watch
from pipelines.planning.follow_arguments import FollowOptions, parse_follow_options
from pipelines.stream.watch import Watch
from schemas.errors import UsageError
from schemas.stream import PlannedFile
from transforms.files.storage import FoundFile

NOW = 1_700_000_000.0


def options(folder: Path, *more: str) -> FollowOptions:
    given = ["roberta", "--tokenizer", "tok.json", "--output", f"{folder}/out"]
    watched = [] if "--watch" in more else ["--watch", f"{folder}/*.txt"]
    return parse_follow_options([*given, *watched, *more])


def put(path: Path, content: bytes = b"text\n", age: float = 100) -> PlannedFile:
    path.write_bytes(content)
    os.utime(path, (NOW - age, NOW - age))
    return PlannedFile(path=str(path), size=len(content), modified=NOW - age)


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipelines.stream.watch.time, "time", lambda: NOW)


def new(watch: Watch) -> list[str]:
    return [Path(file.path).name for file in watch.look().new]


def test_the_oldest_come_first(tmp_path: Path) -> None:
    for name, age in (("a", 10), ("b", 30), ("c", 20), ("d", 30)):
        put(tmp_path / f"{name}.txt", age=age)
    watch = Watch(options(tmp_path))
    assert new(watch) == ["b.txt", "d.txt", "c.txt", "a.txt"]
    assert (watch.look().files, watch.look().bytes, watch.look().unsettled) == (4, 20, 0)


def test_planned_files_are_new_when_they_change(tmp_path: Path) -> None:
    planned = [put(tmp_path / f"{name}.txt") for name in "abc"]
    watch = Watch(options(tmp_path))
    watch.note(planned)
    assert new(watch) == []
    put(tmp_path / "a.txt", b"longer text\n")
    put(tmp_path / "b.txt", age=99)
    assert new(watch) == ["a.txt", "b.txt"]
    put(tmp_path / "a.txt")
    put(tmp_path / "b.txt")
    assert new(watch) == []
    (tmp_path / "c.txt").unlink()
    assert watch.look().files == 2


def test_what_a_window_was_built_without_is_new_again(tmp_path: Path) -> None:
    planned = put(tmp_path / "a.txt")
    watch = Watch(options(tmp_path))
    watch.note([planned])
    later = put(tmp_path / "a.txt", b"later\n")
    watch.note([later])
    watch.forget([planned])
    assert new(watch) == []
    watch.forget([later])
    assert new(watch) == ["a.txt"]
    watch.forget([later])


def test_empty_files_are_not_new(tmp_path: Path) -> None:
    put(tmp_path / "a.txt", b"")
    watch = Watch(options(tmp_path))
    assert (new(watch), watch.look().files, watch.look().unsettled) == ([], 1, 0)
    put(tmp_path / "a.txt", b"x")
    assert new(watch) == ["a.txt"]


@pytest.mark.parametrize(
    ("age", "settled"), [(5.0, True), (4.9, False), (0.0, False), (-4.9, False), (-5.0, True)]
)
def test_files_that_were_just_written_wait(tmp_path: Path, age: float, settled: bool) -> None:
    """A time that is ahead is that of another clock, and waited for as long."""
    put(tmp_path / "a.txt", age=age)
    look = Watch(options(tmp_path, "--settle", "5s")).look()
    assert (len(look.new), look.unsettled) == ((1, 0) if settled else (0, 1))


def test_links_are_one_file(tmp_path: Path) -> None:
    put(tmp_path / "b.txt")
    (tmp_path / "a.txt").symlink_to("b.txt")
    patterns = ("--watch", f"{tmp_path}/*.txt", "--watch", f"{tmp_path}/b*")
    assert new(Watch(options(tmp_path, *patterns))) == ["a.txt"]


def test_files_in_the_stream_are_refused(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    put(tmp_path / "out" / "a.txt")
    put(tmp_path / "outer.txt")
    Watch(options(tmp_path, "--watch", f"{tmp_path}/*.txt")).look()
    (tmp_path / "link").symlink_to("out")
    for pattern in (f"{tmp_path}/**", f"{tmp_path}/link/a.txt"):
        with pytest.raises(UsageError, match=r"--watch finds .*a\.txt, which lies in --output"):
            Watch(options(tmp_path, "--watch", pattern)).look()


def test_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^--watch: .* is a folder; to watch .* write .*/\*"):
        Watch(options(tmp_path, "--watch", f"{tmp_path}/"))


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    pattern = f"{tmp_path}/nowhere/*.txt"
    with pytest.raises(UsageError, match=r"^--watch: .*: there is no folder .*/nowhere; make it"):
        Watch(options(tmp_path, "--watch", pattern))
    (tmp_path / "nowhere").mkdir()
    assert new(Watch(options(tmp_path, "--watch", pattern))) == []


def test_a_window_has_as_much_as_its_shards_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest, one at least, and ordered by name then."""
    monkeypatch.setattr(pipelines.stream.watch, "SHARD_BYTES", 10)
    files = [("d", 40), ("c", 30), ("b", 20), ("a", 10)]
    planned = {name: put(tmp_path / f"{name}.txt", b"12345678\n", age) for name, age in files}
    watch = Watch(options(tmp_path, "--shards", "2"))
    chosen = watch.next_files(watch.look().new)
    assert chosen == [planned["c"], planned["d"]]
    watch.note(chosen)
    assert watch.next_files(watch.look().new) == [planned["a"], planned["b"]]
    put(tmp_path / "large.txt", b"x" * 1000, age=50)
    [large] = watch.next_files(watch.look().new)
    assert large.size == 1000


def test_compressed_files_take_more_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipelines.stream.watch, "SHARD_BYTES", 100)
    for name in "ab":
        put(tmp_path / f"{name}.txt.gz", gzip.compress(b"text\n"))
    watch = Watch(options(tmp_path, "--watch", f"{tmp_path}/*.gz", "--shards", "1"))
    assert len(watch.next_files(watch.look().new)) == 1


def test_files_that_are_not_what_they_are_called_are_told(tmp_path: Path) -> None:
    put(tmp_path / "a.txt", b"%PDF-1.7\n" + bytes(100))
    watch = Watch(options(tmp_path))
    with pytest.raises(UsageError, match=r"^--watch: .*a\.txt"):
        watch.next_files(watch.look().new)


def test_plans_have_addresses_without_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed = "https://me:word@host/a.txt?sig=12ab&page=1"
    found = FoundFile(signed, 5, NOW - 100)
    monkeypatch.setattr(pipelines.stream.watch, "match", lambda _: [found])
    monkeypatch.setattr(pipelines.stream.watch, "check_heads", lambda *_: None)
    watch = Watch(options(tmp_path, "--watch", signed))
    [planned] = watch.next_files(watch.look().new)
    assert planned.path == "https://host/a.txt?&page=1"
    [described] = watch.inputs([planned])
    assert described.path == watch.address(planned.path) == signed
    watch.note([planned])
    assert not watch.look().new
    watch.forget([planned])
    # A plan of a release that stored them.
    watch.note([dataclasses.replace(planned, path="https://me:old@host/a.txt?sig=old&page=1")])
    assert not watch.look().new
    assert watch.address("https://me:old@host/a.txt?sig=old&page=1") == signed
    assert watch.address("/in/b.txt") == "/in/b.txt"
