"""Changed files of an unfinished build, and of annotations: told in a sentence, or made anew."""

import contextlib
import functools
import hashlib
import io
import json
import shutil
import tempfile
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.cli import main
from schemas.config_file import saved_name
from schemas.entities import ENTITIES
from schemas.manifest_file import seal
from tests.support.sample_builds import SAMPLE, tokenizer_file

FEW = settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
NAMES = "Peter\tQ1\nthe\tQ2\n中国\tQ3\na\tQ4\n"


def run(*arguments: str | Path) -> tuple[int, str]:
    """Runs a command here; returns its exit status and what it printed."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        status = main([str(each) for each in arguments])
    assert "Traceback" not in out.getvalue()
    assert "fault of shardmill" not in out.getvalue()
    assert status in {0, 1, 2}
    return status, out.getvalue()


@functools.cache
def _root() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="shardmill-tests-")


def options(recipe: str) -> list[str | Path]:
    text = ["--input", f"{_root().name}/text/*.txt", "--shards", "2", "--eval-fraction", "0.1"]
    return ["build", recipe, *text, "--tokenizer", tokenizer_file("wordpiece")]


def contents(folder: Path) -> dict[str, str]:
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths
    }


@functools.cache
def unfinished() -> Path:
    """Returns a build that ended because a record was rejected, whose shards are all there."""
    root = Path(_root().name)
    (root / "text").mkdir()
    for path in SAMPLE.glob("*.txt"):
        shutil.copy(path, root / "text")
    (root / "text" / "bad.txt").write_bytes(b"whole\n\nbro\xffken\n")
    assert run(*options("bert"), "--copies", "1", "--output", root / "out")[0] == 1
    shutil.copytree(root / "out", root / "whole")
    assert resume(root / "whole")[0] == 0
    return root / "out"


def resume(folder: Path) -> tuple[int, str]:
    return run(*options("bert"), "--copies", "1", "--output", folder, "--max-rejected", "1")


@functools.cache
def annotations() -> Path:
    unfinished()
    root = Path(_root().name)
    (root / "names.txt").write_text(NAMES, "utf-8")
    text = ["--input", f"{SAMPLE}/*.txt", "--shards", "2"]
    assert (
        run("annotate", *text, "--entities", root / "names.txt", "--output", root / "notes")[0] == 0
    )
    return root / "notes"


def spoil(data: st.DataObject, folder: Path) -> Path:
    """Flips a bit of a file, or cuts it; returns which."""
    path = data.draw(st.sampled_from(sorted(p for p in folder.rglob("*") if p.is_file())))
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content[place] ^= 1 << data.draw(st.integers(0, 7))
    else:
        del content[place:]
    path.write_bytes(bytes(content))
    return path


@FEW
@given(data=st.data())
def test_a_resumed_build_uses_nothing_that_was_changed(data: st.DataObject) -> None:
    whole = contents(unfinished().parent / "whole")
    with tempfile.TemporaryDirectory(prefix="shardmill-tests-") as place:
        folder = Path(place, "out")
        shutil.copytree(unfinished(), folder)
        spoil(data, folder)
        if resume(folder)[0] == 0:
            assert contents(folder) == whole


def test_rejected_records_that_were_changed_are_written_anew(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    shutil.copytree(unfinished(), folder)
    [path] = (folder / "rejected").iterdir()
    path.write_bytes(path.read_bytes().replace(b"bro", b"fro"))
    assert resume(folder)[0] == 0
    assert contents(folder) == contents(unfinished().parent / "whole")


@FEW
@given(data=st.data())
def test_annotations_that_were_changed_are_not_used(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory(prefix="shardmill-tests-") as place:
        folder = Path(place, "notes")
        shutil.copytree(annotations(), folder)
        path = spoil(data, folder)
        status, printed = run(
            *options("annotated"),
            "--annotations",
            folder,
            "--output",
            Path(place, "out"),
            "--dry-run",
        )
        # This recipe aligns nothing with entities, so their file is not read; nor are options.
        unread = {ENTITIES, saved_name("annotate")}
        assert status in ({0} if path.name in unread else {1, 2}), path
        assert status == 0 or path.name in printed


@pytest.mark.parametrize("column", ["key", "entities"])
def test_sealed_annotations_of_another_shape_are_told(column: str, tmp_path: Path) -> None:
    """A checksum proves nothing of who wrote it."""
    folder = tmp_path / "notes"
    shutil.copytree(annotations(), folder)
    path = sorted((folder / "annotations").glob("*.arrow"))[0]
    with pa.ipc.open_file(str(path)) as file:
        table = file.read_all().drop_columns([column])
    with pa.ipc.new_file(str(path), table.schema) as writer:
        writer.write_table(table)
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    content = path.read_bytes()
    manifest["annotations"][0]["bytes"] = len(content)
    manifest["annotations"][0]["sha256"] = hashlib.sha256(content).hexdigest()
    (folder / "manifest.json").write_text(seal(manifest), "utf-8")
    status, printed = run(
        *options("annotated"),
        "--annotations",
        folder,
        "--output",
        tmp_path / "out",
        "--max-rejected",
        "1",
    )
    assert status in {1, 2}
    assert path.name in printed
    assert run("verify", folder)[0] == 1
