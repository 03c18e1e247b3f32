"""What is read of a folder that the user names is a file: nothing waits, and nothing never ends."""

import os
from pathlib import Path

import numpy as np
import pytest

from schemas.errors import UsageError
from schemas.lock import hold_file
from schemas.regular_files import read_regular
from tests.support.bad_options import run
from trainer.checkpoint_files import read_meta
from trainer.loader.open_corpus import open_local_corpus
from trainer.models.entity_embeddings import read_embeddings
from transforms.files.work_folder import read_bytes


def stand_in(path: Path, kind: str) -> Path:
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    return path


KINDS = pytest.mark.parametrize("kind", ["pipe", "device", "folder"])


def test_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"ab\0\n")
    (tmp_path / "b").symlink_to("a")
    assert read_regular(tmp_path / "a") == read_regular(str(tmp_path / "b")) == b"ab\0\n"
    assert read_bytes(str(tmp_path / "a")) == b"ab\0\n"


@KINDS
def test_nothing_else_is_read(kind: str, tmp_path: Path) -> None:
    told = "Is a directory" if kind == "folder" else "Is no regular file"
    path = stand_in(tmp_path / "a", kind)
    with pytest.raises(OSError, match=told):
        read_bytes(str(path))
    with pytest.raises(UsageError, match=told):
        read_embeddings(str(path), ["a"])
    stand_in(tmp_path / "manifest.json", kind)
    with pytest.raises(UsageError, match=told):
        open_local_corpus(tmp_path)
    stand_in(tmp_path / "checkpoint.json", kind)
    with pytest.raises(ValueError, match=told):
        read_meta(tmp_path)
    assert run("verify", [str(tmp_path)]).status == 1


def test_embeddings_that_are_no_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    for content, told in [(b"", "cannot be read"), (b"PK\3\4", "cannot be read")]:
        path.write_bytes(content)
        with pytest.raises(UsageError, match=told):
            read_embeddings(str(path), ["a"])
    np.save(path, np.array([["b"]]))
    with pytest.raises(UsageError, match="values of type <U1, not numbers"):
        read_embeddings(str(path), ["a"])


def test_a_place_where_nothing_can_be_made_is_no_reason_to_wait() -> None:
    with pytest.raises(UsageError, match="cannot write to /proc/x"), hold_file(Path("/proc/x"), ""):
        pass
