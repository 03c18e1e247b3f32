"""Measures lower bounds: each step that no build can avoid, with the library for it alone.

Run as a program, it prints one JSON object: name of the step to MB of text a second.
"""

import argparse
import hashlib
import json
import logging
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import jieba
import numpy as np
import pyarrow as pa
import rjieba
from tokenizers import Tokenizer

from transforms.tokens.tokenize_text import load_tokenizer

ENCODE = "`encode_batch_fast` alone, whole lines"
"""The step that all others are compared with."""

_BATCH_LINES = 2000
_JIEBA_BYTES = 2_000_000
_ROW_TOKENS = 512
_BATCH_ROWS = 1024
# With at least this share of bytes that begin an ideograph, the text is Chinese.
_CHINESE_SHARE = 0.1


def measure(text: bytes, tokenizer: Tokenizer, scratch: Path) -> dict[str, float]:
    """Measures every step.

    Args:
      text: Documents separated by blank lines.
      tokenizer: Encodes text as text.
      scratch: A folder to write a file to.

    Returns:
      Name of the step to MB of text a second.
    """
    lines = [line for line in text.decode().splitlines() if line]
    documents = text.split(b"\n\n")
    tokens = 0

    def encode() -> None:
        nonlocal tokens
        for begin in range(0, len(lines), _BATCH_LINES):
            batch = lines[begin : begin + _BATCH_LINES]
            tokens += sum(map(len, tokenizer.encode_batch_fast(batch, add_special_tokens=False)))

    rates = {ENCODE: _rate(text, encode)}
    if np.mean(np.frombuffer(text, np.uint8) >= 0xE3) > _CHINESE_SHARE:
        start = text[:_JIEBA_BYTES].decode(errors="ignore")
        jieba.setLogLevel(logging.WARNING)
        jieba.initialize()
        rjieba.cut("")
        rates["`jieba.cut`, lines"] = _rate(
            start.encode(), lambda: _exhaust(jieba.lcut(line) for line in start.splitlines())
        )
        rates["`rjieba.cut`, lines"] = _rate(
            text, lambda: _exhaust(rjieba.cut(line) for line in lines)
        )
    rates["BLAKE2b of documents"] = _rate(
        text, lambda: _exhaust(hashlib.blake2b(each, digest_size=16) for each in documents)
    )
    batch = _rows_of_ids()
    batches = -(-tokens // (_ROW_TOKENS * _BATCH_ROWS))
    rates["Arrow file of the ids, 2 bytes each"] = _rate(
        text, lambda: _write(batch, batches, scratch / "floor.arrow")
    )
    return rates


def _rate(text: bytes, step: Callable[[], None]) -> float:
    began = time.perf_counter()
    step()
    return len(text) / 1e6 / (time.perf_counter() - began)


def _exhaust(results: Iterable[object]) -> None:
    for _ in results:
        pass


def _rows_of_ids() -> pa.RecordBatch:
    values = pa.array(np.arange(_ROW_TOKENS * _BATCH_ROWS, dtype=np.uint16))
    offsets = pa.array(np.arange(_BATCH_ROWS + 1, dtype=np.int32) * _ROW_TOKENS)
    return pa.record_batch({"input_ids": pa.ListArray.from_arrays(offsets, values)})


def _write(batch: pa.RecordBatch, times: int, path: Path) -> None:
    """Writes the same batch several times."""
    with pa.ipc.new_file(path, batch.schema) as file:
        for _ in range(times):
            file.write_batch(batch)


def read_sample(path: Path, size: int) -> bytes:
    """Returns the whole lines at the beginning of a file, `size` bytes of them at most."""
    with path.open("rb") as file:
        data = file.read(size + 1)
    return data if len(data) <= size else data[: data.rfind(b"\n", 0, size) + 1]


def main(argv: Sequence[str] | None = None) -> int:
    """Measures the beginning of a text; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.floors", description=__doc__)
    parser.add_argument("--text", type=Path, required=True, metavar="FILE")
    parser.add_argument("--tokenizer", type=Path, required=True, metavar="FILE")
    parser.add_argument("--sample-mb", type=float, default=20, metavar="N", help="10^6 bytes (20)")
    given = parser.parse_args(argv)
    tokenizer = load_tokenizer(given.tokenizer.read_text("utf-8"))
    with tempfile.TemporaryDirectory(dir=given.text.parent) as scratch:
        sample = read_sample(given.text, round(given.sample_mb * 1e6))
        print(json.dumps(measure(sample, tokenizer, Path(scratch))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
