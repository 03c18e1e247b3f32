"""Rows a second of `shardmill export`, by format, beside a floor and the libraries' own writers.

    python -m benchmarks.exports DIR

DIR is a finished build. Every format is written twice to a temporary folder beside DIR, all in one
process, and the second time is told: imports and compiled loops are not in it, what reading the
rows and making the card take is. The floor of a format is the same files written and hashed again.
pyarrow's writers get all rows as one table, the others rows as Python has them, made before the
clock starts. Rates are of processor time; the wall clock, with the disk in it, stands beside them.
"""

import argparse
import contextlib
import functools
import io
import itertools
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.exporting.command import main as export
from pipelines.exporting.formats import FORMATS
from pipelines.exporting.rows import StandardRows
from pipelines.folder.corpus import open_corpus
from transforms.build.write_shard import HashingFile, write_hashed

MOST = 5_000
"""Rows that the libraries' writers are given."""


class Seconds(NamedTuple):
    """How long something took: of the processor, and by the clock."""

    cpu: float
    wall: float


def timed(work: Callable[[], object]) -> Seconds:
    """Returns the seconds that something takes."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Seconds(time.process_time() - cpu, time.perf_counter() - wall)


def table(folder: str) -> pa.Table:
    """Returns the rows of the training split as one table."""
    corpus = open_corpus(folder)
    rows = StandardRows(corpus, corpus.recipe.copies)
    batches = [batch for shard in corpus.shards("train") for batch in rows.batches(shard)]
    return pa.Table.from_batches(batches, rows.schema)


def samples(folder: str) -> Iterator[dict[str, Any]]:
    """Yields the first rows with arrays in the place of lists."""
    corpus = open_corpus(folder)
    rows = StandardRows(corpus, 1)
    kinds = {
        field.name: field.type.value_type.to_pandas_dtype()
        for field in rows.schema
        if pa.types.is_list(field.type)
    }
    for shard in corpus.shards("train"):
        for batch in rows.batches(shard):
            for row in batch.to_pylist():
                yield {
                    name: np.array(value, kinds[name]) if name in kinds else value
                    for name, value in row.items()
                }


def with_litdata(found: list[dict[str, Any]], output: Path) -> None:
    """Writes samples with LitData's own writer."""
    from litdata.streaming.writer import BinaryWriter

    writer = BinaryWriter(str(output), chunk_bytes=1 << 26)
    for number, sample in enumerate(found):
        writer[number] = sample
    writer.done()


def with_webdataset(found: list[dict[str, Any]], output: Path) -> None:
    """Writes samples with WebDataset's own writer."""
    import webdataset

    with webdataset.TarWriter(f"{output}.tar", mtime=0) as writer:
        for number, sample in enumerate(found):
            named = {
                f"{name}.{'npy' if isinstance(value, np.ndarray) else 'json'}": value
                for name, value in sample.items()
            }
            writer.write({"__key__": f"{number:012d}", **named})


def with_mds(found: list[dict[str, Any]], output: Path) -> None:
    """Writes samples with the own writer of MosaicML's streaming."""
    from streaming import MDSWriter

    kinds = {
        name: f"ndarray:{value.dtype}" if isinstance(value, np.ndarray) else type(value).__name__
        for name, value in found[0].items()
    }
    with MDSWriter(out=str(output), columns=kinds, hashes=["sha256"]) as writer:
        for sample in found:
            writer.write(sample)


def with_parquet(found: pa.Table, output: Path) -> None:
    """Writes rows with pyarrow, compressed as ours are."""
    pq.write_table(found, f"{output}.parquet", compression="zstd", row_group_size=8192)


def with_stream(found: pa.Table, output: Path) -> None:
    """Writes rows with pyarrow as a stream."""
    with pa.ipc.new_stream(f"{output}.arrow", found.schema) as writer:
        writer.write_table(found, max_chunksize=8192)


ROW_WRITERS = {"MDSWriter": with_mds, "BinaryWriter": with_litdata, "TarWriter": with_webdataset}
TABLE_WRITERS = {"pyarrow parquet": with_parquet, "pyarrow stream": with_stream}


def write_again(folder: Path, output: Path) -> None:
    """Writes the files of a folder again, and hashes them."""
    for number, path in enumerate(each for each in folder.rglob("*") if each.is_file()):
        with path.open("rb") as file:
            write_hashed(functools.partial(_copy, file), str(output / f"{number}"))


def _copy(file: BinaryIO, sink: HashingFile) -> None:
    while data := file.read(1 << 22):
        sink.write(data)


def line(name: str, rows: int, seconds: Seconds, size: float = 0.0) -> None:
    """Prints a line."""
    print(
        f"{name:22} {rows / seconds.cpu:10,.0f} rows/s {seconds.cpu:8.2f} s "
        f"{seconds.wall:8.2f} s by the clock" + (f" {size / 1e6:8.1f} MB" if size else "")
    )


def export_lines(folder: str, root: Path, rows: int) -> None:
    """Prints a line for each format that can hold the rows, and one for its floor."""
    for name in FORMATS:
        codes: list[int] = []
        for turn in ("warm", "told"):
            output = root / f"{name}-{turn}"
            command = [folder, "--to", name, "--output", str(output), "--split", "train"]
            quiet = io.StringIO()
            with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
                seconds = timed(lambda: codes.append(export(command)))  # noqa: B023
        if codes == [0, 0]:
            size = sum(each.stat().st_size for each in output.rglob("*") if each.is_file())
            line(name, rows, seconds, size)
            floor = root / f"{name}-floor"
            floor.mkdir()
            seconds = timed(lambda: write_again(output, floor))  # noqa: B023
            line("  written and hashed", rows, seconds)
        shutil.rmtree(root / f"{name}-warm", ignore_errors=True)


def main() -> None:
    """Prints a line for each format, its floor, and each writer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    folder = parser.parse_args().folder
    corpus = open_corpus(folder)
    rows = corpus.recipe.copies * sum(shard.rows for shard in corpus.shards("train"))
    root = Path(tempfile.mkdtemp(dir=Path(folder).resolve().parent))
    try:
        export_lines(folder, root, rows)
        columns = table(folder)
        for name, write_all in TABLE_WRITERS.items():
            write_all(columns.slice(0, 1), root / "warm")
            line(name, rows, timed(lambda: write_all(columns, root / "all")))  # noqa: B023
        found = list(itertools.islice(samples(folder), MOST))
        for name, write in ROW_WRITERS.items():
            with contextlib.suppress(ImportError):
                write(found[:1], root / f"{name}-warm")
                line(name, len(found), timed(lambda: write(found, root / name)))  # noqa: B023
    finally:
        shutil.rmtree(root)


if __name__ == "__main__":
    main()
