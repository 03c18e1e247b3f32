"""Trains tiny language models on a text, and compares what they learn with what is simple.

GPT's loss is compared with the entropy of words that come one by one (a unigram model of the
training rows), XLNet's accuracy with the most frequent token, and Transformer-XL with the same
model without a memory; all on rows that were held out. Prints Markdown.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from pipelines.cli import main as shardmill
from schemas.records import Array
from schemas.shards import open_shard
from trainer.loader.open_corpus import open_local_corpus

Figures = Mapping[str, float]
_LEARN = ["--lr", "2e-3", "--warmup", "50", "--log-every", "100", "--no-checksums"]


class Texts:
    """A text, its tokenizers, and a folder for builds and runs."""

    def __init__(self, given: argparse.Namespace, folder: Path) -> None:
        self._given, self._folder = given, folder

    def build(self, name: str, recipe: str, *options: str) -> Path:
        """Builds the text; a twentieth of the documents is held out."""
        folder = self._folder / name
        arguments = ["build", recipe, "--input", str(self._given.text), "--output", str(folder)]
        arguments += ["--tokenizer", str(self._given.tokenizer), "--eval-fraction", "0.05"]
        arguments += ["--eod-token", self._given.eod_token] if self._given.eod_token else []
        assert shardmill([*arguments, *options]) == 0
        return folder

    def train(self, data: Path, model: str, steps: int, *options: str) -> Figures:
        """Trains a model, and returns its figures on the held-out rows."""
        run = data.with_name(f"{data.name}-run")
        arguments = ["train", "--data", str(data), "--output", str(run), "--model", model]
        arguments += ["--steps", str(steps), "--batch-tokens", str(self._given.batch_tokens)]
        assert shardmill([*arguments, *_LEARN, *options]) == 0
        records = (json.loads(line) for line in (run / "log.jsonl").read_text("utf-8").splitlines())
        return [record for record in records if record["event"] == "eval"][-1]


def ids_of(folder: Path, split: str) -> Array:
    """Returns the ids of all rows of a split but the first of each."""
    entries = open_local_corpus(folder).shards(split)
    rows = [open_shard(folder / entry.path).column("input_ids") for entry in entries]
    found = [chunk for column in rows for chunk in column.chunks]
    return np.concatenate(
        [np.concatenate([row.values.to_numpy()[1:] for row in each]) for each in found]
    )


def unigram_entropy(folder: Path) -> float:
    """Returns nats a token of the held-out rows, under the counts of the training rows plus one."""
    train, held_out = ids_of(folder, "train"), ids_of(folder, "eval")
    size = open_local_corpus(folder).vocabulary.size
    counts = np.bincount(train, minlength=size) + 1
    return float(-np.log(counts / counts.sum())[held_out].mean())


def most_frequent(folder: Path) -> float:
    """Returns the share of the most frequent token of the training rows in the held-out ones."""
    held_out = ids_of(folder, "eval")
    return float((held_out == np.bincount(ids_of(folder, "train")).argmax()).mean())


def measure(texts: Texts, given: argparse.Namespace) -> list[str]:
    """Returns the rows of a table."""
    gpt = texts.build("gpt", "gpt", "--max-seq-length", "128")
    loss = texts.train(gpt, "gpt-tiny", given.steps)
    rows = [
        f"| `gpt`, L 128 | loss {loss['loss_lm']:.3f}, {loss['bits_per_byte']:.3f} bits a byte | "
        f"unigram entropy {unigram_entropy(gpt):.3f} |"
    ]
    short = ["--max-seq-length", "32"]
    builds = {
        memory: texts.build(f"xl-{memory}", "transformer-xl", *short, "--set", f"memory={memory}")
        for memory in (0, 32)
    }
    # From scratch, a memory makes the first thousand steps slower: more tokens look alike.
    texts.train(builds[0], "transformer-xl-tiny", given.steps)
    begun = str(builds[0].with_name(f"{builds[0].name}-run") / "latest" / "hf")
    losses = {
        memory: texts.train(data.rename(f"{data}-on"), begun, given.steps // 2)["loss_lm"]
        for memory, data in builds.items()
    }
    rows.append(
        f"| `transformer-xl`, L 32, memory 32 | loss {losses[32]:.3f} | "
        f"without memory {losses[0]:.3f}, from the same weights |"
    )
    xlnet = texts.build("xlnet", "xlnet", "--max-seq-length", "128", "--copies", "4")
    found = texts.train(xlnet, "xlnet-tiny", given.steps)
    rows.append(
        f"| `xlnet`, L 128 | accuracy {found['accuracy_plm']:.1%}, loss {found['loss_plm']:.3f} | "
        f"most frequent token {most_frequent(xlnet):.1%} |"
    )
    return rows


def main(argv: Sequence[str] | None = None) -> int:
    """Trains and prints; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.language_models", description=__doc__
    )
    parser.add_argument("--text", type=Path, required=True, metavar="FILE")
    parser.add_argument("--tokenizer", type=Path, required=True, metavar="FILE")
    parser.add_argument("--eod-token", metavar="TOKEN")
    parser.add_argument("--steps", type=int, default=1000, metavar="N", help="(1000)")
    parser.add_argument("--batch-tokens", type=int, default=2048, metavar="N", help="(2048)")
    given = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(Texts(given, Path(folder)), given)
    print("| recipe, held out | the model | to be compared with |\n| --- | --- | --- |")
    print("\n".join(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
