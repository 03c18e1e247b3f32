"""Whether pretraining helps: figures of fine-tuned small models, means and spreads over seeds.

    python -m benchmarks.transfer made --work DIR
    python -m benchmarks.transfer ner --work DIR --data ../shared/data

`made` is of a made-up language whose Bayes rate is known: a model from scratch, one that was
pretrained on general text (two stages), and one that was pretrained on the task's own text besides
(three stages); then three tasks learned alone, and together. `ner` labels the words of real text,
English and Chinese, by a model from scratch and by one that was pretrained. All figures are those
of the last epoch on held-out records, so that none is chosen by them. Prints Markdown.
"""

import argparse
import gzip
import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.made_language import BAYES, Language, write_records, write_text
from pipelines.cli import main as shardmill

Figures = Mapping[str, float]
_QUIET = ["--no-checksums", "--log-every", "1000", "--save-every", "1000000", "--keep", "1"]
_TASKS = {"half": "accuracy", "quarter": "accuracy", "number": "pearson"}


class Study:
    """A folder of builds and runs of one tokenizer and one shape of model."""

    def __init__(self, folder: Path, given: argparse.Namespace) -> None:
        self.folder, self.given = folder, given
        self.tokenizer, self.config = folder / "tokenizer.json", folder / "config.json"

    def vocabulary(self, inputs: Sequence[Path], size: int, *options: str) -> None:
        """Learns a tokenizer, and writes the configuration of a model for it."""
        texts = [part for path in inputs for part in ("--input", str(path))]
        _run("vocab", "--model", "wordpiece", *texts, "--size", str(size), *options,
             "--output", str(self.tokenizer))  # fmt: skip
        names = json.loads(self.tokenizer.read_text("utf-8"))["model"]["vocab"]
        self.configure(len(names), names["[PAD]"])

    def configure(self, words: int, padding: int) -> None:
        """Writes the configuration of the model."""
        config = {
            "model_type": "bert",
            "vocab_size": words,
            "hidden_size": self.given.width,
            "num_hidden_layers": 2,
            "num_attention_heads": max(self.given.width // 32, 1),
            "intermediate_size": 4 * self.given.width,
            "max_position_embeddings": 128,
            "pad_token_id": padding,
        }
        self.config.write_text(json.dumps(config), "utf-8")

    def pretrain(self, name: str, text: Path, steps: int, model: Path | None = None) -> Path:
        """Builds a text and trains the model on it, from new weights or from others."""
        data = self.folder / f"{name}-data"
        _run("build", "roberta", "--input", str(text), "--tokenizer", str(self.tokenizer),
             "--output", str(data), "--max-seq-length", "128", "--copies", "4",
             "--eval-fraction", "0.02", *self.given.build)  # fmt: skip
        run = self.folder / f"{name}-run"
        _run("train", "--data", str(data), "--model", str(model or self.config), "--output",
             str(run), "--steps", str(steps), "--lr", "2e-3", "--batch-tokens", "4096",
             "--eval-every", "1000000", *_QUIET)  # fmt: skip
        return run / "latest" / "hf"

    def task(self, kind: str, name: str, train: Path, held_out: Path, fields: str) -> Path:
        """Builds labelled records."""
        data = self.folder / name
        _run("build", kind, "--input", str(train), "--eval-input", str(held_out), "--fields",
             fields, "--tokenizer", str(self.tokenizer), "--output", str(data),
             "--dedup", "off", *self.given.build)  # fmt: skip
        return data

    def fine_tune(self, tasks: Sequence[Path], model: Path, seed: int, *options: str) -> Figures:
        """Trains on tasks; returns the figures of the last epoch."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            run = Path(folder, "run")
            data = [part for task in tasks for part in ("--data", str(task))]
            _run("train", *data, "--model", str(model), "--output", str(run), "--seed", str(seed),
                 "--lr", self.given.lr, "--epochs", str(self.given.epochs), *options,
                 *_QUIET)  # fmt: skip
            lines = (run / "log.jsonl").read_text("utf-8").splitlines()
        found: list[Any] = [json.loads(line) for line in lines]
        return [record for record in found if record["event"] == "eval"][-1]

    def seeds(self, tasks: Sequence[Path], model: Path, metric: str, *options: str) -> np.ndarray:
        """Returns a figure for each seed."""
        numbers = range(1, self.given.seeds + 1)
        return np.array([self.fine_tune(tasks, model, s, *options)[metric] for s in numbers])


def made(study: Study) -> list[str]:
    """Measures stages and tasks of the made-up language."""
    language, folder, given = Language(1), study.folder, study.given
    general = write_text(folder / "general.txt", language.documents(given.documents, 0.0, 1))
    own = write_text(folder / "own.txt", language.documents(given.documents // 2, 0.8, 2))
    train = write_records(folder / "train.jsonl", language.records(given.records, 0.8, 3))
    held_out = write_records(folder / "eval.jsonl", language.records(2000, 0.8, 4))
    study.vocabulary([general, own], 8000)
    kinds = {"half": "classify", "quarter": "classify", "number": "regress"}
    tasks = {
        name: study.task(kind, name, train, held_out, f"text,{name}")
        for name, kind in kinds.items()
    }
    two = study.pretrain("general", general, given.steps)
    three = study.pretrain("adapted", own, given.steps // 2, two)
    models = {"fine-tuning alone": study.config, "two stages": two, "three stages": three}
    found = {
        name: study.seeds([tasks["quarter"]], model, "accuracy") for name, model in models.items()
    }
    rows = [
        f"| `quarter`, {name} | {_mean(values)} | {BAYES:.3f} |" for name, values in found.items()
    ]
    rows += [
        _difference(
            "two stages less fine-tuning alone", found["two stages"], found["fine-tuning alone"]
        ),
        _difference("three stages less two", found["three stages"], found["two stages"]),
    ]
    return [*rows, *_together(study, tasks, two)]


def _together(study: Study, tasks: Mapping[str, Path], model: Path) -> list[str]:
    """Compares tasks learned alone with tasks learned together, from the same weights."""
    numbers = range(1, study.given.seeds + 1)
    joint = [study.fine_tune([*tasks.values()], model, seed) for seed in numbers]
    rows = []
    for name, metric in _TASKS.items():
        alone = study.seeds([tasks[name]], model, metric)
        both = np.array([figures[f"{name}/{metric}"] for figures in joint])
        rows.append(f"| `{name}` alone, {metric} | {_mean(alone)} | |")
        rows.append(f"| `{name}` with the others | {_mean(both)} | |")
        rows.append(_difference(f"`{name}` together less alone", both, alone))
    return rows


def named_entities(study: Study) -> list[str]:
    """Measures the labelling of words in two languages."""
    data, given, rows = Path(given_data(study.given)), study.given, []
    texts = {
        "en": ("en_books.txt.gz", "en_wnut17.conll"),
        "zh": ("zh_docs.txt.gz", "zh_peoples_daily.bio"),
    }
    for language, (text, labelled) in texts.items():
        part = Study(study.folder / language, given)
        part.folder.mkdir(parents=True, exist_ok=True)
        prose = part.folder / "prose.txt"
        with gzip.open(data / text) as file:
            prose.write_bytes(file.read())
        train, held_out = split_conll(data / "ner" / labelled, part.folder, given.sentences)
        part.vocabulary([prose], 8000)
        task = part.task("tag", "entities", train, held_out, "words,tags")
        pretrained = part.pretrain("prose", prose, given.steps)
        alone = part.seeds([task], part.config, "f1")
        both = part.seeds([task], pretrained, "f1")
        rows += [
            f"| {language}, from scratch | {_mean(alone)} | |",
            f"| {language}, pretrained | {_mean(both)} | |",
            _difference(f"{language}: pretrained less from scratch", both, alone),
        ]
    return rows


def given_data(given: argparse.Namespace) -> str:
    """Returns the folder of real text."""
    if given.data is None:
        raise SystemExit("ner needs --data, the folder with en_books.txt.gz and ner/")
    return str(given.data)


def split_conll(path: Path, folder: Path, sentences: int) -> tuple[Path, Path]:
    """Writes the first and the last sentences of a file in CoNLL's format as files of their own."""
    blocks = [block for block in path.read_text("utf-8").split("\n\n") if block.strip()]
    held_out = min(sentences // 4, len(blocks) // 5)
    parts = blocks[: min(sentences, len(blocks) - held_out)], blocks[-held_out:]
    found = []
    for name, part in zip(("train.conll", "eval.conll"), parts, strict=True):
        found.append(folder / name)
        found[-1].write_text("\n\n".join(part) + "\n", "utf-8")
    return found[0], found[1]


def _run(*arguments: str) -> None:
    if code := shardmill(arguments):
        raise SystemExit(f"shardmill {' '.join(arguments)}: exit status {code}")


def _mean(values: np.ndarray) -> str:
    return f"{values.mean():.4f} ± {values.std(ddof=1):.4f}"


def _difference(name: str, one: np.ndarray, other: np.ndarray) -> str:
    """Returns a row with the mean of paired differences, and its standard error."""
    found = one - other
    error = found.std(ddof=1) / np.sqrt(len(found))
    return f"| {name} | {found.mean():+.4f} (standard error {error:.4f}) | |"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; returns its exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("study", choices=["made", "ner"])
    parser.add_argument("--work", type=Path, required=True, help="an empty folder")
    parser.add_argument("--data", type=Path, help="of ner: the folder of real text")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--documents", type=int, default=8000)
    parser.add_argument("--records", type=int, default=120)
    parser.add_argument("--sentences", type=int, default=2000)
    parser.add_argument("--steps", type=int, default=800, help="of the general pretraining")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--lr", default="2e-3")
    parser.add_argument("--build", nargs="*", default=[], help="more options of every build")
    given = parser.parse_args(argv)
    given.work.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    rows = {"made": made, "ner": named_entities}[given.study](Study(given.work, given))
    print("| what | mean ± spread of the seeds | Bayes rate |\n|---|---|---|")
    print("\n".join(rows))
    print(f"\n{given.seeds} seeds, {time.perf_counter() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
