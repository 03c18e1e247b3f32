"""The same bytes in every shard, wherever and however the corpus is built."""

import functools
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import pipelines.planning.text_files
from tests.support.sample_builds import (
    RECIPES,
    SAMPLE,
    build_into,
    corpus,
    records_file,
    takes_records,
)
from transforms.files.inputs import plan_ranges

Digests = Callable[[Path], dict[str, str]]
Build = Callable[..., int]


@pytest.fixture(scope="module")
def reference(
    build: Build, digests: Digests, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("reference") / "out"
    assert build(folder) == 0
    found = digests(folder)
    assert len(found) == 5
    assert len(set(found.values())) == 5
    return found


@pytest.fixture(scope="module")
def one_line_reference(
    build: Build,
    digests: Digests,
    documents: list[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("one-line")
    write_text(folder / "corpus.txt", one_line(documents))
    assert build(folder / "out", "--input", f"{folder}/corpus.txt") == 0
    return digests(folder / "out")


def one_line(documents: list[str]) -> list[str]:
    return [" ".join(document.split("\n")) for document in documents]


def shuffled(documents: list[str], seed: int) -> list[str]:
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(documents))
    return [documents[index] for index in order]


def write_text(path: Path, documents: list[str]) -> None:
    data = "\n\n".join(documents).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def write_jsonl(path: Path, documents: list[str]) -> None:
    data = "".join(json.dumps({"id": 1, "text": text}) + "\n" for text in documents).encode()
    path.write_bytes(
        pa.Codec("zstd").compress(data, asbytes=True) if path.suffix == ".zst" else data
    )


def write_lines(path: Path, documents: list[str]) -> None:
    path.write_text("".join(f"{text}\n" for text in documents), "utf-8")


def write_parquet(path: Path, documents: list[str]) -> None:
    pq.write_table(
        pa.table({"n": range(len(documents)), "text": documents}), path, row_group_size=7
    )


def documents_of(folder: Path) -> Any:
    return json.loads((folder / "manifest.json").read_text("utf-8"))["documents"]


def test_workers_do_not_matter(
    start_build: Callable[..., Any], reference: dict[str, str], digests: Digests, tmp_path: Path
) -> None:
    process = start_build(tmp_path / "out", "--workers", "2")
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    assert digests(tmp_path / "out") == reference
    documents = documents_of(tmp_path / "out")
    assert (documents["read"], documents["duplicates"]) == (80, 0)


@pytest.mark.parametrize("runner", ["DirectRunner", "DaskRunner"])
def test_runner_does_not_matter(
    build: Build, reference: dict[str, str], digests: Digests, tmp_path: Path, runner: str
) -> None:
    assert build(tmp_path / "out", f"--runner={runner}") == 0
    assert digests(tmp_path / "out") == reference
    documents = documents_of(tmp_path / "out")
    assert (documents["read"], documents["duplicates"]) == (80, 0)


def test_order_and_files_do_not_matter(
    build: Build,
    reference: dict[str, str],
    digests: Digests,
    documents: list[str],
    tmp_path: Path,
) -> None:
    mixed = shuffled(documents, 1)
    corpus = tmp_path / "corpus"
    (corpus / "deep").mkdir(parents=True)
    write_text(corpus / "z.txt", mixed[:20])
    write_text(corpus / "a.txt.gz", mixed[20:31])
    write_jsonl(corpus / "m.jsonl", mixed[31:45])
    write_jsonl(corpus / "deep" / "m.jsonl.zst", mixed[45:60])
    write_parquet(corpus / "deep" / "p.parquet", mixed[60:])
    inputs = ["--input", f"{corpus}/*", "--input", f"{corpus}/deep/*"]
    assert build(tmp_path / "out", *inputs) == 0
    assert digests(tmp_path / "out") == reference


@pytest.mark.parametrize("recipe", RECIPES)
def test_order_and_files_do_not_matter_to_any_recipe(
    recipe: str, digests: Digests, tmp_path: Path
) -> None:
    lines = takes_records(recipe)
    paths = [records_file()] if lines else sorted(SAMPLE.glob("*.txt"))
    between = "\n" if lines else "\n\n"
    documents = [each for path in paths for each in path.read_text("utf-8").split(between)]
    mixed = shuffled([document for document in documents if document.strip()], 4)
    for number in range(3):
        path = tmp_path / f"{number}.{'jsonl' if lines else 'txt'}"
        path.write_text(between.join(mixed[number::3]), "utf-8")
    build_into(tmp_path / "out", recipe, f"{tmp_path}/*.*")
    assert digests(tmp_path / "out") == digests(corpus(recipe))


@pytest.mark.parametrize("write", [write_lines, write_jsonl, write_parquet])
def test_format_does_not_matter(
    build: Build,
    one_line_reference: dict[str, str],
    digests: Digests,
    documents: list[str],
    tmp_path: Path,
    write: Callable[[Path, list[str]], None],
) -> None:
    path = tmp_path / f"corpus.{write.__name__.removeprefix('write_')}"
    write(path, shuffled(one_line(documents), 2))
    assert build(tmp_path / "out", "--input", str(path)) == 0
    assert digests(tmp_path / "out") == one_line_reference


def test_duplicates_in_other_files_do_not_matter(
    build: Build, reference: dict[str, str], digests: Digests, documents: list[str], tmp_path: Path
) -> None:
    write_text(tmp_path / "a.txt", documents)
    write_text(tmp_path / "b.txt", shuffled(documents, 3)[:30])
    assert build(tmp_path / "out", "--input", f"{tmp_path}/*.txt") == 0
    assert digests(tmp_path / "out") == reference
    assert documents_of(tmp_path / "out")["duplicates"] == 30


def test_ranges_do_not_matter(
    build: Build,
    reference: dict[str, str],
    digests: Digests,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small = functools.partial(small_ranges, range_bytes=3000)
    monkeypatch.setattr(pipelines.planning.text_files, "plan_ranges", small)
    assert build(tmp_path / "out") == 0
    assert digests(tmp_path / "out") == reference


def small_ranges(files: Any, _: int, *checks: Any, range_bytes: int) -> Any:
    ranges = plan_ranges(files, range_bytes, *checks)
    assert len(ranges) > 30
    return ranges


def test_waves_do_not_matter(
    build: Build,
    reference: dict[str, str],
    digests: Digests,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(pipelines.planning.plan, "wave_shards", lambda *_: 2)
    assert build(tmp_path / "out", "--dry-run", "--runner=FnApiRunner") == 0
    assert "waves    3" in capsys.readouterr().out
    assert build(tmp_path / "out", "--runner=FnApiRunner") == 0
    assert digests(tmp_path / "out") == reference
    assert documents_of(tmp_path / "out")["read"] == 80


def test_processor_does_not_matter(
    start_build: Callable[..., Any], reference: dict[str, str], digests: Digests, tmp_path: Path
) -> None:
    core = np._core._multiarray_umath  # type: ignore[attr-defined]
    found = [name for name in core.__cpu_dispatch__ if core.__cpu_features__[name]]
    plain = {
        "NPY_DISABLE_CPU_FEATURES": " ".join(found),
        "ARROW_USER_SIMD_LEVEL": "NONE",
        "PYTHONHASHSEED": "1",
    }
    process = start_build(tmp_path / "out", environment=plain)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    assert digests(tmp_path / "out") == reference


def test_seed_matters(
    build: Build, reference: dict[str, str], digests: Digests, tmp_path: Path
) -> None:
    assert build(tmp_path / "out", "--seed", "2") == 0
    found = digests(tmp_path / "out")
    assert found.keys() == reference.keys()
    assert not set(found.values()) & set(reference.values())
