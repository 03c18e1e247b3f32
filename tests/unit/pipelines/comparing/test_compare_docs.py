"""What docs/compare.md shows works, with a smaller model and fewer steps."""

import json
import re
import shlex
from pathlib import Path

import pytest

from pipelines.cli import main, parser_of
from tests.support.labelled_builds import labelled
from tests.support.sample_builds import corpus
from tests.support.training_runs import tiny_config

PAGE = (Path(__file__).resolve().parents[4] / "docs" / "compare.md").read_text("utf-8")
COMMANDS = [
    shlex.split(line)[1:]
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.S)
    for line in block.splitlines()
]


def test_builds_that_are_shown_have_options_that_exist() -> None:
    known = {name for action in parser_of("build")._actions for name in action.option_strings}
    builds = [command for command in COMMANDS if command[0] == "build"]
    assert [command[1] for command in builds] == ["bert-wwm", "albert", "classify"]
    named = {word for command in builds for word in command if word.startswith("--")}
    assert named <= known


def test_runs_with_a_probe_are_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, build in (
        ("WWM", corpus("bert-wwm")),
        ("ALBERT", corpus("albert")),
        ("REVIEWS", labelled("classify")),
    ):
        Path(name).symlink_to(build)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "max_position_embeddings": 512}
    model = str(tiny_config(tmp_path, **sizes))
    small = ["--model", model, "--steps", "2", "--eval-every", "1", "--batch-tokens", "512"]
    for command in COMMANDS:
        if command[0] != "build":
            added = [*small, "--device", "cpu"] if command[0] == "train" else []
            assert main([*command, *added]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["recipe", "bert-wwm", "albert"] in lines
    assert ["--data", "WWM", "ALBERT"] in lines
    [accuracy] = [line for line in lines if line[:2] == ["eval", "probe/REVIEWS/accuracy"]]
    assert len(accuracy) == 4
    page = Path("compare.html").read_text("utf-8")
    assert "REVIEWS: accuracy" in page
    assert Path("compare.png").stat().st_size > 10_000
    assert main(["compare", "RUN1", "RUN2", "--json"]) == 0
    runs = json.loads(capsys.readouterr().out)["runs"]
    with Path("RUN1", "latest", "checkpoint.json").open() as file:
        assert runs[0]["tokens"] == json.load(file)["loader"]["tokens"]


def test_every_option_is_explained() -> None:
    for action in parser_of("compare")._actions:
        for option in {*action.option_strings} - {"-h", "--help", "--config"}:
            assert f"`{option}" in PAGE
