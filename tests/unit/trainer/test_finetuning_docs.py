"""What docs/finetuning.md shows works."""

import re
import shlex
from pathlib import Path

import pytest

from pipelines.cli import parser_of
from tests.support.labelled_builds import labelled, records_of, write_jsonl
from tests.support.sample_builds import tokenizer_file
from tests.support.task_runs import config_of
from trainer.models.task_families import TASK_FAMILIES
from trainer.task_runs import BATCH_ROWS, EPOCHS, RATE, WARMUP_PART
from trainer.tasks.label_kinds import labelled_task
from trainer.train_arguments import parse_train_options
from transforms.objectives import TASKS

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "finetuning.md").read_text("utf-8")
COMMANDS = [line for line in PAGE.splitlines() if line.startswith("shardmill ")]


def test_the_commands_work_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipelines.cli import main

    records = records_of("classify", 40)
    write_jsonl(tmp_path / "train.jsonl", records[:32])
    write_jsonl(tmp_path / "dev.jsonl", records[32:])
    (tmp_path / "tokenizer.json").symlink_to(tokenizer_file("wordpiece"))
    (tmp_path / "RTE").symlink_to(labelled("pair"))
    (tmp_path / "STSB").symlink_to(labelled("regress"))
    monkeypatch.chdir(tmp_path)
    model = str(config_of(tmp_path, max_position_embeddings=128))
    build, alone, several = (shlex.split(command)[1:] for command in COMMANDS)
    assert main(build) == 0
    few = ["--device", "cpu", "--epochs", "1"]
    given = [model if each == "RUN/latest/hf" else each for each in alone]
    assert main([*given, *few]) == 0
    [code] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(code, {})
    given = ["TUNED/latest/hf" if each == "RUN/latest/hf" else each for each in several]
    assert main([*given[:-1], "SEVERAL", *few]) == 0
    assert Path("SEVERAL/best/hf/RTE/config.json").exists()


def test_the_help_of_train_says_what_labelled_records_are_for() -> None:
    told = " ".join(parser_of("train").format_help().split())
    assert "Labelled records (shardmill build classify, tag, ...) are fine-tuned on" in told


def test_the_table_has_every_kind() -> None:
    for name, recipe in TASKS.items():
        task = labelled_task(recipe)
        assert task is not None
        [row] = [line for line in PAGE.splitlines() if line.startswith(f"| `{name}` |")]
        assert f"`...{task.model}`" in row
        assert row.split("|")[4].strip().lower() == task.main
    listed = ", ".join(f"`{name}`" for name in list(TASK_FAMILIES)[:-1])
    assert f"{listed} or `{list(TASK_FAMILIES)[-1]}`" in re.sub(r"\s+", " ", PAGE)


def test_the_defaults_are_those_of_the_program() -> None:
    assert (EPOCHS, BATCH_ROWS, RATE, WARMUP_PART) == (3, 32, 3e-5, 10)
    for option in ("--epochs 3", "--batch-rows 32", "--lr 3e-5"):
        assert f"`{option}`" in PAGE


def test_the_options_that_are_named_exist() -> None:
    options = vars(parse_train_options(["--data", "D", "--model", "M", "--output", "O"]))
    known = {f"--{name.replace('_', '-')}" for name in options}
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", PAGE))
    assert named <= known | {"--input", "--eval-input", "--fields", "--tokenizer", "--labels"}
