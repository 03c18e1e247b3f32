"""What a build does with its output folder, and how it says what it cannot do."""

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import pipelines.folder.places
import pipelines.run_build
import transforms.build.build_shards
from pipelines.running.local_runner import LocalRunner
from schemas.software import software_versions

Digests = Callable[[Path], dict[str, str]]
Build = Callable[..., int]


@pytest.fixture(scope="module")
def finished(build: Build, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished") / "out"
    assert build(folder) == 0
    return folder


def told(capsys: pytest.CaptureFixture[str]) -> str:
    """Returns the one sentence on stderr; progress may stand before it."""
    lines = capsys.readouterr().err.splitlines()
    messages = [line for line in lines if not line.startswith("building:")]
    assert messages[0].startswith("shardmill: "), lines
    assert all(line.startswith("  ") for line in messages[1:]), lines
    return "\n".join(messages).removeprefix("shardmill: ")


@pytest.mark.parametrize(
    ("options", "differs"),
    [
        (["--seed", "7"], ["seed: there 12345, here 7"]),
        (["--copies", "3"], ["recipe.settings.copies: there 10, here 3"]),
        (["--shards", "5"], ["shards.train: there 4, here 5"]),
        (["--dedup", "off"], ["deduplicate: there true, here false"]),
        (["--max-document-mib", "9"], ["max_document_mib: there 8, here 9"]),
        (["--user-dict", "{words}"], ['segmenter.name: there "rjieba", here "jieba"']),
        (
            ["--input", "{more}"],
            ["en.txt (51127 bytes, written", "more.txt (9 bytes, written"],
        ),
        (["--tokenizer", "{other}"], ["tokenizer.sha256: there", "tokenizer.vocab_size: there"]),
    ],
    ids=["seed", "recipe", "shards", "dedup", "limit", "words", "inputs", "tokenizer"],
)
def test_another_build_is_refused(
    build: Build,
    digests: Digests,
    finished: Path,
    tokenizer: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    differs: list[str],
) -> None:
    (tmp_path / "more.txt").write_text("one\n\ntwo\n")
    (tmp_path / "words.txt").write_text("开源\n")
    vocabulary = json.loads(tokenizer.read_text("utf-8"))
    vocabulary["model"]["vocab"]["qqqq"] = len(vocabulary["model"]["vocab"])
    (tmp_path / "other.json").write_text(json.dumps(vocabulary))
    names = {"more": "more.txt", "words": "words.txt", "other": "other.json"}
    paths = {name: tmp_path / file for name, file in names.items()}
    before = digests(finished)
    assert build(finished, *[option.format(**paths) for option in options]) == 2
    message = told(capsys)
    assert "holds another build; name another folder, or replace it with --overwrite" in message
    for part in differs:
        assert part in message
    assert digests(finished) == before


def test_another_recipe_is_refused(
    build: Build, finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build(finished, recipe="roberta") == 2
    assert 'recipe.name: there "bert-wwm", here "roberta"' in told(capsys)


def test_unfinished_build_is_refused_to_another(
    build: Build,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pipelines.run_build, "finish", killed)
    assert build(tmp_path / "out") == 130
    assert told(capsys) == "interrupted; run the same command again to resume"
    assert build(tmp_path / "out", "--seed", "7") == 2
    assert "seed: there 12345, here 7" in told(capsys)


def test_overwrite_replaces(build: Build, digests: Digests, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert build(out, "--shards", "3") == 0
    assert build(tmp_path / "fresh") == 0
    (out / "notes.txt").write_text("mine")
    assert build(out, "--overwrite") == 0
    assert digests(out) == digests(tmp_path / "fresh")
    assert (out / "notes.txt").read_text() == "mine"


def test_overwrite_that_is_killed_leaves_nothing_that_looks_finished(
    build: Build, digests: Digests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deleted: list[str] = []
    delete_files = pipelines.folder.places.delete_files

    def killed(paths: list[str]) -> None:
        deleted.extend(paths)
        if len(deleted) == 3:
            raise KeyboardInterrupt
        delete_files(paths)

    out = tmp_path / "out"
    assert build(out, "--shards", "3") == 0
    with monkeypatch.context() as patch:
        patch.setattr(pipelines.folder.places, "delete_files", killed)
        assert build(out, "--overwrite") == 130
    assert deleted[0] == f"{out}/manifest.json"
    assert not (out / "manifest.json").exists()
    assert build(out) == 2
    assert build(out, "--overwrite") == 0
    assert build(tmp_path / "fresh") == 0
    assert digests(out) == digests(tmp_path / "fresh")


@pytest.mark.parametrize("options", [[], ["--overwrite"]])
def test_foreign_folder_is_refused(
    build: Build, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "weights.bin").write_bytes(b"1")
    before = sorted(tmp_path.rglob("*"))
    assert build(tmp_path, *options) == 2
    assert "is not empty and holds no Shardmill build" in told(capsys)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("where", ["out", "out/deeper"])
def test_file_in_the_way(
    build: Build, tmp_path: Path, capsys: pytest.CaptureFixture[str], where: str
) -> None:
    (tmp_path / "out").write_text("a file")
    assert build(tmp_path / where) == 2
    assert f"cannot write to {tmp_path}/{where}: " in told(capsys)
    assert (tmp_path / "out").read_text() == "a file"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_read_only_folder(build: Build, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    assert build(tmp_path / "locked" / "out") == 2
    assert "Permission denied" in told(capsys)
    assert not list((tmp_path / "locked").iterdir())


@pytest.mark.parametrize(
    ("options", "recipe", "message"),
    [
        (["--input", "{folder}/none*.txt"], "bert", "no file matches {folder}/none*.txt"),
        (["--input", "{folder}"], "bert", "is a folder; to read its files write {folder}/*"),
        (["--input", "{folder}/nothing.txt"], "bert", "{folder}/nothing.txt: the files are empty"),
        (["--input", "{folder}/blank.txt"], "bert", "{folder}/blank.txt: no document in 1 file"),
        ([], "bret", "no recipe is called 'bret'; did you mean bert"),
        (
            ["--shard", "3"],
            "bert",
            "neither Shardmill nor Beam has an option --shard; did you mean",
        ),
        (["--shards", "few"], "bert", "--shards: must be a whole number"),
        (["--shards", "0"], "bert", "--shards: must be a whole number of at least 1"),
        (
            ["--eval-fraction", "1"],
            "bert",
            "must be a number of at least 0 and below 1",
        ),
        (["--copies", "0"], "bert", "--copies: copies must be in [1, 1000], got 0"),
        (["--copies", "ten"], "bert", "--copies: copies must be a whole number, got 'ten'"),
        (["--max-seq-length", "4"], "bert", "max_seq_length must be in ["),
        (["--workers", "0"], "bert", "--workers: must be a whole number of at least 1"),
        (["--memory-gib", "0.1"], "bert", "--memory-gib 0.1 is too little for 1 worker"),
        (["--max-rejected", "-1"], "bert", "--max-rejected: must be a whole number of at least 0"),
        (["--set", "pair.p=1"], "bert", "there is no setting 'pair.p'"),
        (["--format", "csv"], "bert", "has no column 'text'"),
        (["--format", "xml"], "bert", "--format: invalid choice: 'xml'"),
        (
            ["--tokenizer", "{folder}/no.json"],
            "bert",
            "--tokenizer {folder}/no.json: there is no such file",
        ),
        (["--tokenizer", "{folder}/blank.txt"], "bert", "tokenizer"),
        (["--tokenizer", "{folder}/unmasked.json"], "bert", "[MASK]"),
        (["--runner=NoRunner"], "bert", "Unexpected pipeline runner: NoRunner"),
        (["--runner=no.module.Runner"], "bert", "--runner no.module.Runner cannot be loaded"),
        (["--runner=FnApiRunner", "--workers", "2"], "bert", "--workers is for local runs"),
        (["--runner=DataflowRunner"], "bert", "project"),
    ],
)
def test_refused_before_any_work(
    build: Build,
    tokenizer: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    recipe: str,
    message: str,
) -> None:
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "nothing.txt").write_bytes(b"")
    (folder / "blank.txt").write_bytes(b" \n\n\t\n \n")
    unmasked = tokenizer.read_text("utf-8").replace("[MASK]", "[NOPE]")
    (folder / "unmasked.json").write_text(unmasked, "utf-8")
    given = [option.format(folder=folder) for option in options]
    assert build(tmp_path / "out", *given, recipe=recipe) == 2
    assert message.format(folder=folder) in told(capsys)
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


def test_one_document_cannot_be_paired(
    build: Build, documents: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "one.txt").write_text(documents[0], "utf-8")
    one = ["--input", f"{tmp_path}/one.txt", "--shards", "1", "--eval-fraction", "0"]
    assert build(tmp_path / "out", *one) == 1
    assert told(capsys) == (
        "train/shard-00000-of-00001 has a single document, and bert-wwm takes the second segment "
        "of a pair from another document: separate the documents (a blank line in text files), or "
        "use a recipe without pairs, and add --overwrite"
    )
    assert not list((tmp_path / "out").glob("*/*.arrow"))
    assert build(tmp_path / "out", *one, "--overwrite", recipe="roberta") == 0


def test_workers_with_other_versions_are_refused(
    build: Build,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def elsewhere(*more: str) -> dict[str, str]:
        return {**software_versions(*more), "numpy": "1.0"}

    monkeypatch.setattr(transforms.build.build_shards, "software_versions", elsewhere)
    assert build(tmp_path / "out") == 1
    message = told(capsys)
    assert message.startswith("a worker has numpy 1.0, but the program that sent it work has numpy")
    assert message.endswith("give the workers a container image with the same versions")
    assert not list((tmp_path / "out").glob("*/*.arrow"))


@pytest.fixture
def flawed(documents: list[str], tmp_path: Path) -> Path:
    """A file of JSON lines, three of which cannot be used."""
    lines = [json.dumps({"text": text}).encode() for text in documents]
    lines[3:3] = [b"{broken", b'{"title": "no text"}']
    lines.append(b'"\xff\xfe"')
    path = tmp_path / "flawed.jsonl"
    path.write_bytes(b"\n".join(lines))
    return path


def test_rejected_records_end_the_run(
    build: Build,
    digests: Digests,
    documents: list[str],
    flawed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out, text = tmp_path / "out", ["--input", str(flawed)]
    assert build(out, *text) == 1
    message = told(capsys)
    assert message.startswith("3 records were rejected (")
    assert message.endswith(
        "run the same command with --max-rejected 3; text that is in another encoding is read with "
        "--encoding and --overwrite"
    )
    assert not (out / "manifest.json").exists()

    records = rejected(out)
    assert [set(record) for record in records] == [
        {"source", "offset", "stage", "reason", "excerpt"}
    ] * 3
    data = flawed.read_bytes()
    assert [record["offset"] for record in records] == [
        data.index(b"{broken"),
        data.index(b'{"title'),
        data.index(b'"\xff'),
    ]
    assert {record["source"] for record in records} == {str(flawed)}
    assert records[0]["excerpt"] == "{broken"
    assert records[2]["excerpt"] == '"\\xff\\xfe"'

    def no_pipeline(*_: object) -> None:
        raise AssertionError("everything is built")

    monkeypatch.setattr(LocalRunner, "started", no_pipeline)
    before = digests(out)
    assert build(out, *text, "--max-rejected", "2") == 1
    assert build(out, *text, "--max-rejected", "3") == 0
    assert digests(out) == before
    assert rejected(out) == records
    manifest = json.loads((out / "manifest.json").read_text("utf-8"))
    assert manifest["documents"]["read"] == len(documents)
    reasons = [record["reason"] for record in records]
    assert manifest["documents"]["rejected"] == {
        reason: reasons.count(reason) for reason in reasons
    }


def rejected(folder: Path) -> list[dict[str, Any]]:
    lines = [
        line
        for path in sorted((folder / "rejected").glob("*.jsonl"))
        for line in path.read_text("utf-8").splitlines()
    ]
    return [json.loads(line) for line in lines]


def test_nothing_but_rejected_records(
    build: Build, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.jsonl").write_text("{\n{\n")
    assert build(tmp_path / "out", "--input", f"{tmp_path}/bad.jsonl") == 1
    message = told(capsys)
    assert message.startswith("2 records were rejected (")
    assert message.endswith("--max-rejected 2")


@pytest.mark.parametrize("options", [[], ["--workers", "2"]], ids=["one-worker", "two-workers"])
def test_damaged_file_is_told_in_one_sentence(
    start_build: Callable[..., Any], documents: list[str], tmp_path: Path, options: list[str]
) -> None:
    path = tmp_path / "cut.txt.gz"
    path.write_bytes(gzip.compress("\n\n".join(documents).encode())[:-20])
    process = start_build(tmp_path / "out", "--input", str(path), *options)
    output, errors = process.communicate()
    assert process.returncode == 1
    assert output == ""
    lines = [line for line in errors.splitlines() if not line.startswith("building:")]
    assert len(lines) == 1, errors
    assert lines[0].startswith(f"shardmill: the pipeline failed: {path} cannot be read as text: ")
    assert lines[0].endswith(f"(the trace is in {tmp_path}/out/.shardmill/error.txt)")
    trace = (tmp_path / "out" / ".shardmill" / "error.txt").read_text("utf-8")
    assert "Traceback (most recent call last)" in trace
    assert "line_blocks.py" in trace


def test_dry_run_writes_nothing(
    build: Build, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build(tmp_path / "out", "--dry-run") == 0
    assert list(tmp_path.iterdir()) == []
    shown = capsys.readouterr().out
    assert "recipe   bert-wwm: " in shown
    assert "input    2 files, about 0.1 MB of text" in shown
    assert "shards   4 for training, 1 for evaluation" in shown
