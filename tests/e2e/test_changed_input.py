"""Input that changes while a command reads it is no corpus, and the command says so."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import pipelines.vocab
import pipelines.waves
from pipelines.cli import main
from tests.support.sample_builds import sample_documents, tokenizer_file

Build = Callable[..., int]
Change = Callable[[Path], object]


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"\nmore\n")


def replace(path: Path) -> None:
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content.swapcase())


CHANGES = {
    append: "changed after the run was planned",
    replace: "was written again after the run was planned",
    Path.unlink: "is gone, and was there when the run was planned",
}


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_bytes(b"\n\n".join(sample_documents()))
    return path


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("command", ["build", "annotate"])
def test_changes_after_planning_are_found(
    text: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    change: Change,
) -> None:
    run_waves = pipelines.waves.run_waves

    def changing(*arguments: object) -> None:
        run_waves(*arguments)
        change(text)

    monkeypatch.setattr(pipelines.waves, "run_waves", changing)
    out = tmp_path / "out"
    options = {
        "build": ["roberta", "--tokenizer", tokenizer_file("wordpiece")],
        "annotate": ["--phrases", "jieba"],
    }[command]
    given = [command, *map(str, options), "--input", str(text), "--output", str(out)]
    assert main([*given, "--shards", "2"]) == 1
    told = capsys.readouterr().err
    assert f"shardmill: {text} {CHANGES[change]}" in told
    assert not (out / "manifest.json").exists()
    if text.exists():
        monkeypatch.undo()
        assert main([*given, "--shards", "2"]) == 2
        assert "inputs: there " in capsys.readouterr().err


def test_a_file_that_is_cut_fails_the_build(
    build: Build, text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: object
) -> None:
    run_waves = pipelines.waves.run_waves

    def changing(*arguments: object) -> None:
        text.write_bytes(text.read_bytes()[:5000])
        run_waves(*arguments)

    monkeypatch.setattr(pipelines.waves, "run_waves", changing)
    assert build(tmp_path / "out", "--input", str(text)) == 1
    told = capsys.readouterr().err
    assert f"{text} ends at byte 5000, and had " in told
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_vocab_looks_at_the_end_too(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    read_corpus = pipelines.vocab.read_corpus

    def changing(*arguments: object) -> object:
        found = read_corpus(*arguments)
        append(text)
        return found

    monkeypatch.setattr(pipelines.vocab, "read_corpus", changing)
    out = tmp_path / "tokenizer.json"
    given = ["--input", str(text), "--model", "wordpiece", "--size", "500", "--output", str(out)]
    assert main(["vocab", *given]) == 1
    assert f"{text} changed after the run was planned" in capsys.readouterr().err
    assert not out.exists()


def test_annotations_are_input(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    notes, run_waves = tmp_path / "notes", pipelines.waves.run_waves
    annotate = ["annotate", "--input", str(text), "--output", str(notes), "--shards", "1"]
    assert main([*annotate, "--phrases", "jieba"]) == 0
    shard = notes / "annotations" / "shard-00000-of-00001.arrow"

    def changing(*arguments: object) -> None:
        run_waves(*arguments)
        os.utime(shard, (1, 1))

    monkeypatch.setattr(pipelines.waves, "run_waves", changing)
    out = tmp_path / "out"
    given = ["--input", str(text), "--tokenizer", str(tokenizer_file("wordpiece"))]
    given += ["--annotations", str(notes), "--output", str(out), "--shards", "1"]
    assert main(["build", "ernie1", *given]) == 1
    assert (
        f"shardmill: {shard} was written again after the run was planned" in capsys.readouterr().err
    )
    assert not (out / "manifest.json").exists()
