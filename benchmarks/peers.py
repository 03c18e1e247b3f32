"""Measures the usual alternative on the same text and tokenizer: `datasets` and a collator.

This follows `run_mlm.py` of Hugging Face: tokenize every line, concatenate the ids and split them
into blocks, save; then a collator that samples masks, again in every epoch. Run as a program, it
prints one JSON object: step to {"MB/s": of text, "Mtok/s": of tokens}.
"""

import argparse
import itertools
import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import datasets
from torch.utils.data import DataLoader
from transformers import (
    DataCollatorForLanguageModeling,
    DataCollatorForPermutationLanguageModeling,
    PreTrainedTokenizerFast,
)

from benchmarks.floors import read_sample
from benchmarks.peer_collators import COLLATORS
from schemas.vocabulary import read_vocabulary

_COLLATORS: Mapping[str, Any] = dict(
    zip(
        COLLATORS,
        (DataCollatorForLanguageModeling, DataCollatorForPermutationLanguageModeling),
        strict=True,
    )
)
BATCH_ROWS = 256
"""Batch size of the collator."""


def prepare(text: Path, tokenizer: Any, length: int, folder: Path) -> Any:
    """Tokenizes, concatenates, splits and saves; returns the saved dataset."""

    def tokenize(batch: Mapping[str, list[str]]) -> Any:
        return tokenizer(batch["text"], return_special_tokens_mask=True)

    def group_texts(batch: Mapping[str, list[list[int]]]) -> dict[str, list[list[int]]]:
        joined = {name: list(itertools.chain(*rows)) for name, rows in batch.items()}
        total = len(joined["input_ids"]) // length * length
        return {
            name: [values[begin : begin + length] for begin in range(0, total, length)]
            for name, values in joined.items()
        }

    cache = str(folder / "cache")
    lines = datasets.load_dataset("text", data_files=str(text), split="train", cache_dir=cache)
    lines = lines.filter(lambda batch: [bool(line) for line in batch["text"]], batched=True)
    rows = lines.map(tokenize, batched=True, remove_columns=["text"]).map(group_texts, batched=True)
    rows.save_to_disk(str(folder / "saved"))
    return datasets.load_from_disk(str(folder / "saved"))


def collate(rows: Any, collator: Any) -> int:
    """Samples masks for every row once, like an epoch of training; returns the number of tokens."""
    loader = DataLoader(rows, batch_size=BATCH_ROWS, shuffle=True, collate_fn=collator)
    return sum(batch["input_ids"].numel() for batch in loader)


def load_fast_tokenizer(path: Path) -> Any:
    """Loads a tokenizer file for transformers, with its special tokens."""
    names = read_vocabulary(path.read_text("utf-8")).names
    named = {f"{role}_token": token for role, token in names.items() if role != "eod"}
    fast: Any = PreTrainedTokenizerFast
    return fast(tokenizer_file=str(path), **named)


def measure(
    text: Path, tokenizer: Any, length: int, epochs: int, collator: Any, folder: Path
) -> dict[str, dict[str, float]]:
    """Measures preparation, one epoch of masks, and both together for `epochs` epochs."""
    megabytes = text.stat().st_size / 1e6
    began = time.perf_counter()
    rows = prepare(text, tokenizer, length, folder)
    prepared = time.perf_counter()
    rows = rows.select_columns(["input_ids"])
    tokens = collate(rows, collator) / 1e6
    preparing, epoch = prepared - began, time.perf_counter() - prepared
    steps = {
        "`datasets`: tokenize, group_texts, save": preparing,
        f"`{type(collator).__name__}`, an epoch": epoch,
        f"both, with {epochs} epoch(s) of masks": preparing + epochs * epoch,
    }
    return {
        step: {"MB/s": megabytes / seconds, "Mtok/s": tokens / seconds}
        for step, seconds in steps.items()
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Measures the beginning of a text; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--text", type=Path, required=True, metavar="FILE")
    parser.add_argument("--tokenizer", type=Path, required=True, metavar="FILE")
    parser.add_argument("--max-seq-length", type=int, default=512, metavar="L", help="(512)")
    parser.add_argument("--collator", default="masked", choices=COLLATORS, help="(masked)")
    parser.add_argument("--epochs", type=int, default=10, metavar="N", help="(10)")
    parser.add_argument("--sample-mb", type=float, default=30, metavar="N", help="10^6 bytes (30)")
    given = parser.parse_args(argv)
    datasets.disable_progress_bars()
    with tempfile.TemporaryDirectory(dir=given.text.parent) as scratch:
        folder = Path(scratch)
        sample = folder / "sample.txt"
        sample.write_bytes(read_sample(given.text, round(given.sample_mb * 1e6)))
        tokenizer = load_fast_tokenizer(given.tokenizer)
        length = given.max_seq_length
        collator = _COLLATORS[given.collator](tokenizer=tokenizer)
        print(json.dumps(measure(sample, tokenizer, length, given.epochs, collator, folder)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
