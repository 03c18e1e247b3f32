"""Exports of builds, read back by the tools that they are for."""

import functools
import glob
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from pipelines.exporting.command import main
from pipelines.verify import main as verify
from tests.oracles.mds import read_mds
from tests.packaging.imports import ROOT
from tests.support.labelled_builds import KINDS, labelled
from tests.support.sample_builds import corpus, manifest_of
from transforms.samples.litdata import LitData
from transforms.samples.mds import Mds
from transforms.samples.webdataset import WebDataset

Captured = pytest.CaptureFixture[str]
Row = dict[str, Any]
SAMPLES = ("mds", "litdata", "webdataset")
RECIPES = ("albert", "elmo", "ernie2-capitals", "t5", "xlnet")
"""Labels of a row, numbers and booleans of a row, labels of tokens, two lengths, ranks."""
BUILDS: Mapping[str, Callable[[], Path]] = {
    **{name: functools.partial(corpus, name) for name in RECIPES},
    **{name: functools.partial(labelled, name) for name in KINDS},
}


def export(folder: Path, output: Path, to: str, *options: str) -> int:
    return main([str(folder), "--to", to, "--output", str(output), *options])


@pytest.fixture(scope="module")
def rows_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], list[Row]]:
    """Returns the rows of a split as Parquet has them, in the order of the shards."""

    @functools.cache
    def exported(name: str) -> Path:
        output = tmp_path_factory.mktemp("rows") / "out"
        assert export(BUILDS[name](), output, "parquet") == 0
        return output

    def rows(name: str, split: str) -> list[Row]:
        paths = sorted((exported(name) / split).glob("*.parquet"))
        return [row for path in paths for row in pq.read_table(path).to_pylist()]

    return rows


def plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def with_litdata(folder: Path, split: str) -> list[Row]:
    litdata = pytest.importorskip("litdata")
    data = litdata.StreamingDataset(str(folder / split))
    return [{name: plain(value) for name, value in data[at].items()} for at in range(len(data))]


def with_webdataset(folder: Path, split: str) -> list[Row]:
    webdataset = pytest.importorskip("webdataset")
    files = sorted(glob.glob(f"{folder}/{split}/*.tar"))
    found = []
    for number, sample in enumerate(webdataset.WebDataset(files, shardshuffle=False).decode()):
        assert sample["__key__"] == f"{number:012d}"
        names = [name for name in sample if not name.startswith("__")]
        found.append({name.partition(".")[0]: plain(sample[name]) for name in names})
    return found


READERS: Mapping[str, Callable[[Path, str], list[Row]]] = {
    "mds": lambda folder, split: read_mds(folder / split),
    "litdata": with_litdata,
    "webdataset": with_webdataset,
}


@pytest.mark.parametrize("name", BUILDS)
@pytest.mark.parametrize("to", SAMPLES)
def test_every_row_comes_back(
    to: str, name: str, rows_of: Callable[[str, str], list[Row]], tmp_path: Path
) -> None:
    assert export(BUILDS[name](), tmp_path / "out", to) == 0
    for split in ("train", "eval"):
        found = READERS[to](tmp_path / "out", split)
        assert found == rows_of(name, split)
    assert verify([str(tmp_path / "out")]) == 0


def test_mosaicml_streaming_reads_it(
    rows_of: Callable[[str, str], list[Row]], tmp_path: Path
) -> None:
    pytest.importorskip("zstd")
    pytest.importorskip("transformers")
    assert export(corpus("elmo"), tmp_path / "out", "mds", "--split", "eval") == 0
    run = subprocess.run(
        [sys.executable, "-m", "tests.support.mds_reader", str(tmp_path / "out"), "eval"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    assert [json.loads(line) for line in run.stdout.splitlines()] == rows_of("elmo", "eval")


@pytest.mark.parametrize(
    ("layout", "to", "most"),
    [(Mds, "mds", 20_000), (LitData, "litdata", 20_000), (WebDataset, "webdataset", 200_000)],
)
def test_large_shards_become_several_files(
    layout: type,
    to: str,
    most: int,
    rows_of: Callable[[str, str], list[Row]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No part border is that of a shard's copy, and the order of the rows stays."""
    monkeypatch.setattr(layout, "part_bytes", most)
    assert export(corpus("albert"), tmp_path / "out", to) == 0
    files = [each for each in (tmp_path / "out" / "train").iterdir() if each.suffix != ".json"]
    assert len(files) > 10
    assert all(each.stat().st_size < 1.2 * most + 4096 for each in files)
    assert READERS[to](tmp_path / "out", "train") == rows_of("albert", "train")


@pytest.mark.parametrize("to", SAMPLES)
def test_the_same_bytes_again_and_when_resumed(to: str, tmp_path: Path, capsys: Captured) -> None:
    for output in ("one", "two"):
        assert export(corpus("albert"), tmp_path / output, to) == 0
    names = [each.relative_to(tmp_path / "one") for each in (tmp_path / "one").rglob("*")]
    contents = {
        name: (tmp_path / "one" / name).read_bytes()
        for name in names
        if (tmp_path / "one" / name).is_file()
    }
    two = tmp_path / "two"
    assert {name: (two / name).read_bytes() for name in contents} == contents
    lost = sorted(name for name in contents if name.parts[0] == "train")[-1]
    (two / lost).unlink()
    capsys.readouterr()
    assert export(corpus("albert"), two, to) == 0
    assert "of them already there" in capsys.readouterr().out
    assert {name: (two / name).read_bytes() for name in contents} == contents


@pytest.mark.parametrize("to", [*SAMPLES, "parquet"])
def test_files_have_the_modes_that_the_user_wants(to: str, tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        assert export(corpus("albert"), tmp_path / "out", to, "--split", "eval") == 0
    finally:
        os.umask(before)
    files = [each for each in (tmp_path / "out").rglob("*") if each.is_file()]
    assert {each.stat().st_mode & 0o777 for each in files} == {0o640}


@pytest.mark.parametrize(
    ("to", "recipe"),
    [("parquet", "albert"), ("stream", "albert"), ("litdata", "albert"), ("webdataset", "albert"),
     ("megatron", "gpt")],
)  # fmt: skip
def test_the_code_of_the_card_reads_the_rows(
    to: str, recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    libraries = {"litdata": "litdata", "webdataset": "webdataset", "megatron": "megatron.core"}
    pytest.importorskip(libraries.get(to, "datasets"))
    assert export(corpus(recipe), tmp_path / "out", to) == 0
    card = (tmp_path / "out" / "README.md").read_text("utf-8")
    [code] = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    monkeypatch.chdir(tmp_path / "out")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    if datasets := sys.modules.get("datasets"):
        monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    names: dict[str, Any] = {}
    exec(code, names)
    rows = list(names["data"])
    [counted] = re.findall(r"^\| train \| ([\d,]+) \|$", card, re.MULTILINE)
    assert to == "megatron" or len(rows) == int(counted.replace(",", ""))
    assert all(len(row) for row in rows)


@pytest.mark.parametrize("to", ["parquet", "stream", "webdataset"])
def test_datasets_finds_the_splits_of_an_export(
    to: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The card says which files they are; a folder eval alone would be called test."""
    datasets = pytest.importorskip("datasets")
    assert export(corpus("albert"), tmp_path / "out", to, "--copies", "1") == 0
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    data = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    rows = {name: split.num_rows for name, split in data.items()}
    manifest = manifest_of(corpus("albert"))["splits"]
    assert rows == {name: manifest[name]["rows"] for name in ("train", "eval")}


def test_the_pairs_of_words_are_a_configuration(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    assert export(corpus("glove"), tmp_path / "out", "parquet") == 0
    folder, cache = str(tmp_path / "out"), str(tmp_path / "cache")
    data = datasets.load_dataset(folder, "cooccurrences", cache_dir=cache, split="train")
    assert data.num_rows == manifest_of(corpus("glove"))["cooccurrences"]["records"]
    assert data.column_names == ["word", "context", "value"]


def test_megatron_reads_the_documents(tmp_path: Path) -> None:
    module = pytest.importorskip("megatron.core.datasets.indexed_dataset")
    assert export(corpus("gpt"), tmp_path / "out", "megatron") == 0
    data = module.IndexedDataset(str(tmp_path / "out" / "train_text_document"))
    content = np.fromfile(tmp_path / "out" / "train_text_document.bin", "<u2")
    assert (
        np.concatenate([data[number] for number in range(len(data))]).tolist() == content.tolist()
    )
    assert data.document_indices.tolist() == list(range(len(data) + 1))


def test_what_samples_cannot_hold_is_told(tmp_path: Path, capsys: Captured) -> None:
    assert export(corpus("glove"), tmp_path / "out", "mds") == 2
    assert "glove has pairs of words, which are a table" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
