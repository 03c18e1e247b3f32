"""Streams of the bundled sample: ordinary builds laid out as windows, for readers of streams."""

import contextlib
import functools
import hashlib
import io
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.build import main as build
from schemas.documents import document_key
from schemas.manifest import DATA_VERSION
from schemas.manifest_file import parse_manifest, seal
from schemas.sealed import open_sealed, sealed_json
from schemas.stream import (
    INDEX,
    PLANS,
    SECTIONS,
    STREAM,
    STREAM_VERSION,
    WINDOWS,
    IndexedSplit,
    IndexedWindow,
    PlannedFile,
    Section,
    StreamIndex,
    StreamRecord,
    WindowPlan,
    number_name,
)
from tests.support.made_once import made_once
from tests.support.recipes import varied
from tests.support.sample_builds import MODELS, sample_documents, tokenizer_file
from transforms.files.atomic_files import write_atomically
from transforms.objectives import OBJECTIVES
from transforms.records.shard_text import plan_shards

PARTS = 6
"""Windows that the documents of the sample are dealt to; those after them have the same again."""
HELD_OUT = 0.2
"""Share of the documents that is for evaluation."""
EMPTY = -1
"""In place of the part of the sample: a window without rows."""


@functools.cache
def window_build(recipe: str, part: int, seed: int, *options: str) -> Path:
    """Returns a build of a part of the sample with short rows: two shards and one; only read it."""
    name = "-".join(["window", recipe, str(part), str(seed), *options]).replace("/", "_")
    return made_once(name, lambda folder: _build(folder, recipe, part, seed, options))


def _build(folder: Path, recipe: str, part: int, seed: int, options: Sequence[str]) -> None:
    if part == EMPTY:
        shutil.copytree(window_build(recipe, 0, seed, *options), folder)
        _empty(folder)
        return
    text = folder.with_name(f"{folder.name}.txt")
    text.write_bytes(b"\n\n".join(documents_of(part)))
    tokenizer = tokenizer_file(MODELS.get(recipe, "wordpiece"))
    copies = varied(OBJECTIVES[recipe], copies=2).copies
    given = [recipe, "--input", str(text), "--tokenizer", str(tokenizer)]
    given += ["--shards", "2", "--eval-fraction", str(HELD_OUT), "--seed", str(seed)]
    given += ["--max-seq-length", "64", "--copies", str(copies), *options, "--output", str(folder)]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        assert build(given) == 0


@functools.cache
def documents_of(part: int) -> tuple[bytes, ...]:
    """Returns the documents of a part of the sample: at least two of each shard, as pairs need."""
    documents = sample_documents()
    keys = np.array([list(document_key(each)) for each in documents], np.uint8)
    shards = plan_shards(0, 2, HELD_OUT).assign(keys)
    order = np.argsort(shards, kind="stable")
    dealt = np.concatenate([np.arange(count) for count in np.bincount(shards)]) % PARTS
    return tuple(documents[place] for place in order[dealt == part % PARTS])


def _empty(folder: Path) -> None:
    """Makes a build one of no document."""
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    for split in manifest["splits"].values():
        split.update(rows=0, tokens=0)
        for shard in split["shards"]:
            path = folder / shard["path"]
            with pa.ipc.open_file(path) as file:
                schema = file.schema
            with pa.ipc.new_file(path, schema):
                pass
            content = path.read_bytes()
            shard.update(bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
            shard.update(rows=0, tokens=0, max_length=0, documents=0, duplicates=0, left_out=0)
            shard.update(statistics={}, drawn={})
    manifest["statistics"] = {split: {} for split in manifest["splits"]}
    manifest["documents"].update(read=0, bytes=0, empty=0, split=0, duplicates=0, rejected={})
    del manifest["checksum"]
    (folder / "manifest.json").write_text(seal(manifest), "utf-8")
    parse_manifest((folder / "manifest.json").read_bytes())


def made_stream(
    folder: Path, parts: Sequence[int] = (0, 1, 2), recipe: str = "bert-wwm", *options: str
) -> Path:
    """Lays out a stream with a window for each part of the sample; `EMPTY` for none."""
    folder.mkdir(parents=True)
    identity = {"recipe": recipe, "seed": 7, "options": list(options)}
    record = StreamRecord(format_version=STREAM_VERSION, identity=identity)
    _write(folder / STREAM, record)
    begin_section(folder)
    _write(folder / INDEX, StreamIndex(format_version=STREAM_VERSION, windows=()))
    for part in parts:
        add_window(folder, part, recipe, *options)
    return folder


def begin_section(folder: Path, **software: str) -> None:
    """Begins a section with the next window, of other libraries."""
    number = len(list((folder / SECTIONS).glob("*.json")))
    first = len(index_of(folder).windows) if number else 0
    section = Section(section=number, first=first, software=software, data_version=DATA_VERSION)
    _write(folder / SECTIONS / f"{number_name(number)}.json", section)


def add_window(folder: Path, part: int, recipe: str = "bert-wwm", *options: str) -> Path:
    """Adds the next window to a stream; returns its folder."""
    index = index_of(folder)
    number = len(index.windows)
    window = folder / WINDOWS / number_name(number)
    source = window_build(recipe, part, 100 + number, *options)
    files = ()
    if part != EMPTY:
        files = (PlannedFile(path=f"/in/{number}.txt", size=1000, modified=1.5e9 + number),)
    plan = WindowPlan(window=number, files=files)
    _write(folder / PLANS / f"{number_name(number)}.json", plan)
    shutil.copytree(source, window)
    manifest = json.loads((window / "manifest.json").read_text("utf-8"))
    entry = IndexedWindow(
        window=number,
        section=len(list((folder / SECTIONS).glob("*.json"))) - 1,
        checksum=manifest["checksum"],
        documents=manifest["documents"]["read"] - manifest["documents"]["duplicates"],
        splits={
            name: IndexedSplit(rows=split["rows"], tokens=split["tokens"])
            for name, split in manifest["splits"].items()
        },
    )
    grown = StreamIndex(format_version=STREAM_VERSION, windows=(*index.windows, entry))
    _write(folder / INDEX, grown)
    return window


def index_of(folder: Path) -> StreamIndex:
    """Returns the index of a stream."""
    path = folder / INDEX
    return open_sealed(path.read_bytes(), StreamIndex, path)


def _write(path: Path, value: Any) -> None:
    path.parent.mkdir(exist_ok=True)
    write_atomically(str(path), sealed_json(value))
