"""Whether pretraining helps: figures of fine-tuned small models, means and spreads over seeds.

    python -m benchmarks.transfer made --work DIR
    python -m benchmarks.transfer ner --work DIR --data ../shared/data

`made` is of a made-up language whose Bayes rate is known: a model from scratch, one that was
pretrained on general text (two stages), and one that was pretrained on the task's own text besides
(three stages); then three tasks learned alone, and together. `ner` labels the words of real text,
English and Chinese, by a model from scratch and by one that was pretrained on prose and on the
words of sentences whose labels it does not see. Each model has the schedule (epochs and rate) of
several that is best on records for validation, by a seed of its own. All figures are those of the
last epoch on other records, so that nothing is chosen by them. Prints Markdown.
"""

import argparse
import dataclasses
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
DOMAIN = 0.25
"""Share of the topics' words in the task's text that general text does not have."""
_TASKS = {"half": "accuracy", "quarter": "accuracy", "number": "pearson"}


@dataclasses.dataclass(frozen=True)
class Task:
    """Labelled records: the same for training, with others to choose a rate by and to measure."""

    chosen_by: Path
    measured: Path


@dataclasses.dataclass(frozen=True)
class Schedule:
    """How long a model is fine-tuned, and at which rate; both as they are written on a command."""

    epochs: str
    rate: str


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
             "--output", str(data), "--max-seq-length", "128", "--copies", "4", "--packing",
             "doc-sentences", "--eval-fraction", "0.02", *self.given.build)  # fmt: skip
        run = self.folder / f"{name}-run"
        _run("train", "--data", str(data), "--model", str(model or self.config), "--output",
             str(run), "--steps", str(steps), "--lr", "2e-3", "--batch-tokens", "2048",
             "--eval-every", "1000000", *_QUIET)  # fmt: skip
        return run / "latest" / "hf"

    def task(self, kind: str, name: str, files: Sequence[Path], fields: str) -> Task:
        """Builds labelled records: of training, for validation, and others to measure."""
        train, *held_out = files
        found = []
        for part, path in zip(("validation", "measured"), held_out, strict=True):
            found.append(self.folder / part / name)
            _run("build", kind, "--input", str(train), "--eval-input", str(path), "--fields",
                 fields, "--tokenizer", str(self.tokenizer), "--output", str(found[-1]),
                 "--dedup", "off", *self.given.build)  # fmt: skip
        return Task(*found)

    def fine_tune(self, tasks: Sequence[Path], model: Path, seed: int, by: Schedule) -> Figures:
        """Trains on tasks; returns the figures of the last epoch."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            run = Path(folder, "run")
            data = [part for task in tasks for part in ("--data", str(task))]
            _run("train", *data, "--model", str(model), "--output", str(run), "--seed", str(seed),
                 "--lr", by.rate, "--epochs", by.epochs, "--batch-rows", "8",
                 *_QUIET)  # fmt: skip
            lines = (run / "log.jsonl").read_text("utf-8").splitlines()
        found: list[Any] = [json.loads(line) for line in lines]
        return [record for record in found if record["event"] == "eval"][-1]

    def seeds(self, tasks: Sequence[Task], model: Path) -> list[Figures]:
        """Returns the figures of each seed, by the schedule that is best for these tasks."""
        known, measured = [each.chosen_by for each in tasks], [each.measured for each in tasks]
        among = [Schedule(e, r) for e in self.given.epochs for r in self.given.rates]
        scores = {each: self.fine_tune(known, model, 0, each)["score"] for each in among}
        best = max(scores, key=scores.__getitem__)
        sys.stderr.write("".join(f"{each}: {score:.4f}\n" for each, score in scores.items()))
        numbers = range(1, self.given.seeds + 1)
        return [self.fine_tune(measured, model, seed, best) for seed in numbers]


def made(study: Study) -> list[str]:
    """Measures stages and tasks of the made-up language."""
    language, folder, given = Language(1), study.folder, study.given
    general = write_text(folder / "general.txt", language.documents(given.documents, 0.0, 1))
    own = write_text(folder / "own.txt", language.documents(given.documents // 2, DOMAIN, 2))
    files = [
        write_records(folder / f"{name}.jsonl", language.records(count, DOMAIN, seed))
        for name, count, seed in (("train", given.records, 3), ("valid", 500, 4), ("test", 2000, 5))
    ]
    study.vocabulary([general, own], 8000)
    kinds = {"half": "classify", "quarter": "classify", "number": "regress"}
    tasks = {name: study.task(kind, name, files, f"text,{name}") for name, kind in kinds.items()}
    two = study.pretrain("general", general, given.steps)
    three = study.pretrain("adapted", own, given.steps // 2, two)
    models = {"fine-tuning alone": study.config, "two stages": two, "three stages": three}
    found = {
        name: _values(study.seeds([tasks["quarter"]], model), "accuracy")
        for name, model in models.items()
    }
    rows = [
        f"| `quarter`, {name} | {_mean(values)} | {BAYES:.3f} |" for name, values in found.items()
    ]
    return [*rows, *_stages("", found), *_together(study, tasks, three)]


def _stages(of: str, found: Mapping[str, np.ndarray]) -> list[str]:
    """Returns rows that say what each stage adds."""
    alone, two, three = found.values()
    return [
        _difference(f"{of}two stages less fine-tuning alone", two, alone),
        _difference(f"{of}three stages less two", three, two),
    ]


def _together(study: Study, tasks: Mapping[str, Task], model: Path) -> list[str]:
    """Compares tasks learned alone with tasks learned together, from the same weights."""
    joint = study.seeds([*tasks.values()], model)
    rows = []
    for name, metric in _TASKS.items():
        alone = _values(study.seeds([tasks[name]], model), metric)
        both = _values(joint, f"{name}/{metric}")
        rows.append(f"| `{name}` alone, {metric} | {_mean(alone)} | |")
        rows.append(f"| `{name}` with the others | {_mean(both)} | |")
        rows.append(_difference(f"`{name}` together less alone", both, alone))
    return rows


def named_entities(study: Study) -> list[str]:
    """Measures the labelling of words in two languages."""
    data, given, rows = Path(given_data(study.given)), study.given, []
    corpora = {
        "en": ("en_books.txt.gz", "en_wnut17.conll", " "),
        "zh": ("zh_docs.txt.gz", "zh_peoples_daily.bio", ""),
    }
    for language in given.languages:
        prose, labelled, between = corpora[language]
        part = Study(study.folder / language, given)
        part.folder.mkdir(parents=True, exist_ok=True)
        with gzip.open(data / prose, "rt", encoding="utf-8") as file:
            text = file.read()
        files, words = split_conll(data / "ner" / labelled, part.folder, given.sentences, between)
        general, own = part.folder / "general.txt", part.folder / "own.txt"
        general.write_text(text, "utf-8")
        own.write_text(words, "utf-8")
        part.vocabulary([general, own], 8000)
        task = part.task("tag", "entities", files, "words,tags")
        two = part.pretrain("general", general, given.steps)
        three = part.pretrain("adapted", own, given.steps // 2, two)
        models = {"fine-tuning alone": part.config, "two stages": two, "three stages": three}
        found = {name: _values(part.seeds([task], each), "f1") for name, each in models.items()}
        rows += [f"| {language}, {name} | {_mean(values)} | |" for name, values in found.items()]
        rows += _stages(f"{language}: ", found)
    return rows


def given_data(given: argparse.Namespace) -> str:
    """Returns the folder of real text."""
    if given.data is None:
        raise SystemExit("ner needs --data, the folder with en_books.txt.gz and ner/")
    return str(given.data)


def split_conll(path: Path, folder: Path, sentences: int, between: str) -> tuple[list[Path], str]:
    """Writes labelled sentences in CoNLL's format; returns files, and the words of others as text.

    The first sentences are for training, the last sixths for validation and to measure; the text
    has the words of all but the last sixth, twenty sentences a document.
    """
    blocks = [block for block in path.read_text("utf-8").split("\n\n") if block.strip()]
    held_out = min(sentences // 4, len(blocks) // 6)
    parts = {
        "train.conll": blocks[: min(sentences, len(blocks) - 2 * held_out)],
        "valid.conll": blocks[-2 * held_out : -held_out],
        "test.conll": blocks[-held_out:],
    }
    for name, part in parts.items():
        (folder / name).write_text("\n\n".join(part) + "\n", "utf-8")
    lines = [
        between.join(line.split()[0] for line in block.splitlines() if line.strip())
        for block in blocks[:-held_out]
    ]
    documents = ["\n".join(lines[start : start + 20]) for start in range(0, len(lines), 20)]
    return [folder / name for name in parts], "\n\n".join(documents)


def _run(*arguments: str) -> None:
    if code := shardmill(arguments):
        raise SystemExit(f"shardmill {' '.join(arguments)}: exit status {code}")


def _values(figures: Sequence[Figures], name: str) -> np.ndarray:
    """Returns a figure of each seed."""
    return np.array([each[name] for each in figures])


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
    parser.add_argument("--languages", nargs="+", default=["en", "zh"], choices=["en", "zh"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--documents", type=int, default=40_000)
    parser.add_argument("--records", type=int, default=80)
    parser.add_argument("--sentences", type=int, default=2000)
    parser.add_argument("--steps", type=int, default=1500, help="of the general pretraining")
    parser.add_argument("--epochs", nargs="+", default=["20", "40"])
    parser.add_argument("--rates", nargs="+", default=["3e-4", "5e-4", "1e-3", "3e-3"])
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
