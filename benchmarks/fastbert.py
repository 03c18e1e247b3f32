"""Measures exits: accuracy and speed at several speeds, beside the same model without exits.

    python -m benchmarks.fastbert --bio zh_peoples_daily.bio --tokenizer TOKENIZER --folder W

The task is of real text: which is the first of person, organisation and place that a sentence of a
labelled file names, or none of them. Short of names that it has seen, a small model has to know
what stands around a name, so that some sentences are easier than others. It is trained from
nothing, distilled, and asked about every sixth sentence, which it has not seen; all speeds and the
full model in turn, several times, of which the medians count. On a CPU, which others may use as
well, seconds are those of the processor. What lies in W already is used again.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from pipelines.cli import main as shardmill
from trainer.predictions.builds import BuildChunks
from trainer.predictions.options import PredictOptions
from trainer.predictions.run import Predictor
from trainer.predictions.saved_model import SavedModel
from trainer.predictions.summary import Summary

SPEEDS = (None, 0.3, 0.5, 0.65, 0.8)
"""None is the full model."""
_CLASSES = ("PER", "ORG", "LOC")
_HELD_OUT = 6


def sentences(path: Path) -> Iterator[dict[str, str]]:
    """Yields the sentences of a file of characters and BIO tags, each with its class."""
    for block in path.read_text("utf-8").split("\n\n"):
        pairs = [line.split() for line in block.splitlines() if len(line.split()) == 2]
        named = {tag.partition("-")[2] for _, tag in pairs}
        if pairs:
            label = next((name for name in _CLASSES if name in named), "none")
            yield {"text": "".join(letter for letter, _ in pairs), "label": label}


def make_task(options: argparse.Namespace) -> Path:
    """Builds the task; returns its folder."""
    folder: Path = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    found = list(sentences(options.bio))
    for name, part in (
        ("eval", found[::_HELD_OUT]),
        ("train", [each for at, each in enumerate(found) if at % _HELD_OUT]),
    ):
        lines = (json.dumps(each, ensure_ascii=False) + "\n" for each in part)
        (folder / f"{name}.jsonl").write_text("".join(lines), "utf-8")
    build = folder / "build"
    if not build.exists():
        _run(
            *["build", "classify", "--input", folder / "train.jsonl"],
            *["--eval-input", folder / "eval.jsonl", "--fields", "text,label"],
            *["--tokenizer", options.tokenizer, "--output", build],
        )
    return build


def make_model(options: argparse.Namespace, build: Path) -> Path:
    """Fine-tunes a model and distils it; returns the folder of the model with its exits."""
    folder: Path = options.folder
    config = {
        "model_type": "bert",
        "hidden_size": options.width,
        "num_hidden_layers": options.layers,
        "num_attention_heads": options.width // 64,
        "intermediate_size": 4 * options.width,
        "vocab_size": 21184,
        "max_position_embeddings": 128,
        "pad_token_id": 0,
    }
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    device = ["--device", options.device]
    _run(
        *["train", "--data", build, "--model", folder / "config.json", *device],
        *["--output", folder / "tuned", "--epochs", options.epochs, "--lr", "5e-4"],
    )
    _run(
        *["distil", "--data", build, "--model", folder / "tuned" / "best" / "hf", *device],
        *["--output", folder / "distilled", "--epochs", options.epochs // 2, "--lr", "1e-3"],
        *["--exit-width", options.width // 4],
    )
    return folder / "distilled" / "latest" / "hf"


def measure(options: argparse.Namespace, build: Path, model: Path) -> None:
    """Prints the table."""
    device = torch.device(options.device)
    clock = time.process_time if device.type == "cpu" else time.perf_counter
    asked = PredictOptions(model=str(model), output="", data=str(build))
    chunks = list(BuildChunks(asked))
    models = [SavedModel(str(model), speed=speed, device=device) for speed in SPEEDS]
    rates: list[list[float]] = [[] for _ in SPEEDS]
    summaries: list[Summary] = []
    # The first round is for what is done once.
    for turn in range(options.repeat + 1):
        summaries = [Summary(each) for each in models]
        for place, (each, summary) in enumerate(zip(models, summaries, strict=True)):
            predictor = Predictor(each, asked, device)
            for chunk in chunks:
                began = clock()
                found = predictor.predict(chunk.rows)
                summary.add(chunk, found, clock() - began)
            if turn:
                rates[place].append(summary.rows_per_second)
    medians = [statistics.median(each) for each in rates]
    lines = ["| speed | accuracy | layers | FLOPs saved | rows/s | times the full model |"]
    lines.append("|---|---|---|---|---|---|")
    for speed, summary, rate in zip(SPEEDS, summaries, medians, strict=True):
        lines.append(
            f"| {'full model' if speed is None else f'{speed:g}'} "
            f"| {summary.figures()['accuracy']:.3f} | {summary.mean_layers:.2f} "
            f"| {summary.saved:.1%} | {rate:,.0f} | {rate / medians[0]:.2f} |"
        )
    sys.stdout.write("\n".join(lines) + "\n")


def _run(*arguments: object) -> None:
    """Runs a command of ours.

    Raises:
      RuntimeError: if it fails.
    """
    if shardmill(list(map(str, arguments))):
        raise RuntimeError(f"shardmill {arguments[0]} failed")


def main(argv: Sequence[str] | None = None) -> None:
    """Runs the measurement."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bio", type=Path, required=True, help="characters and BIO tags")
    parser.add_argument("--tokenizer", required=True, help="tokenizer.json")
    parser.add_argument("--folder", type=Path, required=True, help="to work in")
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args(argv)
    build = make_task(options)
    measure(options, build, make_model(options, build))


if __name__ == "__main__":
    main()
