"""`shardmill annotate`, and builds that use what it stored."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipelines.cli import main
from pipelines.verify import main as verify
from schemas.manifest_file import parse_manifest
from tests.support.sample_builds import RECORDS, records_file, tokenizer_file
from tests.support.spacy_models import trained_model
from tests.support.training_runs import ROOT

Digests = Callable[[Path], dict[str, str]]

TEXT = "Peter Lund lives in New York .\n数据库集群在上海和北京，我们见到了王小明。"


def annotate(text: Path, output: Path, *options: str) -> int:
    shards = () if "--shards" in options else ("--shards", "3")
    return main(["annotate", "--input", str(text), "--output", str(output), *shards, *options])


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """Two files of documents that differ, and a document that stands in both."""
    for part in "ab":
        documents = [f"{TEXT}\nNumber {part}{number}." for number in range(30)]
        (tmp_path / f"{part}.txt").write_text("\n\n".join([*documents, TEXT]), "utf-8")
    return tmp_path / "*.txt"


def manifest_of(folder: Path) -> dict[str, Any]:
    return parse_manifest((folder / "manifest.json").read_bytes()).to_json()


def stored(folder: Path) -> list[dict[str, Any]]:
    paths = sorted((folder / "annotations").glob("*.arrow"))
    return [row for path in paths for row in pa.ipc.open_file(str(path)).read_all().to_pylist()]


def test_annotations_by_document(
    text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert annotate(text, out, "--spacy-model", trained_model(), "--phrases", "jieba") == 0
    told = capsys.readouterr()
    assert "entities by the model's named entities; phrases by jieba's" in told.err
    assert "time     about " in told.err
    manifest = manifest_of(out)
    assert manifest["documents"]["duplicates"] == 1
    rows = stored(out)
    assert len(rows) == 61
    labels = {span["label"] for row in rows for span in row["entities"]}
    assert {"PERSON", "PLACE"} <= labels
    assert manifest["spans"]["phrases"] == sum(len(row["phrases"]) for row in rows)
    begins = {(row["entities"][0]["start"], row["entities"][0]["end"]) for row in rows}
    assert (0, len("Peter Lund")) in begins
    for entry in manifest["annotations"]:
        assert (out / entry["path"]).stat().st_size == entry["bytes"]
    assert annotate(text, out, "--spacy-model", trained_model(), "--phrases", "jieba") == 0
    assert "already holds these annotations" in capsys.readouterr().out
    assert annotate(text, out) == 2
    assert "annotator.sources.entities: there" in capsys.readouterr().err
    assert annotate(text, out, "--overwrite") == 0


@pytest.mark.usefixtures("forked_workers")
def test_same_bytes_whatever_workers_and_files(
    text: Path, tmp_path: Path, digests: Digests
) -> None:
    options = ["--spacy-model", trained_model()]
    assert annotate(text, tmp_path / "one", *options) == 0
    assert annotate(text, tmp_path / "two", *options, "--workers", "2") == 0
    other = tmp_path / "other"
    other.mkdir()
    documents = [p.read_text("utf-8") for p in sorted(tmp_path.glob("*.txt"), reverse=True)]
    (other / "whole.txt").write_text("\n\n".join(documents), "utf-8")
    assert annotate(other / "whole.txt", tmp_path / "three", *options) == 0
    assert len(digests(tmp_path / "one")) == 3
    assert digests(tmp_path / "one") == digests(tmp_path / "two") == digests(tmp_path / "three")


def test_killed_annotations_go_on(text: Path, tmp_path: Path, digests: Digests) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert annotate(text, whole, "--shards", "60") == 0
    arguments = ["annotate", "--input", str(text), "--output", str(out), "--shards", "60"]
    process = subprocess.Popen(
        [sys.executable, "-m", "pipelines.cli", *arguments], cwd=ROOT, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    # An entry is there before its shard gets its name.
    while len(list(out.glob("annotations/*.arrow"))) < 2:
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = {p.name: p.stat().st_mtime_ns for p in out.glob("annotations/*.arrow")}
    assert not (out / "manifest.json").exists()
    assert annotate(text, out, "--shards", "60") == 0
    assert digests(out) == digests(whole)
    now = {p.name: p.stat().st_mtime_ns for p in out.glob("annotations/*.arrow")}
    assert sum(now[name] == written for name, written in kept.items()) >= 2


def test_nothing_to_annotate_and_bad_records(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty.txt").write_text("\n \n")
    assert annotate(tmp_path / "empty.txt", tmp_path / "out") == 2
    assert "no document in 1 file" in capsys.readouterr().err
    (tmp_path / "bad.txt").write_bytes(b"whole\n\nbro\xffken\n\n" + TEXT.encode())
    assert annotate(tmp_path / "bad.txt", tmp_path / "out") == 1
    assert "invalid_utf8 1" in capsys.readouterr().err
    assert annotate(tmp_path / "bad.txt", tmp_path / "out", "--max-rejected", "1") == 0
    assert manifest_of(tmp_path / "out")["documents"]["rejected"] == {"invalid_utf8": 1}


def test_missing_model(text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert annotate(text, tmp_path / "out", "--spacy-model", "xx_none") == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("shardmill: --spacy-model: the spaCy model 'xx_none' cannot be loaded")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("model", ["wordpiece", "bpe", "unigram"])
def test_builds_of_any_tokenizer_use_stored_annotations(
    model: str,
    text: Path,
    tmp_path: Path,
    digests: Digests,
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = ["--spacy-model", trained_model()]
    notes = tmp_path / "notes"
    assert annotate(text, notes, *options) == 0
    special = ["--cls-token", "<s>"] if model == "bpe" else []
    arguments = ["build", "ernie1", "--input", str(text), "--shards", "2", *special]
    arguments += ["--tokenizer", str(tokenizer_file(model, 1000)), "--eval-fraction", "0"]
    assert main([*arguments, "--output", str(tmp_path / "a"), "--annotations", str(notes)]) == 0
    assert main([*arguments, "--output", str(tmp_path / "b"), *options]) == 0
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    assert len(digests(tmp_path / "a")) == 2
    assert manifest_of(tmp_path / "a")["annotator"]["sources"] == {
        "entities": "ner",
        "phrases": "pos",
    }
    shard = pa.ipc.open_file(str(next(tmp_path.glob("a/train/*.arrow")))).read_all()
    spans = [span for row in shard.column("entity_spans").to_pylist() for span in row]
    assert spans
    assert verify([str(tmp_path / "a")]) == 0
    capsys.readouterr()

    # What does not fit is refused.
    both = ["--annotations", str(notes), *options]
    assert main([*arguments, "--output", str(tmp_path / "c"), *both]) == 2
    assert "is finished: leave out --spacy-model" in capsys.readouterr().err
    bert = ["build", "bert", *arguments[2:], "--output", str(tmp_path / "c")]
    assert main([*bert, "--annotations", str(notes)]) == 2
    assert "bert: nothing there needs entities or phrases; leave out --annotations" in (
        capsys.readouterr().err
    )
    (tmp_path / "c.txt").write_text("A text that is not there.", "utf-8")
    assert main([*arguments, "--output", str(tmp_path / "c"), "--annotations", str(notes)]) == 1
    assert f" documents are not in {notes}: run shardmill annotate" in capsys.readouterr().err
    next(notes.glob("annotations/*.arrow")).unlink()
    assert main([*arguments, "--output", str(tmp_path / "d"), "--annotations", str(notes)]) == 2
    assert "is missing; make the annotations again" in capsys.readouterr().err


def test_annotations_belong_to_the_text_of_records_whatever_their_labels(
    tmp_path: Path, digests: Digests
) -> None:
    records = records_file().read_text("utf-8").splitlines()[:40]
    again = [json.dumps({**json.loads(records[0]), "label": 2})]
    path, fields = tmp_path / "records.jsonl", ("--text-field", RECORDS)
    path.write_text("\n".join([*records, *again]), "utf-8")
    assert annotate(path, tmp_path / "stored", *fields) == 0
    assert len(stored(tmp_path / "stored")) == len(records)
    tokenizer = str(tokenizer_file("wordpiece"))
    members = ("--members", "ernie2-relevance,ernie2-knowledge", "--eval-fraction", "0")
    made = []
    for name, source in (("found", ()), ("looked-up", ("--annotations", str(tmp_path / "stored")))):
        options = ["--input", str(path), "--tokenizer", tokenizer, "--shards", "2", *fields]
        out = tmp_path / name
        assert main(["build", "mixture", *options, *members, "--output", str(out), *source]) == 0
        made.append([digests(out / member) for member in ("ernie2-relevance", "ernie2-knowledge")])
    assert made[0] == made[1]
