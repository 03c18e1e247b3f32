"""Following a bucket into a bucket, against an emulator of Google Cloud Storage on this machine.

The emulator puts objects whatever the condition. Where it matters the condition is looked at here,
in front of the client, one put at a time.
"""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pipelines.cli import main
from tests.support.follow_runs import by_window, documents, marked_tokenizer

storage = pytest.importorskip("google.cloud.storage")
PreconditionFailed = pytest.importorskip("google.api_core.exceptions").PreconditionFailed
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def bucket(emulator: str, request: pytest.FixtureRequest) -> Iterator[Any]:
    client = storage.Client.create_anonymous_client()
    client.project = "test"
    bucket = client.create_bucket(f"f{abs(hash(request.node.name)) % 10**9}")
    yield bucket
    bucket.delete(force=True)


@pytest.fixture
def conditions(emulator: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the client look whether there is an object before it puts one that must be new."""
    upload, one = storage.Blob.upload_from_string, threading.Lock()

    def conditional(blob: Any, data: bytes, *more: Any, **options: Any) -> None:
        with one:
            wanted = options.get("if_generation_match")
            there = blob.bucket.get_blob(blob.name) if wanted is not None else None
            if wanted is not None and (there.generation if there else 0) != wanted:
                raise PreconditionFailed("conditionNotMet")
            upload(blob, data, *more, **options)

    monkeypatch.setattr(storage.Blob, "upload_from_string", conditional)


def arguments(watched: str, stream: str, *options: str) -> list[str]:
    given = ["--watch", f"{watched}/*", "--output", stream, "--shards", "1", "--copies", "1"]
    given += ["--tokenizer", str(marked_tokenizer()), "--eval-fraction", "0", "--settle", "0"]
    return ["follow", "bert", *given, *options]


def names(bucket: Any, folder: str) -> set[str]:
    return {blob.name for blob in bucket.list_blobs(prefix=f"{folder}/")}


def downloaded(bucket: Any, folder: Path) -> Path:
    """Returns a copy of the stream on this machine."""
    for blob in bucket.list_blobs(prefix="out/"):
        path = folder / blob.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(blob.download_as_bytes())
    return folder / "out"


def shards(stream: Path) -> dict[str, bytes]:
    found = [*stream.rglob("*.arrow"), *stream.rglob("*.keys"), *stream.rglob("*.arrows")]
    return {str(path.relative_to(stream)): path.read_bytes() for path in found}


def test_a_bucket_is_followed_as_a_folder(bucket: Any, tmp_path: Path, capsys: Captured) -> None:
    root = f"gs://{bucket.name}"
    (tmp_path / "in").mkdir()
    for name, numbers in (("a", [1]), ("b", [1, 2, 3]), ("a", [1, 4])):
        content = documents(numbers)
        bucket.blob(f"in/{name}.txt").upload_from_string(content)
        (tmp_path / "in" / f"{name}.txt").write_bytes(content)
        assert main(arguments(f"{root}/in", f"{root}/out", "--once")) == 0
        assert main(arguments(f"{tmp_path}/in", f"{tmp_path}/local", "--once")) == 0
    there = downloaded(bucket, tmp_path / "there")
    assert by_window(there) == [[], [1, 2, 3], []]
    assert shards(there) == shards(tmp_path / "local")
    local = {str(p.relative_to(tmp_path / "local")) for p in (tmp_path / "local").rglob("*.*")}
    local = {name for name in local if (tmp_path / "local" / name).is_file()}
    assert {name.removeprefix("out/") for name in names(bucket, "out")} == local
    assert main(arguments(f"{root}/in", f"{root}/out", "--once", "--seed", "7")) == 2
    assert "holds another stream" in capsys.readouterr().err
    assert main(arguments(f"{root}/in", f"{root}/in", "--once")) == 2
    assert "is not empty and holds no stream" in capsys.readouterr().err


@pytest.mark.usefixtures("conditions")
def test_two_drivers_of_a_bucket(bucket: Any, tmp_path: Path) -> None:
    root = f"gs://{bucket.name}"
    given = arguments(f"{root}/in", f"{root}/out", "--once")
    for number, numbers in enumerate(([1, 2], [2, 3, 4])):
        bucket.blob(f"in/{number}.txt").upload_from_string(documents(numbers))
        with ThreadPoolExecutor(2) as drivers:
            assert [*drivers.map(main, [given, given])] == [0, 0]
    there = downloaded(bucket, tmp_path)
    assert by_window(there) == [[1, 2], [3, 4]]
    assert not [name for name in names(bucket, "out") if ".shardmill" in name or ".tmp" in name]
