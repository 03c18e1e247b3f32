"""Measures vectors of words beside gensim and the fasttext package: speed, and neighbours.

All read the same words: the rows of a build, written as lines. The peers run in an environment of
their own: python -m venv P && P/bin/pip install gensim==4.4.0 fasttext. The quality is measured
over the most frequent words: for each of 500 the cosines with 5,000 others; the rank correlation of
two models is the mean over the words, and so is the overlap of the ten nearest. Two seeds of
the peer say what is to be expected.

    python -m benchmarks.vectors --text D/en_books.txt.gz --peers P/bin/python --size-mb 20
"""

import argparse
import collections
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.corpus import read_source, write_corpus
from pipelines.build import main as build
from schemas.records import Array, ShardText
from schemas.word_list import WordList, words_by_id
from trainer.loader.open_corpus import open_local_corpus
from trainer.vectors.methods import method_of
from trainer.vectors.options import VectorsOptions
from trainer.vectors.progress import Progress
from trainer.vectors.train import task_of
from trainer.vectors.word_rows import WordRows
from transforms.text.separate_words import separate_words
from transforms.text.words import Segmenter, annotate_words

_ASKED, _OTHERS, _NEAREST = 500, 5000, 10
_PEER = Path(__file__).with_name("vectors_peer.py")


def main() -> int:
    """Prints a table of speed and one of quality for each recipe."""
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        text = work / "text.txt"
        write_corpus(text, read_source(options.text), options.size_mb * 1_000_000)
        (work / "words.txt").write_text(_word_list(text, options.min_count).text, "utf-8")
        for recipe in options.recipes:
            _measure(recipe, work, options)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--text", nargs="+", required=True)
    parser.add_argument("--peers", required=True, help="Python with gensim and fasttext")
    parser.add_argument("--size-mb", type=int, default=20)
    parser.add_argument("--min-count", type=int, default=5)
    parser.add_argument("--dim", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--recipes", nargs="+", default=["cbow", "skipgram", "fasttext"])
    parser.add_argument("--device", default="cpu")
    return parser.parse_args()


def _word_list(text: Path, least: int) -> WordList:
    """Counts words in the plainest way."""
    data = np.frombuffer(text.read_bytes(), np.uint8)
    marked = annotate_words(ShardText(data, np.zeros(1, np.int64)), Segmenter())
    lines = separate_words(marked).data.tobytes().decode().split("\n")
    found = collections.Counter(word for line in lines for word in line.split())
    kept = sorted((w for w in found if found[w] >= least), key=lambda w: (-found[w], w.encode()))
    counts = np.array([found[word] for word in kept], np.int64)
    return WordList(kept, counts, sum(bool(line.strip()) for line in lines))


def _measure(recipe: str, work: Path, options: argparse.Namespace) -> None:
    folder, rows = work / recipe, work / f"{recipe}.rows"
    given = ["--input", str(work / "text.txt"), "--tokenizer", str(work / "words.txt")]
    build([recipe, *given, "--output", str(folder), "--eval-fraction", "0"])
    words = _write_rows(folder, rows)
    frequent = words[: _ASKED + _OTHERS]
    vectors: dict[str, Array] = {}
    print(f"\n| {recipe} | threads | words/s | words/s of CPU | x peer |")
    print("| --- | ---: | ---: | ---: | ---: |")
    peers = [("peer", threads, seed) for seed, threads in enumerate(options.threads, 1)]
    for number, (_, threads, seed) in enumerate(peers):
        theirs, vectors[f"peer, seed {seed}"] = _of_peer(
            recipe, rows, frequent, options, threads, seed
        )
        ours, vectors[f"ours, seed {number}"] = _ours(folder, options, threads, number, frequent)
        for name, each, ratio in (("peer", theirs, 1.0), ("ours", ours, ours[0] / theirs[0])):
            print(f"| {name} | {threads} | {each[0]:,.0f} | {each[1]:,.0f} | {ratio:.2f} |")
    _compare(vectors)
    sys.stdout.flush()


def _write_rows(folder: Path, path: Path) -> list[str]:
    """Writes the rows of a build as lines of words; returns all words by descending count."""
    corpus = open_local_corpus(folder)
    names = np.array(words_by_id(corpus.tokenizer_json), object)
    rows = WordRows(corpus)
    with path.open("w", encoding="utf-8") as file:
        for part in rows.chunks(0, len(rows)):
            for begin, end in zip(part.offsets, part.offsets[1:], strict=False):
                ids = part.ids[begin:end]
                file.write(" ".join(names[ids[ids > 0]]) + "\n")
    return list(names[3:])


def _of_peer(
    recipe: str, rows: Path, words: list[str], options: argparse.Namespace, threads: int, seed: int
) -> tuple[tuple[float, float], Array]:
    listed, output = rows.with_suffix(".words"), rows.with_suffix(".npy")
    listed.write_text("".join(f"{word}\n" for word in words), "utf-8")
    files = {"rows": str(rows), "words": str(listed), "output": str(output)}
    numbers = {"dim": options.dim, "epochs": options.epochs, "threads": threads, "seed": seed}
    asked = json.dumps({"peer": recipe, **files, **numbers})
    command = [options.peers, str(_PEER), asked]
    found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    total = found["words"] * options.epochs
    speeds = total / found["seconds"], total / found["cpu"]
    return speeds, np.load(output)


def _ours(
    folder: Path, options: argparse.Namespace, threads: int, seed: int, words: list[str]
) -> tuple[tuple[float, float], Array]:
    asked = VectorsOptions(
        data=str(folder),
        output="",
        dim=options.dim,
        epochs=options.epochs,
        threads=threads,
        seed=seed,
        device=options.device,
    )
    corpus = open_local_corpus(folder)
    model: Any = method_of(corpus).model(task_of(asked, corpus))
    progress = Progress("words", model.size, options.epochs)
    _warm(model)
    began, used = time.perf_counter(), time.process_time()
    for epoch in range(options.epochs):
        model.epoch(epoch, progress)
    wall, cpu = time.perf_counter() - began, time.process_time() - used
    learned = model.learned()
    number = {word: at for at, word in enumerate(learned.words)}
    total = model.size * options.epochs
    return (total / wall, total / cpu), learned.vectors[[number[word] for word in words]]


def _warm(model: Any) -> None:
    """Has the loops compiled: that is done once a machine."""
    if hasattr(model, "compile"):
        model.compile()


def _compare(vectors: dict[str, Array]) -> None:
    """Prints how much pairs of models agree."""
    print("\n| agreement of | rank correlation | ten nearest |\n| --- | ---: | ---: |")
    names = list(vectors)
    ranks = {name: _ranks(each) for name, each in vectors.items()}
    for at, one in enumerate(names):
        for other in names[at + 1 :]:
            a, b = ranks[one], ranks[other]
            shared = [
                len(set(x[:_NEAREST]) & set(y[:_NEAREST])) for x, y in zip(a[1], b[1], strict=True)
            ]
            spearman = np.mean([np.corrcoef(x, y)[0, 1] for x, y in zip(a[0], b[0], strict=True)])
            print(f"| {one} and {other} | {spearman:.3f} | {np.mean(shared) / _NEAREST:.3f} |")


def _ranks(vectors: Array) -> tuple[Array, Array]:
    """Returns the ranks of the cosines of each asked word with all, and words by nearness."""
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    cosines = unit[:_ASKED] @ unit.T
    cosines[np.arange(_ASKED), np.arange(_ASKED)] = -2
    order = np.argsort(-cosines, axis=1)
    return np.argsort(order, axis=1).astype(np.float32), order


if __name__ == "__main__":
    sys.exit(main())
