"""A file that was not touched is not read again, and one that was is."""

import os
import time
from pathlib import Path

import pytest

from pipelines.stages import digests
from pipelines.stages.digests import Digests, remote_entry
from schemas.errors import UsageError
from schemas.lock import WORK_FOLDER
from transforms.files.storage import FoundFile

A = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
B = "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.txt"
    path.write_text("a", "utf-8")
    return path


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were read to their end."""
    found: list[str] = []
    really = digests.file_sha256

    def file_sha256(path: str) -> str:
        found.append(os.path.basename(path))
        return really(path)

    monkeypatch.setattr(digests, "file_sha256", file_sha256)
    return found


def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes files that were written a moment ago old."""
    now = time.time_ns() + 3_000_000_000
    monkeypatch.setattr(digests.time, "time_ns", lambda: now)


def test_size_and_sha256(file: Path) -> None:
    entry = Digests(str(file.parent)).entry(str(file))
    assert (entry.bytes, entry.sha256) == (1, A)


def test_an_old_file_is_read_once(
    file: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    later(monkeypatch)
    first = Digests(str(file.parent))
    assert first.entry(str(file)) == first.entry(str(file))
    first.save()
    assert Digests(str(file.parent)).entry(str(file)).sha256 == A
    assert read == ["a.txt"]


def test_a_file_of_this_moment_is_read_again(file: Path, read: list[str]) -> None:
    first = Digests(str(file.parent))
    first.entry(str(file))
    first.save()
    Digests(str(file.parent)).entry(str(file))
    assert read == ["a.txt", "a.txt"]


def test_another_content_of_the_same_size_and_time_is_found(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later(monkeypatch)
    first = Digests(str(file.parent))
    before = file.stat()
    first.entry(str(file))
    first.save()
    time.sleep(0.02)
    file.write_text("b", "utf-8")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert Digests(str(file.parent)).entry(str(file)).sha256 == B


@pytest.mark.parametrize("content", [b"", b"{", b'{"/x": 3, "checksum": "0"}'])
def test_without_what_was_kept_files_are_read(content: bytes, file: Path) -> None:
    kept = file.parent / WORK_FOLDER / digests.DIGESTS
    kept.parent.mkdir()
    kept.write_bytes(content)
    assert Digests(str(file.parent)).entry(str(file)).sha256 == A


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"x.txt cannot be read: No such file or directory"):
        Digests(str(tmp_path)).entry(str(tmp_path / "x.txt"))


def test_a_file_of_a_store_is_known_by_size_and_time() -> None:
    one, same, other = (FoundFile("gs://b/x", 5, time) for time in (1.0, 1.0, 2.0))
    assert remote_entry(one) == remote_entry(same)
    assert remote_entry(one) != remote_entry(other)
    assert remote_entry(one).bytes == 5
