"""What CONTRIBUTING.md says of adding an objective works, followed word for word."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.sample_builds import tokenizer_file
from tests.support.training_runs import tiny_config

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("schemas", "transforms", "pipelines", "trainer")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with the file and the line that the page shows."""
    folder = tmp_path_factory.mktemp("copy")
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    page = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    [path] = re.findall(r"(?m)^1\. Write `(\S+)`", page)
    module, line = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    [(table_path, name)] = re.findall(r"table, `(\S+)`: import it and add `(\w+)`", page)
    (folder / path).write_text(module, "utf-8")
    table = (folder / table_path).read_text("utf-8")
    end = table.index("\n)\n", table.index("OBJECTIVES:"))
    table = f"{table[:end]}\n    {name},{table[end:]}"
    first = table.index("from transforms.objectives.")
    (folder / table_path).write_text(table[:first] + line + table[first:], "utf-8")
    return folder


IN_ONE_PROCESS = """
import json, sys
from pipelines.cli import main
for arguments in json.loads(sys.argv[1]):
    assert main(arguments) == 0, arguments
"""


def test_a_file_and_a_line_make_an_objective(copy: Path, tmp_path: Path) -> None:
    text = ["--input", ROOT / "sample" / "*.txt", "--tokenizer", tokenizer_file("wordpiece")]
    out, run = tmp_path / "out", tmp_path / "run"
    set_count = ["--set", "corrupt.0.select.count=3", "--max-seq-length", "64", "--shards", "1"]
    steps = ["--steps", "3", "--device", "cpu", "--batch-tokens", "512"]
    commands = [
        ["recipes"],
        ["recipes", "suffix"],
        ["build", "suffix", *text, "--output", out, *set_count],
        ["verify", out],
        ["train", "--data", out, "--model", tiny_config(tmp_path), "--output", run, *steps],
    ]
    # The loops of the copy would be compiled again, which takes longer than this does without.
    plain = {"PYTHONPATH": str(copy), "NUMBA_DISABLE_JIT": "1"}
    process = subprocess.run(
        [sys.executable, "-c", IN_ONE_PROCESS, json.dumps(commands, default=str)],
        cwd=copy,
        env={**os.environ, **plain},
        check=False,
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    assert process.stdout.count("suffix ") >= 2
    assert "an example of CONTRIBUTING.md" in process.stdout
    assert "verification passed" in process.stdout
    assert (run / "latest" / "hf" / "config.json").is_file()
