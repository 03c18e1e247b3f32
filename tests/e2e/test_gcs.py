"""Building from and to gs://, against an emulator of Google Cloud Storage on this machine."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

import pipelines.run_build
from pipelines.cli import main
from pipelines.folder import remote_lock
from pipelines.running.local_runner import LocalRunner
from schemas.errors import RunError, UsageError
from schemas.lock_holder import this_process
from schemas.manifest_file import parse_manifest
from schemas.word_list import read_word_list
from tests.support.followed_streams import followed_stream
from transforms.files import conditional_put
from transforms.files.paths import delete_files, exists, is_folder, list_folder, status
from transforms.files.patterns import match

storage = pytest.importorskip("google.cloud.storage")
PreconditionFailed = pytest.importorskip("google.api_core.exceptions").PreconditionFailed

Digests = Callable[[Path], dict[str, str]]
Build = Callable[..., int]


@pytest.fixture
def bucket(emulator: str, sample: Path, request: pytest.FixtureRequest) -> Iterator[Any]:
    """An empty bucket but for the sample, in corpus/."""
    client = storage.Client.create_anonymous_client()
    client.project = "test"
    name = f"b{abs(hash(request.node.name)) % 10**9}"
    bucket = client.create_bucket(name)
    for path in sorted(sample.glob("*.txt")):
        bucket.blob(f"corpus/{path.name}").upload_from_filename(str(path))
    yield bucket
    bucket.delete(force=True)


def names(bucket: Any) -> set[str]:
    found = {blob.name for blob in bucket.list_blobs()}
    return {name for name in found if not name.startswith("corpus/")}


def remote_digests(bucket: Any, folder: str) -> dict[str, str]:
    return {
        blob.name.removeprefix(f"{folder}/"): hashlib.sha256(blob.download_as_bytes()).hexdigest()
        for blob in bucket.list_blobs(prefix=f"{folder}/")
        if blob.name.endswith(".arrow")
    }


def read(path: str) -> bytes:
    with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
        return file.read()


@pytest.mark.parametrize("options", [[], ["--workers", "2"]], ids=["one-worker", "two-workers"])
def test_builds_the_same_as_locally(
    start_build: Callable[..., Any],
    build: Build,
    digests: Digests,
    bucket: Any,
    tmp_path: Path,
    options: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One worker is this process; two are started, as is the program, which takes seconds."""
    out, text = f"gs://{bucket.name}/out", ["--input", f"gs://{bucket.name}/corpus/*.txt"]
    if options:
        process = start_build(out, *text, *options)
        output, errors = process.communicate()
        assert process.returncode == 0, errors
    else:
        assert build(out, *text) == 0
        output = capsys.readouterr().out
    assert "80 documents" in output

    assert build(tmp_path / "out") == 0
    local = digests(tmp_path / "out")
    assert remote_digests(bucket, "out") == local
    kept = {f"out/{path.relative_to(tmp_path / 'out')}" for path in (tmp_path / "out").rglob("*.*")}
    assert names(bucket) == kept

    manifest = parse_manifest(read(f"gs://{bucket.name}/out/manifest.json")).to_json()
    entries = [shard for split in manifest["splits"].values() for shard in split["shards"]]
    for entry in entries:
        shard = read(f"gs://{bucket.name}/out/{entry['path']}")
        assert hashlib.sha256(shard).hexdigest() == entry["sha256"] == local[entry["path"]]


def test_words_are_counted_in_a_store(bucket: Any) -> None:
    # Of a count that was killed, and of somebody else.
    killed = ".words.txt.0123456789ab.counting/counted-00000-of-00001.json"
    for name in (killed, ".words.txt.counting"):
        bucket.blob(f"deep/{name}").upload_from_string("")
    out = f"gs://{bucket.name}/deep/words.txt"
    counting = ["vocab", "--model", "words"]
    text = ["--input", f"gs://{bucket.name}/corpus/*.txt"]
    assert main([*counting, *text, "--output", out]) == 0
    assert names(bucket) == {"deep/words.txt", "deep/.words.txt.counting"}
    assert main([*counting, *text, "--output", out, "--overwrite"]) == 0
    words = read_word_list(read(out).decode())
    assert (len(words.words), words.lines) == (625, 455)


def test_goes_on_and_overwrites(
    build: Build,
    bucket: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = f"gs://{bucket.name}/deep/out"
    text = ["--input", f"gs://{bucket.name}/corpus/*"]

    def killed(*_: object) -> None:
        raise RunError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(pipelines.run_build, "finish", killed)
        assert build(out, *text) == 1
    before = remote_digests(bucket, "deep/out")
    assert len(before) == 5
    lost = bucket.blob("deep/out/train/shard-00001-of-00004.arrow")
    lost.delete()
    half = bucket.blob("deep/out/train/.shard-00001-of-00004.arrow.0123456789ab.tmp")
    half.upload_from_string(b"half")
    written = {blob.name: blob.updated for blob in bucket.list_blobs(prefix="deep/out/train/shard")}

    assert build(out, *text) == 0
    assert remote_digests(bucket, "deep/out") == before
    after = {blob.name: blob.updated for blob in bucket.list_blobs(prefix="deep/out/train/shard")}
    assert {name: after[name] for name in written} == written
    assert not half.exists()
    assert not [name for name in names(bucket) if ".shardmill" in name]

    def no_pipeline(*_: object) -> None:
        raise AssertionError("everything is built")

    with monkeypatch.context() as patch:
        patch.setattr(LocalRunner, "started", no_pipeline)
        assert build(out, *text) == 0
        assert "already holds this build" in capsys.readouterr().out
        assert build(out, *text, "--seed", "7") == 2
        assert "seed: there 12345, here 7" in capsys.readouterr().err
    assert build(out, *text, "--seed", "7", "--overwrite") == 0
    replaced = remote_digests(bucket, "deep/out")
    assert replaced.keys() == before.keys()
    assert not set(replaced.values()) & set(before.values())


def test_foreign_objects_are_refused(
    build: Build, bucket: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    bucket.blob("other/thesis.tex").upload_from_string("years of work")
    assert build(f"gs://{bucket.name}/other") == 2
    assert "is not empty and holds no Shardmill build" in capsys.readouterr().err
    assert names(bucket) == {"other/thesis.tex"}


def test_rejected_records_are_written(
    build: Build, bucket: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    bucket.blob("corpus/bad.jsonl").upload_from_string("{broken\n")
    text = ["--input", f"gs://{bucket.name}/corpus/*"]
    assert build(f"gs://{bucket.name}/out", *text) == 1
    assert "run the same command with --max-rejected 1" in capsys.readouterr().err
    [name] = [name for name in names(bucket) if name.startswith("out/rejected/")]
    assert json.loads(bucket.blob(name).download_as_bytes())["excerpt"] == "{broken"


def test_missing_bucket_is_told(
    build: Build, emulator: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build(tmp_path / "out", "--input", "gs://nowhere-at-all/*") == 2
    assert "gs://nowhere-at-all/*" in capsys.readouterr().err
    assert build("gs://nowhere-at-all/out") == 2
    assert "cannot write to gs://nowhere-at-all/out: " in capsys.readouterr().err


def test_paths_are_literal_and_patterns_are_ours(bucket: Any) -> None:
    root = f"gs://{bucket.name}"
    every = ["a[1]/b.txt", "a[1]/c/d.txt", "a[1]/.h.txt", "a1/b.txt", "o*", "ox", "z/", "z/y.txt"]
    for name in every:
        bucket.blob(name).upload_from_string(name)

    def found(pattern: str) -> list[str]:
        return [file.path.removeprefix(f"{root}/") for file in match(f"{root}/{pattern}")]

    assert [found(name) for name in every[:6]] == [[name] for name in every[:6]]
    assert found("a[1]/*.txt") == ["a[1]/b.txt"]
    assert found("a[1]/**/*.txt") == ["a[1]/b.txt", "a[1]/c/d.txt"]
    assert found("a[12]/*") == ["a1/b.txt"]
    assert found("{o*,z/*}") == ["o*", "ox", "z/y.txt"]
    assert found("z/*") == ["z/y.txt"]
    assert found("none*") == found("a[1]") == []
    assert [is_folder(f"{root}/{name}") for name in ("a[1]", "a[1", "none")] == [True, False, False]
    assert exists(f"{root}/a[1]/b.txt")
    assert not exists(f"{root}/a[1]")
    listed = list_folder(f"{root}/a[1]")
    assert [file.path for file in listed] == [f"{root}/a[1]/.h.txt", f"{root}/a[1]/b.txt"]
    assert len(list_folder(f"{root}/a[1]", recursive=True)) == 3
    before = status(f"{root}/a[1]/b.txt")
    assert before == listed[1]
    bucket.blob("a[1]/b.txt").upload_from_string("a[1]/B.txt")
    assert status(f"{root}/a[1]/b.txt") != before
    delete_files([f"{root}/a[1]/b.txt", f"{root}/gone"])
    assert status(f"{root}/a[1]/b.txt") is None
    assert exists(f"{root}/a1/b.txt")


def held_by(bucket: Any, folder: str, **changed: object) -> str:
    """Puts the lock of some process there; returns where."""
    holder = {**json.loads(this_process("build").to_json()), **changed}
    blob = bucket.blob(f"{folder}/.shardmill/lock")
    blob.upload_from_string(f"{json.dumps(holder)}\nabc\n")
    return f"gs://{bucket.name}/{blob.name}"


def test_one_writer(
    build: Build, bucket: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = f"gs://{bucket.name}/out"
    text = ["--input", f"gs://{bucket.name}/corpus/*", "--shards", "1"]
    codes = []

    def interrupted(*_: object) -> None:
        codes.append(build(out, *text, "--seed", "7", "--overwrite"))
        codes.append(main(["verify", out]))
        raise RunError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(pipelines.run_build, "finish", interrupted)
        assert build(out, *text) == 1
    assert codes == [2, 2]
    told = capsys.readouterr().err
    assert f"{out} is being written by `shardmill build` (process {os.getpid()} on " in told
    assert f"delete {out}/.shardmill/lock" in told
    assert "out/.shardmill/lock" not in names(bucket)


def test_whose_lock_is_taken_over(
    build: Build, bucket: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    out = f"gs://{bucket.name}/out"
    text = ["--input", f"gs://{bucket.name}/corpus/*", "--shards", "1"]
    started = "2024-05-01 12:00:00 UTC"
    lock = held_by(bucket, "out", host="elsewhere", pid=7, started=started)
    assert build(out, *text) == 2
    told = capsys.readouterr().err
    assert f"by `shardmill build` (process 7 on elsewhere) since {started}; wait until" in told
    assert f"If it was killed, delete {lock}, and run this command again" in told
    bucket.blob("out/.shardmill/lock").upload_from_string(b"\xff\x00 something")
    assert build(out, *text) == 2
    assert "is being written by another process" in capsys.readouterr().err
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    held_by(bucket, "out", pid=ended.pid)
    assert build(out, *text) == 0
    assert not [name for name in names(bucket) if ".shardmill" in name]


def test_a_lock_that_came_first_wins(bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two look at once, and see none; the store lets one put its own."""
    lock = f"gs://{bucket.name}/out/.shardmill/lock"
    sent: list[int] = []
    upload = storage.Blob.upload_from_string

    def first_wins(blob: Any, data: bytes, if_generation_match: int) -> None:
        # The emulator does not look at the condition.
        sent.append(if_generation_match)
        if len(sent) > 1:
            raise PreconditionFailed("conditionNotMet")
        upload(blob, data)

    monkeypatch.setattr(storage.Blob, "upload_from_string", first_wins)
    monkeypatch.setattr(remote_lock, "_there", lambda _: None)
    monkeypatch.setattr(conditional_put, "exists", lambda _: False)
    with (
        remote_lock.hold_remote("gs://out", lock, "build"),
        pytest.raises(UsageError, match="gs://out is being written by `shardmill build`"),
        remote_lock.hold_remote("gs://out", lock, "annotate"),
    ):
        pass
    assert sent == [0, 0]


@pytest.mark.parametrize("name", ["o[1]", "o*"])
def test_names_that_look_like_patterns(build: Build, bucket: Any, name: str) -> None:
    text = ["--input", f"gs://{bucket.name}/corpus/*", "--shards", "1", "--eval-fraction", "0"]
    for neighbour in ("o1", "ox"):
        bucket.blob(f"{neighbour}/train/shard-00000-of-00001.arrow").upload_from_string("mine")
        bucket.blob(f"{neighbour}/README.md").upload_from_string("mine")
    out = f"gs://{bucket.name}/{name}"
    assert build(out, *text, recipe="roberta") == 0
    bucket.blob(f"{name}/train/notes.txt").upload_from_string("mine")
    assert build(out, *text, "--seed", "7", "--overwrite", recipe="roberta") == 0
    assert main(["verify", out]) == 0
    for neighbour in ("o1", "ox"):
        assert {each for each in names(bucket) if each.startswith(f"{neighbour}/")} == {
            f"{neighbour}/README.md",
            f"{neighbour}/train/shard-00000-of-00001.arrow",
        }
    assert bucket.blob(f"{name}/train/notes.txt").exists()


def test_programs_on_a_stream(
    bucket: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    local = followed_stream()
    for path in local.rglob("*"):
        if path.is_file():
            bucket.blob(f"stream/{path.relative_to(local)}").upload_from_filename(str(path))
    stream = f"gs://{bucket.name}/stream"
    before = names(bucket)
    assert main(["verify", stream, "--json", "--no-replay"]) == 0
    capsys.readouterr()
    assert main(["inspect", stream, "--json"]) == 0
    remote = capsys.readouterr().out
    assert main(["inspect", str(local), "--json"]) == 0
    assert remote == capsys.readouterr().out
    assert names(bucket) == before
    export = ["export", stream, "--to", "parquet", "--output"]
    assert main([*export, f"gs://{bucket.name}/rows", "--from-window", "2"]) == 0
    assert f"rows/windows/{2:08d}/export.json" in names(bucket)
    assert main(["report", stream]) == 0
    page = read(f"{stream}/report.html")
    assert f'href="windows/{2:08d}/report.html"'.encode() in page
    assert main(["report", stream, "--output", str(tmp_path / "page.html")]) == 0
    link = f'href="{stream}/windows/{2:08d}/report.html"'
    assert link in (tmp_path / "page.html").read_text("utf-8")
    bucket.blob(f"stream/windows/{0:08d}/manifest.json").delete()
    capsys.readouterr()
    assert main(["verify", stream, "--json", "--no-replay"]) == 1
    sentences = [each["sentence"] for each in json.loads(capsys.readouterr().out)["problems"]]
    assert sentences[0].startswith(f"window 0: {stream}/windows/{0:08d} holds no manifest.json")
