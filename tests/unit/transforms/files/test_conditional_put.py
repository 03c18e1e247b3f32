"""One of several writers puts a file, and nobody sees half of it."""

import concurrent.futures
import errno
import os
import re
import threading
from pathlib import Path
from typing import NoReturn

import pytest

from schemas.errors import UsageError
from transforms.files import conditional_put
from transforms.files.conditional_objects import ConditionError
from transforms.files.conditional_put import put_if_absent, replace_if_same


def refuse_links(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def link(*_: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", link)


@pytest.fixture(params=["links", "renames"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """By hard links, and where there are none."""
    if request.param == "renames":
        refuse_links(errno.EPERM, monkeypatch)
    return request.param


def test_the_first_is_there_and_the_second_is_told(tmp_path: Path, way: str) -> None:
    path = tmp_path / "new" / "deep" / "a[1] 文*"
    assert put_if_absent(str(path), b"first") is True
    assert put_if_absent(str(path), b"second") is False
    assert put_if_absent(str(path), b"first") is False
    assert path.read_bytes() == b"first"
    assert os.listdir(path.parent) == ["a[1] 文*"]


def test_a_name_that_is_no_file_is_taken(tmp_path: Path, way: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("nowhere")
    assert not put_if_absent(str(tmp_path / "folder"), b"x")
    assert not put_if_absent(str(tmp_path / "link"), b"x")
    assert sorted(os.listdir(tmp_path)) == ["folder", "link"]


def test_one_of_many_wins(tmp_path: Path, way: str) -> None:
    path = tmp_path / "x"
    together = threading.Barrier(8)

    def put(number: int) -> bool:
        together.wait()
        return put_if_absent(str(path), b"%d" % number * 100_000)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        won = list(pool.map(put, range(8)))
    assert sum(won) == 1
    assert path.read_bytes() == b"%d" % won.index(True) * 100_000
    assert os.listdir(tmp_path) == ["x"]


def test_content_is_on_the_disk_before_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x"
    seen: list[tuple[bool, bool]] = []
    fsync = os.fsync

    def spy(number: int) -> None:
        [size] = {each.stat().st_size for each in tmp_path.iterdir()}
        assert size == 7
        seen.append((os.path.isdir(f"/proc/self/fd/{number}"), path.exists()))
        fsync(number)

    monkeypatch.setattr(os, "fsync", spy)
    assert put_if_absent(str(path), b"content")
    assert seen == [(False, False), (True, True)]


def test_a_link_whose_answer_was_lost_is_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = os.link

    def lost(source: str, target: str) -> NoReturn:
        link(source, target)
        raise FileExistsError(errno.EEXIST, "File exists")

    monkeypatch.setattr(os, "link", lost)
    assert put_if_absent(str(tmp_path / "x"), b"content")
    assert os.listdir(tmp_path) == ["x"]


def test_what_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_links(errno.ENOSPC, monkeypatch)
    with pytest.raises(OSError, match="No space left"):
        put_if_absent(str(tmp_path / "x"), b"content")
    assert os.listdir(tmp_path) == []


def test_a_file_system_that_can_neither_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_links(errno.ENOTSUP, monkeypatch)
    monkeypatch.setattr(conditional_put.ctypes, "CDLL", lambda *_, **__: object())
    path = str(tmp_path / "x")
    with pytest.raises(UsageError, match=re.escape(f"{path} lies on a file system that has no ")):
        put_if_absent(path, b"content")
    assert os.listdir(tmp_path) == []


def test_other_stores_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conditional_put, "exists", lambda _: False)
    with pytest.raises(ConditionError, match="allowed are local folders, gs:// and s3://"):
        put_if_absent("hdfs://server/x", b"content")
    with pytest.raises(ConditionError, match="hdfs://server/x lies in a store that cannot"):
        replace_if_same("hdfs://server/x", b"content", b"before")
