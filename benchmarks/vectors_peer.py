"""Trains vectors of words with gensim or the fasttext package; has nothing of this project.

It runs in an environment of its own, and is given one JSON object: peer is cbow, skipgram (both
gensim's Word2Vec, from a file, its fastest way) or fasttext; rows, words and output are files, dim,
epochs, threads and seed numbers. It writes the vectors in the order of the lines of `words`, and
prints one JSON object: seconds of training and of the CPU, and words of an epoch.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np


def main() -> None:
    """Trains what the argument says."""
    asked = json.loads(sys.argv[1])
    words = Path(asked["words"]).read_text("utf-8").split("\n")[:-1]
    train = _fasttext if asked["peer"] == "fasttext" else _gensim
    found, vectors = train(asked, words)
    np.save(asked["output"], vectors)
    print(json.dumps(found))


def _gensim(asked: dict[str, Any], words: list[str]) -> tuple[dict[str, float], Any]:
    from gensim.models import Word2Vec

    pairs = asked["peer"] == "skipgram"
    model = Word2Vec(
        vector_size=asked["dim"],
        window=5,
        min_count=1,
        sg=int(pairs),
        negative=5,
        sample=1e-3,
        workers=asked["threads"],
        seed=asked["seed"],
        alpha=0.025 if pairs else 0.05,
    )
    model.build_vocab(corpus_file=asked["rows"])
    began, used = time.perf_counter(), time.process_time()
    model.train(
        corpus_file=asked["rows"],
        total_examples=model.corpus_count,
        total_words=model.corpus_total_words,
        epochs=asked["epochs"],
    )
    seconds, cpu = time.perf_counter() - began, time.process_time() - used
    return {"seconds": seconds, "cpu": cpu, "words": model.corpus_total_words}, model.wv[words]


def _fasttext(asked: dict[str, Any], words: list[str]) -> tuple[dict[str, float], Any]:
    """Trains with ten threads on so many cores: with fewer, part of its start is zeros.

    Its seed cannot be given. So another number of buckets gives n-grams another start, and words
    are given one as vectors that were trained before.
    """
    import fasttext

    start = Path(asked["output"]).with_suffix(".start")
    rng, dim = np.random.default_rng(asked["seed"]), asked["dim"]
    with Path(asked["rows"]).open(encoding="utf-8") as file:
        every = dict.fromkeys(word for line in file for word in line.split())
    with start.open("w", encoding="utf-8") as file:
        file.write(f"{len(every)} {dim}\n")
        for word in every:
            numbers = " ".join(map("{:.6f}".format, rng.uniform(-1 / dim, 1 / dim, dim)))
            file.write(f"{word} {numbers}\n")

    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: asked["threads"]])

    def run(epochs: int) -> tuple[Any, float, float]:
        began, used = time.perf_counter(), time.process_time()
        model = fasttext.train_unsupervised(
            asked["rows"],
            model="skipgram",
            dim=asked["dim"],
            ws=5,
            epoch=epochs,
            minCount=1,
            neg=5,
            t=1e-4,
            lr=0.05,
            minn=3,
            maxn=6,
            bucket=2_000_000 - asked["seed"],
            thread=max(10, asked["threads"]),
            verbose=0,
            pretrainedVectors=str(start),
        )
        return model, time.perf_counter() - began, time.process_time() - used

    # Reading the words and making the table takes as long for an epoch as for many.
    _, wall, cpu = run(1)
    model, all_wall, all_cpu = run(asked["epochs"])
    with Path(asked["rows"]).open(encoding="utf-8") as file:
        count = sum(len(line.split()) + 1 for line in file)
    # The time is that of all epochs but one.
    count *= (asked["epochs"] - 1) / asked["epochs"]
    found = {"seconds": all_wall - wall, "cpu": all_cpu - cpu, "words": count}
    return found, np.stack([model.get_word_vector(word) for word in words])


if __name__ == "__main__":
    main()
