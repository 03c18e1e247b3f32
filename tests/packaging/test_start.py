"""What commands that only read import: Beam, torch and spaCy take seconds to load."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.support.sample_builds import corpus, tokenizer_file

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"apache_beam", "numba", "spacy", "torch", "transformers"}

_CODE = """
import contextlib, io, json, sys
from pipelines.cli import main
found = []
for arguments in json.loads(sys.argv[1]):
    status = None
    out, quiet = io.StringIO(), contextlib.redirect_stderr(io.StringIO())
    with contextlib.redirect_stdout(out), quiet:
        try:
            status = main(arguments)
        except SystemExit as error:
            status = error.code
    found.append([status, len(out.getvalue()), sorted(sys.modules)])
print(json.dumps(found))
"""


def run(*commands: Sequence[str], status: int = 0) -> list[set[str]]:
    """Runs commands one after the other in a fresh interpreter.

    Returns:
      After each command, the packages and modules that were imported up to then.
    """
    done = subprocess.run(
        [sys.executable, "-c", _CODE, json.dumps(commands)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    loaded = []
    for found, printed, modules in json.loads(done.stdout):
        assert found == status, done.stderr
        assert bool(printed) == (status == 0)
        loaded.append({*modules, *(name.partition(".")[0] for name in modules)})
    return loaded


def check(commands: Sequence[Sequence[str]], unwanted: set[str]) -> None:
    """Fails with the first command that imports something of what it should not."""
    loaded = run(*commands)
    found = [(command, each & unwanted) for command, each in zip(commands, loaded, strict=True)]
    assert not any(heavy for _, heavy in found), found


def test_the_list_of_recipes_needs_no_more_than_the_recipes() -> None:
    """What is only needed to show a recipe or a build takes longer to load than they do."""
    needless = {"rich", "schemas.manifest", "importlib.metadata", "pyarrow.compute"}
    check([["--help"], ["recipes"]], HEAVY | needless)


def test_help_and_recipes_import_nothing_heavy() -> None:
    commands = ["recipes", "inspect", "verify", "train", "vocab", "export", "build", "annotate"]
    commands += ["generate", "pipeline", "compare"]
    helped = [[command, "--help"] for command in commands]
    check([*helped, ["recipes", "bert-wwm"]], HEAVY)
    # Its row is built.
    check([["recipes", "bert-wwm", "--markdown"]], HEAVY - {"numba"})
    [loaded] = run(["bild"], status=2)
    assert not loaded & HEAVY


def test_local_builds_are_read_without_beam(tmp_path: Path) -> None:
    """A vocabulary is trained, and builds are shown, exported and verified."""
    first, second = str(corpus("bert-wwm")), str(corpus("ernie-thu"))
    page = tmp_path / "page.html"
    loaded = run(["inspect", first], ["inspect", second])[-1]
    assert not loaded & {*HEAVY, "jinja2"}
    text = ["--input", str(ROOT / "sample" / "*.txt"), "--output", str(tmp_path / "tokenizer.json")]
    commands = [
        ["vocab", *text, "--model", "wordpiece", "--size", "500"],
        ["export", first, "--output", str(tmp_path / "rows"), "--to", "parquet"],
        ["inspect", first, "--html", str(page)],
        ["verify", first],
        ["verify", second],
    ]
    check(commands, HEAVY - {"numba"})
    assert page.stat().st_size


def test_a_path_with_a_scheme_is_opened_by_beam() -> None:
    """Beam itself refuses a scheme that none of its file systems has."""
    assert "apache_beam" in run(["inspect", "nosuch://bucket/x"], status=1)[0]


def test_a_local_build_needs_no_beam(tmp_path: Path) -> None:
    """Nor pandas, which some conversions of pyarrow import where it is installed."""
    given = ["--input", str(ROOT / "sample" / "*.txt"), "--tokenizer"]
    given += [str(tokenizer_file("wordpiece")), "--output"]
    one, two, mass = (str(tmp_path / name) for name in ("one", "two", "mass"))
    commands = [
        ["build", "bert-wwm", *given, one],
        ["build", "bert-wwm", *given, two, "--workers", "2"],
        ["build", "mass", *given, mass],
    ]
    check(commands, (HEAVY | {"pandas"}) - {"numba"})


def test_names_of_data_and_models_are_refused_before_torch_is_imported(tmp_path: Path) -> None:
    nowhere = str(tmp_path / "nowhere")
    train = ["train", "--data", nowhere, "--output", str(tmp_path / "run"), "--model"]
    build, file = str(corpus("bert")), str(ROOT / "sample" / "reviews.jsonl")
    for name in ("empty", "model"):
        (tmp_path / name).mkdir()
    (tmp_path / "model" / "config.json").write_text("{}", "utf-8")
    folder, model = (["--model", str(tmp_path / name)] for name in ("empty", "model"))
    predict = ["predict", "--output", str(tmp_path / "predictions.jsonl")]
    texts = ["--fields", "text", "--input"]
    distil = ["distil", "--output", str(tmp_path / "distilled"), "--data"]
    commands = [
        [*train, "bert-tiny"],
        [*train, "bert-tny"],
        ["train", "--data", build, "--output", str(tmp_path / "run"), *folder],
        [*distil, build, *folder],
        [*distil, nowhere, *model],
        [*predict, *folder, *texts, file],
        [*predict, *model, *texts, nowhere],
        [*predict, *model, "--data", nowhere],
        ["generate", *folder, "--text", "a"],
        ["vectors", "--data", nowhere, "--output", str(tmp_path / "vectors")],
        ["neighbours", nowhere, "a"],
        ["compare", nowhere],
        ["report", nowhere],
    ]
    loaded = run(*commands, status=2)
    assert not loaded[-1] & (HEAVY - {"numba"})
