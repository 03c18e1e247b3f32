"""Spill files hold what was read, by shard, and their folder never outlives its run."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipelines.running import spill, spill_folder
from pipelines.running.spill import SpillWriter, read_chunks, read_rejected, spilled_bytes
from pipelines.running.spill_folder import remove_abandoned
from schemas.documents import Rejected, document_batch
from schemas.errors import UsageError
from transforms.read.shard_documents import pack_documents, unpack_documents
from transforms.records.shard_text import ShardPlan

_ROOT = Path(__file__).resolve().parents[4]
PLAN = ShardPlan(train=3, eval=1, eval_below=1 << 62)


def texts(first: int, count: int) -> list[bytes]:
    return [b"text %d" % number for number in range(first, first + count)]


def unpacked(folder: Path, number: int) -> set[bytes]:
    packed = read_chunks(folder, len(PLAN.shards), number)
    batches = [batch for each in packed for batch in unpack_documents(each)]
    found = [text for batch in batches for text in batch.column("text").to_pylist()]
    assert len(found) == len(set(found))
    return set(found)


def dealt(documents: pa.RecordBatch, number: int) -> set[bytes]:
    keys = b"".join(documents.column("key").to_pylist())
    numbers = PLAN.assign(np.frombuffer(keys, np.uint8).reshape(-1, 16))
    pairs = zip(numbers, documents.column("text").to_pylist(), strict=True)
    return {text for each, text in pairs if each == number}


def test_what_was_spilled_is_read_back_by_shard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several flushes, a worker that does not compress, one without text, an unwanted shard."""
    monkeypatch.setattr(spill, "_LEAST_BYTES", 300)
    monkeypatch.setattr(spill, "_CHUNK_BYTES", 1)
    wanted = frozenset({0, 1, 3})
    first = SpillWriter(tmp_path, 0, PLAN, wanted)
    for begin in range(0, 100, 5):
        first.add(document_batch(texts(begin, 5)))
    first.close()
    second = SpillWriter(tmp_path, 1, PLAN, wanted, compress=False)
    second.add(document_batch(texts(100, 7)))
    second.close()
    SpillWriter(tmp_path, 2, PLAN, wanted).close()

    everything = document_batch(texts(0, 107))
    for number in wanted:
        assert unpacked(tmp_path, number) == dealt(everything, number)
    assert unpacked(tmp_path, 2) == set()
    sizes = spilled_bytes(tmp_path, len(PLAN.shards))
    assert sizes.sum() == sum(path.stat().st_size for path in tmp_path.glob("*.chunks"))
    assert [size > 0 for size in sizes] == [True, True, False, True]
    assert (tmp_path / "0000.index").stat().st_size > 2 * 8 * (len(PLAN.shards) + 1)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_rejected_records_are_read_back(tmp_path: Path) -> None:
    records = [
        Rejected(source=f"\udcff{n}", offset=n, stage="read", reason="bad", excerpt="x")
        for n in range(5)
    ]
    for worker in (0, 1):
        writer = SpillWriter(tmp_path, worker, PLAN, frozenset())
        for record in records[worker::2]:
            writer.reject(record)
        writer.close()
    assert sorted(read_rejected(tmp_path), key=lambda record: record.offset) == records


def test_a_full_disk_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"no room left .* with --temp-dir"), spill._room(tmp_path):
        raise OSError(28, "No space left on device")


def test_text_is_compressed_unless_it_takes_little_of_the_disk(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(spill_folder, "free_bytes", lambda _: 10_000_000)
    assert spill_folder.is_ample("anywhere", 2.4e6)
    assert not spill_folder.is_ample("anywhere", 2.6e6)
    documents = document_batch([b"the same words " * 100] * 20)
    sizes = [len(pack_documents(documents, compress=each)) for each in (True, False)]
    assert sizes[0] * 5 < documents.nbytes <= sizes[1]


def test_too_little_room_is_told_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spill_folder, "free_bytes", lambda _: 10_000_000)
    with spill_folder.spill_folder(str(tmp_path / "new"), 16e6) as folder:
        assert folder.is_dir()
    told = r"about 12.0 GB of disk in .*new, and 10.0 MB are free.*--temp-dir"
    with (
        pytest.raises(UsageError, match=told),
        spill_folder.spill_folder(str(tmp_path / "new"), 20e9),
    ):
        raise AssertionError("it does not fit")
    assert not list(tmp_path.iterdir())


def test_the_folder_is_removed_with_its_files(tmp_path: Path) -> None:
    with (
        contextlib.suppress(ZeroDivisionError),
        spill_folder.spill_folder(str(tmp_path), 0) as folder,
    ):
        SpillWriter(folder, 0, PLAN, frozenset()).close()
        assert len(list(folder.iterdir())) > 1
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())


def test_folders_of_runs_that_were_killed_are_removed_and_no_others(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pipelines.running.spill_folder import spill_folder\n"
        "with spill_folder(sys.argv[1], 0) as folder:\n"
        "    (folder / '0000.chunks').touch(); (folder / '0000.index').touch()\n"
        "    print(folder, flush=True); time.sleep(60)"
    )
    run = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=_ROOT,
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    with run:
        assert run.stdout is not None
        folder = Path(run.stdout.readline().strip())
        remove_abandoned(str(tmp_path))
        assert (folder / "0000.chunks").exists()
        run.send_signal(signal.SIGKILL)
        run.wait()
    others = [tmp_path / "shardmill-spill-mine", tmp_path / "shardmill-spill-0123456789ab"]
    for each in others:
        each.mkdir()
    (others[1] / "notes.txt").write_text("mine")
    (others[1] / "0000.index").touch()
    (tmp_path / "shardmill-spill-0123456789ac").symlink_to(tmp_path)
    until = time.monotonic() + 20
    while folder.exists():
        remove_abandoned(str(tmp_path))
        assert time.monotonic() < until
    assert (others[1] / "notes.txt").read_text() == "mine"
    assert others[0].is_dir()
    assert (tmp_path / "shardmill-spill-0123456789ac").is_symlink()
    remove_abandoned(str(tmp_path / "nothing"))
