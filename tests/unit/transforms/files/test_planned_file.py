import bz2
import gzip
import io
import itertools
import lzma
import os
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import pipelines.planning.files
from pipelines.planning.files import read_file
from schemas.errors import UsageError
from transforms.files.inputs import plan_ranges
from transforms.files.planned_file import PlannedFile, ReadError
from transforms.read.formats import read_range
from transforms.read.input_files import check_unchanged, match_inputs


def test_reads_what_was_planned_and_no_more() -> None:
    file = PlannedFile(io.BytesIO(b"abcdef grown"), "a", 6)
    assert [file.read(4), file.read(4), file.read(4), file.read()] == [b"abcd", b"ef", b"", b""]
    assert file.seek(-2, io.SEEK_END) == 4
    assert (file.read(), file.tell()) == (b"ef", 6)


@pytest.mark.parametrize("size", [-1, 3, 100])
def test_a_file_that_ends_early_is_an_error(size: int) -> None:
    file = PlannedFile(io.BytesIO(b"abc"), "a.txt", 5)
    with pytest.raises(
        ReadError, match=r"^a\.txt ends at byte 3, and had 5 bytes when the run was"
    ):
        list(iter(lambda: file.read(size), b""))


def planted(folder: Path, name: str) -> Path:
    path = folder / name
    if name.endswith(".parquet"):
        pq.write_table(pa.table({"text": ["one " * 100, "two"]}), path)
    elif name.endswith(".gz"):
        path.write_bytes(pa.Codec("gzip").compress(b"one\n\ntwo\n" * 9, asbytes=True))
    else:
        path.write_bytes(b'{"text": "one"}\n' * 9)
    return path


@pytest.mark.parametrize("name", ["a.txt", "a.lines", "a.jsonl", "a.txt.gz", "a.parquet"])
@pytest.mark.parametrize("left", [0, 1, -1])
def test_every_format_tells_of_a_file_that_was_cut(tmp_path: Path, name: str, left: int) -> None:
    path = planted(tmp_path, name)
    parts = plan_ranges(match_inputs([str(path)]))
    path.write_bytes(path.read_bytes()[:left])
    with path.open("rb") as file, pytest.raises(ReadError, match=rf"^{path} ends at byte \d+, and"):
        list(itertools.chain.from_iterable(read_range(file, part) for part in parts))


@pytest.mark.parametrize("name", ["a.txt", "a.lines", "a.jsonl", "a.txt.gz", "a.parquet"])
def test_what_was_appended_is_not_read(tmp_path: Path, name: str) -> None:
    path = planted(tmp_path, name)
    [part] = plan_ranges(match_inputs([str(path)]))
    with path.open("rb") as file:
        before = [batch.texts for batch in read_range(file, part)]
    with path.open("ab") as file:
        file.write(path.read_bytes())
    with path.open("rb") as file:
        assert [batch.texts for batch in read_range(file, part)] == before


def test_changes_are_found_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("text")
    files = match_inputs([str(path)])
    check_unchanged(files)
    os.utime(path, (1, 1))
    with pytest.raises(
        ReadError, match=r"a\.txt was written again after the run was planned; leave the input"
    ):
        check_unchanged(files)
    path.write_text("longer text")
    with pytest.raises(
        ReadError, match=r"changed after the run was planned: it had 4 bytes then, and has 11 now;"
    ):
        check_unchanged(files)
    path.unlink()
    with pytest.raises(
        ReadError, match=r"a\.txt is gone, and was there when the run was planned; leave the input"
    ):
        check_unchanged(files)
    os.mkfifo(path)
    with pytest.raises(OSError, match="is a named pipe"):
        check_unchanged(files)


def test_a_file_of_several_names_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.txt").write_text("text")
    (tmp_path / "b.txt").symlink_to("a.txt")
    (tmp_path / "link").symlink_to(".")
    monkeypatch.chdir(tmp_path)
    patterns = [f"{tmp_path}/*.txt", "a.txt", "./a.txt", "link/a.txt"]
    for given in (patterns, patterns[::-1]):
        assert [file.path for file in match_inputs(given)] == ["./a.txt"]
    assert [file.path for file in match_inputs(["b.txt"])] == ["b.txt"]


COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "zst": lambda data: pa.Codec("zstd").compress(data, asbytes=True),
    "xz": lzma.compress,
}


@pytest.mark.parametrize("suffix", COMPRESS)
def test_small_files_may_be_compressed_and_are_whole(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"terms.txt.{suffix}"
    stored = COMPRESS[suffix](b"one\n") + COMPRESS[suffix](b"two\n" * 999)
    path.write_bytes(stored)
    assert read_file(str(path), "--markers") == "one\n" + "two\n" * 999
    path.write_bytes(stored[:-9])
    with pytest.raises(UsageError, match=rf"^--markers {path}: cannot be read: "):
        read_file(str(path), "--markers")


def test_small_files_are_regular_and_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "dangling").symlink_to("gone")
    (tmp_path / "a[1]*.txt").write_text("\ufefftext")
    (tmp_path / "latin").write_bytes(b"caf\xe9")
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(257 << 20)
    assert read_file(f"{tmp_path}/a[1]*.txt", "--counts") == "text"
    for name, reason in {
        "pipe": "pipe is a named pipe, and only regular files",
        "dangling": "dangling is a link to gone, which does not exist",
        "": "is a folder; name a file",
        "none": "there is no such file",
        "latin": "not UTF-8 text",
        "sparse": "longer than 256 MiB",
    }.items():
        with pytest.raises(UsageError, match=f"^--tokenizer.*{reason}"):
            read_file(f"{tmp_path}/{name}", "--tokenizer")
    for path in ("/dev/zero", "/dev/stdin", ""):
        with pytest.raises(UsageError, match=r"^--markers\b.*: "):
            read_file(path, "--markers")
    monkeypatch.setattr(pipelines.planning.files, "_OTHERS_MOST_MIB", 0)
    with pytest.raises(UsageError, match="longer than 0 MiB"):
        read_file(f"{tmp_path}/latin", "--markers")
