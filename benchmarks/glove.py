"""Measures GloVe's vectors beside the original's: speed, and how much neighbours agree.

    python -m benchmarks.glove --text D/en_books.txt.gz --size-mb 20 --tools GLOVE/build

Both train on the same pairs, in the order of our shards, with one thread each. Of the original two
runs are made, with two seeds, which say what agreement is to be expected. See `benchmarks.vectors`
for how agreement is measured, and `benchmarks.cooccurrences` for the text.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cooccurrences import RECORD, make_case
from benchmarks.processes import run_pinned
from benchmarks.vectors import _ASKED, _OTHERS, _compare
from schemas.records import Array
from trainer.loader.open_corpus import open_local_corpus
from trainer.vectors.methods import method_of
from trainer.vectors.options import VectorsOptions
from trainer.vectors.pair_shards import PairShards
from trainer.vectors.progress import Progress
from trainer.vectors.train import task_of


def write_pairs(folder: Path, path: Path) -> int:
    """Writes the pairs of a build as the original reads them; returns how many."""
    shards = PairShards(open_local_corpus(folder))
    with path.open("wb") as file:
        for number in range(len(shards.entries)):
            for piece in shards.pieces(number):
                records = np.empty(len(piece.words), RECORD)
                # The first word of their list is the first id of ours that is a word.
                records["word"], records["context"] = piece.words - 2, piece.contexts - 2
                records["value"] = piece.values
                file.write(records.tobytes())
    return shards.records


def of_original(
    folder: Path, options: argparse.Namespace, seed: int
) -> tuple[float, dict[str, Array]]:
    """Trains with the original; returns its CPU seconds, and vectors by word."""
    given = {
        "input-file": folder / "pairs.bin",
        "vocab-file": folder / "vocab.txt",
        "save-file": folder / "theirs",
        "vector-size": options.dim,
        "iter": options.epochs,
        "threads": 1,
        "verbose": 0,
        "seed": seed,
    }
    named = [part for name, value in given.items() for part in (f"-{name}", str(value))]
    usage = run_pinned([f"{options.tools}/glove", *named], {0})
    lines = (folder / "theirs.txt").read_text("utf-8").splitlines()
    # The last line stands for unknown words.
    found = (line.split(" ") for line in lines[:-1])
    return usage.cpu, {word: np.array(each, np.float32) for word, *each in found}


def ours(folder: Path, options: argparse.Namespace, seed: int) -> tuple[float, dict[str, Array]]:
    """Trains with ours; returns the CPU seconds of all epochs, and vectors by word."""
    asked = VectorsOptions(
        data=str(folder / "out"),
        output="",
        dim=options.dim,
        epochs=options.epochs,
        threads=1,
        seed=seed,
    )
    corpus = open_local_corpus(folder / "out")
    model: Any = method_of(corpus).model(task_of(asked, corpus))
    progress = Progress(model.unit, model.size, options.epochs)
    began = time.process_time()
    for epoch in range(options.epochs):
        model.epoch(epoch, progress)
    cpu, learned = time.process_time() - began, model.learned()
    return cpu, dict(zip(learned.words, learned.vectors, strict=True))


def main() -> None:
    """Prints a table of speed and one of agreement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--tools", type=Path, required=True, help="folder of glove")
    parser.add_argument("--size-mb", type=float, default=20)
    parser.add_argument("--dim", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=15)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_case(options.text, int(options.size_mb * 1e6), folder, None)
        records = write_pairs(folder / "out", folder / "pairs.bin")
        print("| what | CPU s | pairs per CPU s |\n| --- | ---: | ---: |")
        vectors: dict[str, Array] = {}
        words: list[str] = []
        for seed in (1, 2):
            for what, train in (("original", of_original), ("ours", ours)):
                cpu, found = train(folder, options, seed)
                rate = records * options.epochs / cpu
                print(f"| {what}, seed {seed} | {cpu:.1f} | {rate:,.0f} |", flush=True)
                words = words or list(found)[: _ASKED + _OTHERS]
                vectors[f"{what}, seed {seed}"] = np.stack([found[word] for word in words])
        _compare(vectors)


if __name__ == "__main__":
    main()
