"""Files of ours that were changed: readers say so in one sentence, and verify finds it."""

import contextlib
import copy
import functools
import io
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.cli import main
from schemas.checked_json import DamagedError
from schemas.errors import UsageError
from schemas.manifest_file import seal
from tests.support.sample_builds import SAMPLE, corpus, tokenizer_file
from trainer.loader.training_data import open_data
from trainer.rows.shard_rows import MappedShards

FAST = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
HARMLESS = {
    *("software", "inputs", "notes", "data_version", "text_field", "max_document_mib", "seed"),
    *("sentences", "segmenter", "annotator", "anchors", "encoder", "eval_below", "name", "weight"),
    *("bytes", "empty", "split", "deduplicate"),
}
"""What cannot be derived from the files: the seal alone protects it."""


def run(*arguments: str) -> tuple[int, str]:
    """Runs a command here; returns its exit status and what it printed."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        status = main(list(arguments))
    return status, out.getvalue()


@functools.cache
def _root() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="shardmill-tests-")


@functools.cache
def folders() -> dict[str, Path]:
    """Returns finished folders of every kind; whoever spoils one puts it back."""
    root = Path(_root().name)
    shutil.copytree(corpus("bert"), root / "build")
    text = ["--input", f"{SAMPLE}/*.txt", "--shards", "2"]
    words = ["--tokenizer", str(tokenizer_file("wordpiece")), "--eval-fraction", "0.1"]
    mixture = ["mixture", "--members", "bert,albert", "--copies", "1", *text, *words]
    made = {
        "mixture": ["build", *mixture, "--output", str(root / "mixture")],
        "annotations": ["annotate", *text, "--output", str(root / "annotations")],
        "export": ["export", str(root / "build"), "--to", "parquet"],
    }
    made["export"] += ["--output", str(root / "export")]
    for command in made.values():
        assert run(*command)[0] == 0
    return {name: root / name for name in ("build", *made)}


@contextlib.contextmanager
def changed(path: Path, content: bytes) -> Iterator[None]:
    before = path.read_bytes()
    path.write_bytes(content)
    try:
        yield
    finally:
        path.write_bytes(before)


@pytest.mark.parametrize("kind", ["build", "mixture", "annotations", "export"])
@FAST
@given(data=st.data())
def test_verify_finds_every_changed_byte(kind: str, data: st.DataObject) -> None:
    folder = folders()[kind]
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size)
    path = data.draw(st.sampled_from(files))
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    with changed(path, bytes(content)):
        status, printed = run("verify", str(folder), "--no-replay")
    assert status == 1, printed
    assert "Traceback" not in printed


VALUES = st.sampled_from(
    [None, True, -1, 0, 1, 3, 1 << 70, 0.5, "", "..", ".", "../x", "train", [], {}, [0], {"a": 1}]
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yields the path of every value inside a JSON value."""
    steps = value.items() if isinstance(value, dict) else enumerate(value)
    for step, inner in steps:
        yield (*path, step)
        if isinstance(inner, dict | list):
            yield from places(inner, (*path, step))


def mutate(data: st.DataObject, manifest: Any) -> tuple[Any, ...]:
    """Changes one value, drops one, or doubles one; returns where."""
    path = data.draw(st.sampled_from([p for p in places(manifest) if p[0] != "checksum"]))
    *above, last = path
    owner = functools.reduce(lambda inner, step: inner[step], above, manifest)
    action = data.draw(st.sampled_from(["replace", "drop", "double"]))
    if action == "double" and isinstance(owner, list):
        owner.insert(last, copy.deepcopy(owner[last]))
    elif action == "drop":
        del owner[last]
    else:
        owner[last] = data.draw(VALUES)
    return path


@pytest.mark.parametrize("kind", ["build", "mixture", "annotations"])
@FAST
@given(data=st.data())
def test_a_sealed_change_of_a_manifest_is_found(kind: str, data: st.DataObject) -> None:
    """A checksum proves nothing of who wrote it: the manifest is sealed again each time."""
    folder = folders()[kind]
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text("utf-8"))
    before = copy.deepcopy(manifest)
    place = mutate(data, manifest)
    if manifest == before:
        return
    with changed(path, seal(manifest).encode()):
        for command in (["verify", "--no-replay"], ["inspect"]):
            status, printed = run(command[0], str(folder), *command[1:])
            assert status in {0, 1, 2}
            assert "Traceback" not in printed
            assert "fault of shardmill" not in printed
            if command[0] == "verify" and not HARMLESS & set(place):
                assert status == 1, place
        with contextlib.suppress(DamagedError, UsageError):
            open_data(folder)


@FAST
@given(data=st.data())
def test_a_damaged_shard_never_reads_outside(data: st.DataObject) -> None:
    """The loader looks at the offsets, whatever the checksums say."""
    folder = folders()["build"]
    path = sorted((folder / "train").glob("*.arrow"))[0]
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    build = open_data(folder).first
    with changed(path, bytes(content)):
        try:
            shards = MappedShards([path], build.recipe, build.vocabulary)
        except (DamagedError, UsageError) as error:
            assert str(path) in str(error)  # noqa: PT017
            return
        assert int(shards.lengths.sum()) * 2 <= len(content)
