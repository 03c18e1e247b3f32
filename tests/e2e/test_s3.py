"""Building from and to s3://, against a server of S3's protocol on this machine."""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pipelines.run_build
from pipelines.cli import main
from pipelines.running.local_runner import LocalRunner
from schemas.errors import RunError
from schemas.lock_holder import this_process
from schemas.manifest_file import parse_manifest
from tests.support.sample_builds import build_into, few_documents

Digests = Callable[[Path], dict[str, str]]
Build = Callable[..., int]

ONE_SHARD = ("--shards", "1", "--eval-fraction", "0")


def names(s3: Any, bucket: str, prefix: str = "") -> set[str]:
    found = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    return {each["Key"] for each in found if not each["Key"].startswith("corpus/")}


def content(s3: Any, bucket: str, name: str) -> bytes:
    return s3.get_object(Bucket=bucket, Key=name)["Body"].read()


def remote_digests(s3: Any, bucket: str, folder: str) -> dict[str, str]:
    return {
        name.removeprefix(f"{folder}/"): hashlib.sha256(content(s3, bucket, name)).hexdigest()
        for name in names(s3, bucket, f"{folder}/")
        if name.endswith(".arrow")
    }


def written(s3: Any, bucket: str, prefix: str) -> dict[str, object]:
    found = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    return {each["Key"]: each["LastModified"] for each in found}


def test_everything_of_a_build_is_as_locally(
    start_build: Callable[..., Any],
    build: Build,
    digests: Digests,
    s3: Any,
    s3_bucket: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """By two workers, which are told where the store is by Beam's option."""
    out, here = f"s3://{s3_bucket}/out", tmp_path / "out"
    text = ["--input", f"s3://{s3_bucket}/corpus/*.txt"]
    endpoint = f"--s3_endpoint_url={os.environ['AWS_ENDPOINT_URL']}"
    nowhere = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    process = start_build(out, *text, "--workers", "2", endpoint, environment=nowhere)
    assert build(here) == 0
    output, errors = process.communicate()
    assert process.returncode == 0, errors
    assert "80 documents" in output

    local = digests(here)
    assert len(local) == 5
    assert remote_digests(s3, s3_bucket, "out") == local
    kept = {f"out/{path.relative_to(here)}" for path in here.rglob("*.*")}
    assert names(s3, s3_bucket) == kept
    manifest = parse_manifest(content(s3, s3_bucket, "out/manifest.json")).to_json()
    entries = [shard for split in manifest["splits"].values() for shard in split["shards"]]
    assert {entry["path"]: entry["sha256"] for entry in entries} == local

    assert main(["verify", out]) == 0
    capsys.readouterr()
    assert main(["inspect", out, "--rows", "1"]) == 0
    told = capsys.readouterr().out
    assert re.search(r"\d+ selected: \d+ masked", told)
    assert main(["inspect", str(here), "--rows", "1"]) == 0
    assert capsys.readouterr().out == told
    assert main(["export", out, "--to", "parquet", "--output", f"s3://{s3_bucket}/rows"]) == 0
    assert main(["export", str(here), "--to", "parquet", "--output", str(tmp_path / "rows")]) == 0
    files = {path.relative_to(tmp_path): path for path in (tmp_path / "rows").rglob("*.*")}
    assert {str(name) for name in files} == names(s3, s3_bucket, "rows/")
    parquet = [name for name in files if name.suffix == ".parquet"]
    assert len(parquet) == 5
    for name in parquet:
        assert content(s3, s3_bucket, str(name)) == files[name].read_bytes()
    assert (
        main(["train", "--data", out, "--model", "bert-base", "--output", str(tmp_path / "run")])
        == 2
    )
    assert f"{out} is not on a local disk" in capsys.readouterr().err


def test_goes_on_after_a_kill(
    start_build: Callable[..., Any],
    build: Build,
    digests: Digests,
    s3: Any,
    s3_bucket: str,
    tmp_path: Path,
) -> None:
    out, text = f"s3://{s3_bucket}/deep/out", ["--input", f"s3://{s3_bucket}/corpus/*"]
    options = ["--shards", "12"]
    process = start_build(out, *text, *options, recipe="roberta")
    deadline = time.monotonic() + 60
    while len(names(s3, s3_bucket, "deep/out/train/shard-")) < 3:
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert "deep/out/.shardmill/lock" in names(s3, s3_bucket)
    before = written(s3, s3_bucket, "deep/out/train/shard-")
    assert 3 <= len(before) < 12
    half = "deep/out/train/.shard-00011-of-00012.arrow.0123456789ab.tmp"
    s3.put_object(Bucket=s3_bucket, Key=half, Body=b"half")

    assert build(out, *text, *options, recipe="roberta") == 0
    assert build(tmp_path / "out", *options, recipe="roberta") == 0
    assert remote_digests(s3, s3_bucket, "deep/out") == digests(tmp_path / "out")
    after = written(s3, s3_bucket, "deep/out/train/shard-")
    # What has its name but no note yet may be built again.
    kept = [name for name in before if after[name] == before[name]]
    assert len(kept) >= len(before) - 1
    assert not {name for name in names(s3, s3_bucket) if "/." in name}


def test_a_finished_build_is_kept_or_overwritten(
    build: Build,
    s3: Any,
    s3_bucket: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out, text = f"s3://{s3_bucket}/out", ["--input", f"s3://{s3_bucket}/corpus/*", *ONE_SHARD]
    assert build(out, *text, recipe="roberta") == 0
    before = remote_digests(s3, s3_bucket, "out")

    def no_pipeline(*_: object) -> None:
        raise AssertionError("everything is built")

    with monkeypatch.context() as patch:
        patch.setattr(LocalRunner, "started", no_pipeline)
        assert build(out, *text, recipe="roberta") == 0
        assert "already holds this build" in capsys.readouterr().out
        assert build(out, *text, "--seed", "7", recipe="roberta") == 2
        assert "seed: there 12345, here 7" in capsys.readouterr().err
    assert build(out, *text, "--seed", "7", "--overwrite", recipe="roberta") == 0
    replaced = remote_digests(s3, s3_bucket, "out")
    assert replaced.keys() == before.keys()
    assert not set(replaced.values()) & set(before.values())


def test_foreign_objects_are_refused(
    build: Build, s3: Any, s3_bucket: str, capsys: pytest.CaptureFixture[str]
) -> None:
    s3.put_object(Bucket=s3_bucket, Key="other/thesis.tex", Body=b"years of work")
    assert build(f"s3://{s3_bucket}/other") == 2
    assert "is not empty and holds no Shardmill build" in capsys.readouterr().err
    assert names(s3, s3_bucket) == {"other/thesis.tex"}


def test_rejected_records_are_written_to_a_bucket_of_their_own(
    build: Build, s3: Any, s3_bucket: str, capsys: pytest.CaptureFixture[str]
) -> None:
    s3.put_object(Bucket=s3_bucket, Key="corpus/bad.jsonl", Body=b"{broken\n")
    text = ["--input", f"s3://{s3_bucket}/corpus/*", *ONE_SHARD]
    s3.create_bucket(Bucket=f"{s3_bucket}-out")
    assert build(f"s3://{s3_bucket}-out", *text, recipe="roberta") == 1
    assert "run the same command with --max-rejected 1" in capsys.readouterr().err
    [name] = names(s3, f"{s3_bucket}-out", "rejected/")
    assert json.loads(content(s3, f"{s3_bucket}-out", name))["excerpt"] == "{broken"


def test_missing_bucket_is_told(
    build: Build, s3: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build(tmp_path / "out", "--input", "s3://nowhere-at-all/*") == 2
    assert "s3://nowhere-at-all/*" in capsys.readouterr().err
    assert build("s3://nowhere-at-all/out") == 2
    assert "cannot write to s3://nowhere-at-all/out: " in capsys.readouterr().err


def held_by(s3: Any, bucket: str, **changed: object) -> str:
    """Puts the lock of some process there; returns where."""
    holder = {**json.loads(this_process("build").to_json()), **changed}
    body = f"{json.dumps(holder)}\nabc\n".encode()
    s3.put_object(Bucket=bucket, Key="out/.shardmill/lock", Body=body)
    return f"s3://{bucket}/out/.shardmill/lock"


def test_one_writer(
    build: Build,
    s3: Any,
    s3_bucket: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out, text = f"s3://{s3_bucket}/out", ["--input", f"s3://{s3_bucket}/corpus/*", *ONE_SHARD]
    codes = []

    def interrupted(*_: object) -> None:
        codes.append(build(out, *text, "--seed", "7", "--overwrite", recipe="roberta"))
        codes.append(main(["verify", out]))
        raise RunError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(pipelines.run_build, "finish", interrupted)
        assert build(out, *text, recipe="roberta") == 1
    assert codes == [2, 2]
    told = capsys.readouterr().err
    assert f"{out} is being written by `shardmill build` (process {os.getpid()} on " in told
    assert f"delete {out}/.shardmill/lock" in told
    assert "out/.shardmill/lock" not in names(s3, s3_bucket)


def test_whose_lock_is_taken_over(
    build: Build, s3: Any, s3_bucket: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out, text = f"s3://{s3_bucket}/out", ["--input", f"s3://{s3_bucket}/corpus/*", *ONE_SHARD]
    started = "2024-05-01 12:00:00 UTC"
    lock = held_by(s3, s3_bucket, host="elsewhere", pid=7, started=started)
    assert build(out, *text, recipe="roberta") == 2
    told = capsys.readouterr().err
    assert f"by `shardmill build` (process 7 on elsewhere) since {started}; wait until" in told
    assert f"If it was killed, delete {lock}, and run this command again" in told
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    held_by(s3, s3_bucket, pid=ended.pid)
    assert build(out, *text, recipe="roberta") == 0
    assert not {name for name in names(s3, s3_bucket) if ".shardmill" in name}


@pytest.mark.parametrize(
    ("name", "neighbour"), [("o[1]", "o1"), ("o* 文ü+%20&'#", "ox 文ü+%20&'#")]
)
def test_names_with_odd_characters(
    build: Build, s3: Any, s3_bucket: str, name: str, neighbour: str
) -> None:
    text = ["--input", f"s3://{s3_bucket}/corpus/*", *ONE_SHARD]
    other = f"{neighbour}/train/shard-00000-of-00001.arrow"
    s3.put_object(Bucket=s3_bucket, Key=other, Body=b"mine")
    out = f"s3://{s3_bucket}/{name}"
    assert build(out, *text, recipe="roberta") == 0
    s3.put_object(Bucket=s3_bucket, Key=f"{name}/train/notes.txt", Body=b"mine")
    assert build(out, *text, "--seed", "7", "--overwrite", recipe="roberta") == 0
    assert main(["verify", out]) == 0
    others = {each for each in names(s3, s3_bucket) if not each.startswith(f"{name}/")}
    assert others == {other}
    assert content(s3, s3_bucket, other) == b"mine"
    assert content(s3, s3_bucket, f"{name}/train/notes.txt") == b"mine"


def test_pairs_of_words_are_counted_in_a_store(s3: Any, s3_bucket: str, tmp_path: Path) -> None:
    """Runs are read in pieces, and deleted when they were added up."""
    build_into(tmp_path / "out", "glove", str(few_documents()))
    build_into(f"s3://{s3_bucket}/glove", "glove", str(few_documents()))
    kept = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.*")}
    assert names(s3, s3_bucket, "glove/") == {f"glove/{name}" for name in kept}
    pairs = {path: content(s3, s3_bucket, f"glove/{path}") for path in kept if "cooccur" in path}
    assert len(pairs) == 1
    assert all((tmp_path / "out" / path).read_bytes() == pairs[path] for path in pairs)
    assert main(["verify", f"s3://{s3_bucket}/glove"]) == 0
