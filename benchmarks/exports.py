"""Rows a second of `shardmill export`, by format, and of the libraries' own writers, row by row.

    python -m benchmarks.exports DIR

DIR is a finished build. Every format is written to a temporary folder beside DIR, one after the
other in one process; what reading the rows takes is in each figure. The libraries' writers get
rows as Python has them, made before the clock starts.
"""

import argparse
import contextlib
import io
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.exporting.command import main as export
from pipelines.exporting.formats import FORMATS
from pipelines.exporting.rows import StandardRows
from pipelines.folder.corpus import open_corpus

MOST = 20_000
"""Rows that the libraries' writers are given."""


def timed(work: Callable[[], object]) -> float:
    """Returns the seconds that something takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


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


def main() -> None:
    """Prints a line for each format and each writer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    folder = parser.parse_args().folder
    corpus = open_corpus(folder)
    rows = corpus.recipe.copies * sum(shard.rows for shard in corpus.shards("train"))
    root = Path(tempfile.mkdtemp(dir=Path(folder).resolve().parent))
    try:
        for name in FORMATS:
            output = root / name
            command = [folder, "--to", name, "--output", str(output), "--split", "train"]
            with (
                contextlib.redirect_stdout(io.StringIO()),
                contextlib.redirect_stderr(io.StringIO()),
            ):
                codes: list[int] = []
                seconds = timed(lambda: codes.append(export(command)))  # noqa: B023
            if codes == [0]:
                size = sum(each.stat().st_size for each in output.rglob("*") if each.is_file())
                print(f"{name:12} {rows / seconds:10,.0f} rows/s {size / 1e6:8.1f} MB")
        found = [sample for sample, _ in zip(samples(folder), range(MOST), strict=False)]
        for name, write in (("BinaryWriter", with_litdata), ("TarWriter", with_webdataset)):
            with contextlib.suppress(ImportError):
                seconds = timed(lambda: write(found, root / name))  # noqa: B023
                print(f"{name:12} {len(found) / seconds:10,.0f} rows/s")
    finally:
        shutil.rmtree(root)


if __name__ == "__main__":
    main()
