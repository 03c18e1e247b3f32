"""What commands that only read import: Beam, torch and spaCy take seconds to load."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.sample_builds import corpus

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"apache_beam", "numba", "spacy", "torch", "transformers"}

_CODE = """
import contextlib, io, json, sys
from pipelines.cli import main
status = None
with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()):
    try:
        status = main(sys.argv[1:])
    except SystemExit as error:
        status = error.code
print(json.dumps({"status": status, "loaded": sorted(sys.modules), "printed": len(out.getvalue())}))
"""


def run(arguments: Sequence[str], status: int = 0, *, modules: bool = False) -> set[str]:
    """Runs a command in a fresh interpreter; returns the packages, or modules, it imported."""
    done = subprocess.run(
        [sys.executable, "-c", _CODE, *arguments],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    found = json.loads(done.stdout)
    assert found["status"] == status, done.stderr
    assert bool(found["printed"]) == (status == 0)
    return {name if modules else name.partition(".")[0] for name in found["loaded"]}


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["recipes"],
        ["recipes", "bert-wwm"],
        ["recipes", "bert-wwm", "--markdown"],
        ["recipes", "--help"],
        ["inspect", "--help"],
        ["verify", "--help"],
        ["train", "--help"],
        ["vocab", "--help"],
        ["export", "--help"],
        ["build", "--help"],
        ["annotate", "--help"],
    ],
    ids=" ".join,
)
def test_help_and_recipes_import_nothing_heavy(arguments: list[str]) -> None:
    assert not run(arguments) & HEAVY


def test_the_list_of_recipes_needs_no_more_than_the_recipes() -> None:
    """What is only needed to show a recipe or a build takes longer to load than they do."""
    loaded = run(["recipes"], modules=True)
    assert not loaded & {"rich", "schemas.manifest", "importlib.metadata", "pyarrow.compute"}


def test_an_unknown_command_imports_nothing_heavy() -> None:
    assert not run(["bild"], status=2) & HEAVY


@pytest.mark.parametrize("command", ["inspect", "verify"])
@pytest.mark.parametrize("recipe", ["bert-wwm", "ernie-thu"])
def test_local_builds_are_read_without_beam(command: str, recipe: str) -> None:
    assert not run([command, str(corpus(recipe))]) & HEAVY


def test_vocabularies_and_exports_of_local_files_need_no_beam(tmp_path: Path) -> None:
    train = ["--model", "wordpiece", "--size", "500", "--output", str(tmp_path / "tokenizer.json")]
    assert not run(["vocab", "--input", str(ROOT / "sample" / "*.txt"), *train]) & HEAVY
    export = ["export", str(corpus("bert-wwm")), "--output", str(tmp_path / "rows")]
    assert not run([*export, "--to", "parquet"]) & HEAVY


def test_a_report_page_is_written_without_beam(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert not run(["inspect", str(corpus("bert-wwm")), "--html", str(page)]) & HEAVY
    assert page.stat().st_size


def test_a_path_with_a_scheme_is_opened_by_beam() -> None:
    """Beam itself refuses a scheme that none of its file systems has."""
    assert "apache_beam" in run(["inspect", "nosuch://bucket/x"], status=1)
