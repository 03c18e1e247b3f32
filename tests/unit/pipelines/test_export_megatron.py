"""Documents as Megatron-LM reads them, read back from the description of the format."""

import contextlib
import io
import json
import struct
from pathlib import Path

import numpy as np
import pytest

from pipelines.build import main as build
from pipelines.cli import main as shardmill
from pipelines.exporting.command import main
from pipelines.exporting.megatron import Megatron
from pipelines.verify import main as verify
from tests.support.sample_builds import (
    SAMPLE,
    WITH_EOD,
    copy_of,
    corpus,
    manifest_of,
    shard_paths,
    stored_rows,
    tokenizer_file,
)

Captured = pytest.CaptureFixture[str]
Documents = list[list[int]]


def read_back(prefix: Path) -> tuple[Documents, int]:
    """Reads an indexed dataset; returns its documents and the code of its type.

    The index: nine bytes, version, code, number of sequences, number of borders of documents; then
    lengths int32, positions int64, borders int64.
    """
    index = prefix.with_suffix(".idx").read_bytes()
    assert index[:9] == b"MMIDIDX\x00\x00"
    version, code, sequences, borders = struct.unpack("<QBQQ", index[9:34])
    assert version == 1
    lengths = np.frombuffer(index, "<i4", sequences, 34)
    positions = np.frombuffer(index, "<i8", sequences, 34 + 4 * sequences)
    documents = np.frombuffer(index, "<i8", borders, 34 + 12 * sequences)
    assert len(index) == 34 + 12 * sequences + 8 * borders
    # A document is a sequence, and the last one is closed.
    assert documents.tolist() == list(range(sequences + 1))
    kind = np.dtype({8: "<u2", 4: "<i4"}[code])
    content = prefix.with_suffix(".bin").read_bytes()
    found = [
        np.frombuffer(content, kind, length, position).tolist()
        for length, position in zip(lengths.tolist(), positions.tolist(), strict=True)
    ]
    assert sum(lengths) * kind.itemsize == len(content)
    return found, code


def documents_of(folder: Path, split: str, overlap: int = 1) -> Documents:
    """Joins rows one by one, and cuts them behind each end-of-document token."""
    manifest = manifest_of(folder)
    name = manifest["tokenizer"]["special_tokens"]["eod"]
    tokenizer = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    [end] = [each["id"] for each in tokenizer["added_tokens"] if each["content"] == name]
    found: Documents = []
    for path in shard_paths(folder, split):
        document: list[int] = []
        rows = [row for row in stored_rows(path) if row["stream"] == 0]
        for number, row in enumerate(rows):
            for token in row["input_ids"][overlap if number else 0 :]:
                document.append(token)
                if token == end:
                    found.append(document)
                    document = []
    return found


def export(folder: Path, output: Path, *options: str) -> int:
    return main([str(folder), "--to", "megatron", "--output", str(output), *options])


def built(folder: Path, *options: str, text: str = f"{SAMPLE}/*.txt") -> Path:
    arguments = ["gpt", "--input", text, "--output", str(folder), "--shards", "2"]
    arguments += ["--tokenizer", str(tokenizer_file(f"bpe{WITH_EOD}")), "--max-seq-length", "64"]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        assert build([*arguments, *options]) == 0
    return folder


@pytest.mark.parametrize("recipe", ["gpt", "transformer-xl"])
def test_documents_come_back(recipe: str, tmp_path: Path, capsys: Captured) -> None:
    folder, out = corpus(recipe), tmp_path / "out"
    assert export(folder, out) == 0
    for split in ("train", "eval"):
        found, code = read_back(out / f"{split}_text_document")
        assert (code, found) == (8, documents_of(folder, split))
        entries = manifest_of(folder)["splits"][split]["shards"]
        # What is left at the end of a stream, and a document that is cut off there, are not there.
        assert len(found) <= sum(entry["documents"] for entry in entries)
        lost = sum(entry["drawn"]["stream.lost"] for entry in entries)
        total = sum(entry["drawn"]["stream.tokens"] for entry in entries)
        assert 0.8 * (total - lost) < sum(map(len, found)) <= total - lost
    names = ["README.md", "eval_text_document.bin", "eval_text_document.idx", "export.json"]
    names += ["export.toml"]
    names += ["tokenizer.json", "tokenizer_config.json"]
    names += ["train_text_document.bin", "train_text_document.idx"]
    assert sorted(path.name for path in out.iterdir()) == names
    assert verify([str(out)]) == 0
    (out / names[-1]).write_bytes((out / names[-1]).read_bytes()[:-1])
    assert verify([str(out)]) == 1
    assert "train_text_document.idx" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "overlap"),
    [
        (["--passes", "2"], 1),
        (["--set", "segment.overlap=false"], 0),
        (["--set", "predict.keep_apart=true"], 1),
    ],
)
def test_rows_of_any_settings_give_the_same_documents(
    options: list[str], overlap: int, tmp_path: Path
) -> None:
    folder = built(tmp_path / "in", "--eval-fraction", "0", *options)
    assert export(folder, tmp_path / "out", "--split", "train") == 0
    found, _ = read_back(tmp_path / "out" / "train_text_document")
    assert found == documents_of(folder, "train", overlap)
    assert len(found) > 60


def test_an_export_goes_on_with_the_files_that_are_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    folder, out = corpus("gpt"), tmp_path / "out"
    command = ["export", str(folder), "--to", "megatron", "--output", str(out)]
    really = Megatron._write_index

    def killed(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Megatron, "_write_index", killed)
    assert shardmill(command) == 130
    tokens = out / "train_text_document.bin"
    time = tokens.stat().st_mtime_ns
    assert not tokens.with_suffix(".idx").exists()
    assert not (out / "export.json").exists()
    monkeypatch.setattr(Megatron, "_write_index", really)
    assert shardmill(command) == 0
    assert "already there" in capsys.readouterr().out
    assert tokens.stat().st_mtime_ns == time
    assert read_back(out / "train_text_document")[0] == documents_of(folder, "train")
    assert sorted(path.name for path in out.iterdir() if path.name.startswith(".")) == []


@pytest.mark.parametrize("recipe", ["bert", "xlnet"])
def test_other_recipes_are_refused(recipe: str, tmp_path: Path, capsys: Captured) -> None:
    assert export(corpus(recipe), tmp_path / "out") == 2
    told = capsys.readouterr().err
    assert f"documents of causal language models, and {recipe} is none" in told
    assert len(told.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_rows_of_best_fit_are_refused(tmp_path: Path, capsys: Captured) -> None:
    folder = built(tmp_path / "in", "--set", "segment.packing=best_fit")
    assert export(folder, tmp_path / "out") == 2
    assert "build them with --set segment.packing=consecutive" in capsys.readouterr().err


def test_a_split_without_a_whole_document_is_told(tmp_path: Path, capsys: Captured) -> None:
    text = tmp_path / "long.txt"
    text.write_text("one two three four five six seven " * 99)
    folder = built(tmp_path / "in", "--eval-fraction", "0", text=str(text))
    assert export(folder, tmp_path / "out") == 2
    assert "no document of the split train is whole" in capsys.readouterr().err


def test_a_damaged_shard_leaves_no_half_file(tmp_path: Path, capsys: Captured) -> None:
    folder = copy_of("gpt", tmp_path / "in")
    shard = shard_paths(folder)[1]
    shard.write_bytes(shard.read_bytes()[:-100])
    assert export(folder, tmp_path / "out") == 1
    assert shard.name in capsys.readouterr().err
    assert not list((tmp_path / "out").glob("*.bin"))
