"""What docs/training.md shows works."""

import re
from pathlib import Path

import pytest

from tests.support.sample_builds import corpus
from tests.support.training_runs import records, train
from trainer.train_arguments import parse_train_options

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "training.md").read_text("utf-8")


def example(word: str) -> str:
    """Returns the Python example that has this word."""
    [found] = [code for code in re.findall(r"```python\n(.*?)```", PAGE, re.S) if word in code]
    return found


def test_the_loader_alone() -> None:
    code = example("DataLoader").replace('"OUT"', repr(str(corpus("bert-wwm"))))
    names: dict[str, object] = {}
    exec(code, names)
    assert names["state"] == {**names["batches"].state_dict(), "epoch": 2, "batch": 0}  # type: ignore[attr-defined]
    assert names["batch"]["attention_mask"].shape == names["batch"]["input_ids"].shape  # type: ignore[index]


def test_your_own_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_models.py").write_text(example("smallest"), "utf-8")
    monkeypatch.chdir(tmp_path)
    options = ("--batch-tokens", "4096", "--steps", "12")
    data = corpus("bert-wwm")
    assert train(data, "my_models:smallest", tmp_path / "run", *options, "--lr", "1e-2") == 0
    told = records(tmp_path / "run")
    assert told[-1]["loss"] < told[0]["loss"]
    assert (tmp_path / "run" / "latest" / "hf" / "model.pt").exists()


def test_a_saved_model_loads(tmp_path: Path) -> None:
    code = example("AutoModelForPreTraining")
    options = ("--batch-tokens", "512", "--steps", "1")
    assert train(corpus("bert-wwm"), "bert-tiny", tmp_path / "RUN", *options) == 0
    names: dict[str, object] = {}
    exec(code.replace('"RUN/', f'"{tmp_path}/RUN/'), names)
    assert type(names["model"]).__name__ == "BertForPreTraining"


def test_the_options_that_are_named_exist() -> None:
    known = {
        f"--{name.replace('_', '-')}"
        for name in vars(parse_train_options(["--data", "D", "--model", "M", "--output", "O"]))
    }
    others = {
        "--nproc-per-node",
        "--max-seq-length",
        "--no-checksums",
        "--help",
        "--config",
        "--members",
        *("--annotations", "--counts", "--input", "--set", "--tokenizer"),
        "--plan",
        *("--watch", "--min-mib"),
    }
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", PAGE))
    assert named <= known | others
