"""Which documents enter a shard of a window, and which wait, against plain sets."""

from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

import transforms.stream.fresh_shards
from schemas.checked_json import DamagedError
from schemas.documents import anchored_batch, document_batch, keys_of
from transforms.arrays.randomness import rng_for
from transforms.files.work_folder import (
    FolderRecord,
    LostFolderError,
    digest_of,
    write_record,
)
from transforms.read.shard_documents import pack_documents, unpack_documents
from transforms.records.shard_text import join_documents, plan_shards
from transforms.stream.fresh_shards import FreshShards, read_held

SHARD = "train-shard-00000-of-00001"


class Built:
    """What entered each shard, and how many of its documents an earlier window had."""

    def __init__(self) -> None:
        self.entered: list[list[bytes]] = []
        self.dropped: list[int] = []

    def __call__(
        self, _builders: object, _number: int, packed: Iterable[bytes], dropped: int
    ) -> Iterable[Any]:
        text = join_documents(
            [batch for part in packed for batch in unpack_documents(part)], deduplicate=True
        )
        self.entered.append(sorted(text.data.tobytes().split(b"\n")[:-1]))
        self.dropped.append(dropped)
        return []


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> Built:
    built = Built()
    monkeypatch.setattr(transforms.stream.fresh_shards, "build_shard", built)
    return built


def window(
    stream: Path,
    number: int,
    *batches: pa.RecordBatch,
    documents: int = 1,
    text_bytes: int = 0,
    owner: str = "",
) -> None:
    """Builds the only shard of a window of some documents."""
    shards = FreshShards(
        stream=str(stream), window=number, documents=documents, text_bytes=text_bytes
    )
    builder: Any = SimpleNamespace(plan=plan_shards(0, 1, 0.0), output=str(stream), owner=owner)
    assert list(shards([builder], 0, map(pack_documents, batches))) == []


def held(stream: Path, number: int) -> list[bytes]:
    batches = read_held(str(stream), number, SHARD)
    return [text for batch in batches for text in batch.column("text").to_pylist()]


def texts(*given: bytes) -> pa.RecordBatch:
    return document_batch(given)


def test_a_document_enters_the_first_window_that_has_it(tmp_path: Path, built: Built) -> None:
    window(tmp_path, 0, texts(b"one", b"two", b"one"))
    window(tmp_path, 1, texts(b"two", b"three"), texts(b"one"))
    window(tmp_path, 2, texts(b"three", b"one"))
    window(tmp_path, 3)
    window(tmp_path, 4, texts(b"four"))
    assert built.entered == [[b"one", b"two"], [b"three"], [], [], [b"four"]]
    assert built.dropped == [0, 2, 2, 0, 0]


def test_too_few_wait_for_more(tmp_path: Path, built: Built) -> None:
    window(tmp_path, 0, texts(b"one", b"one"), documents=2)
    assert held(tmp_path, 0) == [b"one", b"one"]
    window(tmp_path, 1, documents=2)
    window(tmp_path, 2, texts(b"one"), documents=2)
    assert held(tmp_path, 2) == [b"one", b"one"]
    window(tmp_path, 3, texts(b"two"), documents=2)
    window(tmp_path, 4, texts(b"one", b"two", b"three"), documents=2)
    assert built.entered == [[], [], [], [b"one", b"two"], []]
    assert (held(tmp_path, 3), held(tmp_path, 4)) == ([], [b"three"])
    assert built.dropped == [0, 0, 1, 0, 2]


@pytest.mark.parametrize(("bytes_needed", "waits"), [(6, False), (7, True)])
def test_too_little_text_waits(
    tmp_path: Path, built: Built, bytes_needed: int, waits: bool
) -> None:
    """What is there twice counts once."""
    window(tmp_path, 0, texts(b"one", b"one"), texts(b"two"), text_bytes=bytes_needed)
    assert built.entered == [[] if waits else [b"one", b"two"]]
    assert sorted(held(tmp_path, 0)) == ([b"one", b"one", b"two"] if waits else [])


def test_no_document_does_not_wait(tmp_path: Path, built: Built) -> None:
    window(tmp_path, 0, documents=2, text_bytes=100)
    assert not (tmp_path / "held").exists()
    assert built.entered == [[]]


def test_what_waits_does_not_depend_on_the_order(tmp_path: Path, built: Built) -> None:
    many = [b"%d" % number for number in range(20)]
    for folder, order in (("a", many), ("b", many[::-1])):
        batches = [texts(*order[begin : begin + 3]) for begin in range(0, 20, 3)]
        window(tmp_path / folder, 0, *batches, documents=30)
    a, b = (tmp_path / folder / "held" / "00000000" / f"{SHARD}.arrows" for folder in "ab")
    assert a.read_bytes() == b.read_bytes()


def test_a_window_that_was_cut_off_is_built_again(tmp_path: Path, built: Built) -> None:
    """With other files too: what it held back before is given up."""
    window(tmp_path, 0, texts(b"one"), documents=2)
    window(tmp_path, 0, texts(b"one", b"two"), documents=2)
    window(tmp_path, 1, texts(b"one", b"two"), documents=2)
    assert built.entered == [[], [b"one", b"two"], []]
    assert (held(tmp_path, 0), held(tmp_path, 1)) == ([], [])
    window(tmp_path, 1, texts(b"three"), documents=2)
    window(tmp_path, 2, texts(b"two", b"three", b"four"), documents=2)
    assert built.entered[3:] == [[], [b"four", b"three"]]


def test_labels_wait_with_their_documents(tmp_path: Path, built: Built) -> None:
    """A text with another label is another document."""
    window(tmp_path, 0, document_batch([b"a\nb"], [1]), documents=3)
    window(tmp_path, 1, document_batch([b"a\nb", b"a\nb"], [1, 0]), documents=3)
    [batch] = read_held(str(tmp_path), 1, SHARD)
    found = zip(batch.column("text").to_pylist(), batch.column("labels").to_pylist(), strict=True)
    assert sorted(found) == [(b"a\nb", [0]), (b"a\nb", [1])]
    window(tmp_path, 2, document_batch([b"c\nd"], [0]), documents=3)
    assert len(built.entered[2]) == 6
    assert built.dropped == [0, 1, 0]


def test_anchors_wait_with_their_documents(tmp_path: Path, built: Built) -> None:
    window(tmp_path, 0, anchored_batch([b"one", b"two"], [b'[[0, 3, "Q1"]]', b""]), documents=3)
    [batch] = read_held(str(tmp_path), 0, SHARD)
    found = zip(batch.column("text").to_pylist(), batch.column("anchors").to_pylist(), strict=True)
    assert sorted(found) == [(b"one", b'[[0, 3, "Q1"]]'), (b"two", b"")]
    window(tmp_path, 1, anchored_batch([b"one", b"three"], [b"", b""]), documents=3)
    assert built.entered == [[], [b"one", b"three", b"two"]]


@pytest.mark.parametrize("documents", [1, 2, 5])
def test_random_windows_against_sets(tmp_path: Path, built: Built, documents: int) -> None:
    rng = rng_for(documents, "windows")
    seen, waiting = set[bytes](), set[bytes]()
    for number in range(30):
        came = [
            [b"%d" % text for text in rng.integers(0, 90, rng.integers(1, 5))]
            for _ in range(rng.integers(3))
        ]
        window(tmp_path, number, *(texts(*each) for each in came), documents=documents)
        waiting |= {text for each in came for text in each} - seen
        seen |= waiting
        entering = sorted(waiting) if len(waiting) >= documents else []
        waiting -= set(entering)
        assert built.entered[-1] == entering
        assert set(held(tmp_path, number)) == waiting
    entered = [text for each in built.entered for text in each]
    assert len(entered) == len(set(entered)) > 40
    assert {*entered, *waiting} == seen


def test_a_worker_that_outlived_its_command_changes_nothing(tmp_path: Path, built: Built) -> None:
    """Another command builds the window without a file: its documents are not taken for seen."""
    window(tmp_path, 0, texts(b"one"))
    [keys] = tmp_path.glob("keys/*/*")
    content = keys.read_bytes()
    (tmp_path / ".shardmill").mkdir()
    write_record(str(tmp_path), FolderRecord(command="build", identity={"inputs": 1}, files=()))
    with pytest.raises(LostFolderError):
        window(tmp_path, 0, texts(b"one", b"two"), owner=digest_of({"inputs": 2}))
    assert keys.read_bytes() == content
    window(tmp_path, 0, texts(b"one", b"two"), owner=digest_of({"inputs": 1}))
    assert keys.read_bytes() != content


def test_keys_of_a_part_of_a_batch() -> None:
    batch = texts(b"one", b"two", b"three")
    assert keys_of(batch.slice(1, 1)).tobytes() == batch.column("key")[1].as_py()
    assert keys_of(batch.slice(3)).shape == (0, 16)


@pytest.mark.parametrize("left", [1, 100, 300, 380])
def test_damaged_documents_are_told(tmp_path: Path, built: Built, left: int) -> None:
    window(tmp_path, 0, texts(b"one"), documents=2)
    path = tmp_path / "held" / "00000000" / f"{SHARD}.arrows"
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(DamagedError, match=f"{path} is damaged"):
        window(tmp_path, 1, texts(b"two"), documents=2)
