"""Content is on the disk before its name, and the name before the next step."""

import os
import time
from pathlib import Path

import pytest

from transforms.files.atomic_files import (
    atomic_file,
    delete_leftovers,
    named_by_temporary,
    temporary_name,
    write_atomically,
)
from transforms.files.checked_files import file_sha256
from transforms.files.work_folder import Note, intact_notes, note_of, read_notes, write_noted


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is made sure to be on the disk, and what gets its name, in order."""
    seen: list[str] = []
    fsync, rename = os.fsync, os.rename

    def name_of(path: str) -> str:
        name = Path(path).name
        return named_by_temporary(name) or name

    def spy_sync(number: int) -> None:
        path = os.readlink(f"/proc/self/fd/{number}")
        seen.append(f"sync {name_of(path)}{'/' if Path(path).is_dir() else ''}")
        fsync(number)

    def spy_rename(source: str, target: str) -> None:
        assert named_by_temporary(Path(source).name) == Path(target).name
        seen.append(f"name {Path(target).name}")
        rename(source, target)

    monkeypatch.setattr(os, "fsync", spy_sync)
    monkeypatch.setattr(os, "rename", spy_rename)
    return seen


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
def test_a_file_its_note_and_their_folders(tmp_path: Path, steps: list[str]) -> None:
    (tmp_path / "out" / ".shardmill").mkdir(parents=True)
    (tmp_path / "out" / "train").mkdir()
    write_noted(str(tmp_path / "out"), "train/x", b"content")
    assert steps == [
        "sync x",
        "sync train-x.note",
        "name train-x.note",
        "sync .shardmill/",
        "name x",
        "sync train/",
    ]
    assert (tmp_path / "out" / "train" / "x").read_bytes() == b"content"


def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    def refuse() -> None:
        raise OSError("no")

    (tmp_path / "x").write_text("before")
    with pytest.raises(OSError, match="no"):
        write_atomically(str(tmp_path / "x"), b"after", refuse)
    with pytest.raises(TypeError), atomic_file(str(tmp_path / "x")) as file:
        file.write("no bytes")  # type: ignore[arg-type]
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    assert (tmp_path / "x").read_text() == "before"


def test_a_link_is_replaced_and_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "x").symlink_to(tmp_path / "mine")
    write_atomically(str(tmp_path / "x"), b"ours")
    assert (tmp_path / "mine").read_text() == "mine"
    assert (tmp_path / "x").read_text() == "ours"


@pytest.mark.parametrize(
    ("name", "final"),
    [
        (".a.arrow.0123456789ab.tmp", "a.arrow"),
        ("..a.0123456789ab.tmp", ".a"),
        (".a.0123456789AB.tmp", None),
        (".a.0123456789a.tmp", None),
        ("a.0123456789ab.tmp", None),
        (".0123456789ab.tmp", None),
        (".a.tmp", None),
    ],
)
def test_names_of_halves(name: str, final: str | None) -> None:
    assert named_by_temporary(name) == final


def test_notes_tell_what_is_whole(tmp_path: Path) -> None:
    (tmp_path / ".shardmill").mkdir()
    note = write_noted(str(tmp_path), "a", b"one")
    assert note == Note(path="a", bytes=3, sha256=file_sha256(str(tmp_path / "a")))
    assert note == note_of("a", b"one")
    write_noted(str(tmp_path), "b", b"two")
    assert [each.path for each in read_notes(str(tmp_path), ["a", "b", "c"])] == ["a", "b"]
    (tmp_path / "b").write_bytes(b"twx")
    assert intact_notes(str(tmp_path), ["a", "b", "c"]) == {"a": note}
    (tmp_path / ".shardmill" / "a.note").write_text("{}")
    assert intact_notes(str(tmp_path), ["a", "b"]) == {}


def left_behind(path: Path, age: float = 3600) -> Path:
    """Makes what a writer that was killed has left of a file."""
    half = Path(temporary_name(str(path)))
    half.write_bytes(b"half")
    then = time.time() - age
    os.utime(half, (then, then))
    return half


def test_what_killed_writers_left_of_a_file_is_deleted(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_bytes(b"whole")
    left_behind(page)
    left_behind(page)
    kept = [
        left_behind(tmp_path / "other.html"),
        left_behind(tmp_path / "page.html.html"),
        left_behind(page, age=5),
        page,
        tmp_path / ".page.html.mine.tmp",
        tmp_path / ".page.html.0123456789ab.tmp.bak",
    ]
    for each in kept[-2:]:
        each.write_bytes(b"mine")
    folder = Path(temporary_name(str(page)))
    folder.mkdir()
    link = Path(temporary_name(str(page)))
    link.symlink_to(kept[0])
    delete_leftovers(str(page))
    assert sorted(tmp_path.iterdir()) == sorted([*kept, folder, link])
    delete_leftovers(str(tmp_path / "nowhere" / "page.html"))


def test_a_file_that_is_being_written_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    with atomic_file(str(page)) as file:
        file.write(b"slow")
        file.flush()
        [half] = tmp_path.iterdir()
        os.utime(half, (0, 0))
        delete_leftovers(str(page))
        assert half.exists()
    assert page.read_bytes() == b"slow"
