"""What docs/fastbert.md shows works."""

import re
import shlex
from pathlib import Path

import pytest

from pipelines.cli import main
from tests.support.classifiers import records, saved_classifier
from tests.support.labelled_builds import labelled, records_of, write_jsonl
from tests.support.sample_builds import tokenizer_file
from trainer.distil_options import EPOCHS, RATE, WIDTH

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "fastbert.md").read_text("utf-8")


def test_the_commands_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As they stand there, but for the number of steps."""
    monkeypatch.chdir(tmp_path)
    Path("new").mkdir()
    Path("RUN/best").mkdir(parents=True)
    Path("RUN/best/hf").symlink_to(saved_classifier())
    Path("TASK").symlink_to(labelled("classify"))
    Path("tokenizer.json").symlink_to(tokenizer_file("wordpiece"))
    texts = [{"text": each["text"]} for each in records_of("classify", 24)]
    for path in ("new/a.jsonl", "new.jsonl", "texts.jsonl"):
        write_jsonl(Path(path), texts)
    blocks = re.findall(r"```sh\n(shardmill .*?)```", PAGE, re.S)
    commands = [shlex.split(line)[1:] for block in blocks for line in block.splitlines()]
    assert [command[0] for command in commands] == [
        *["predict", "predict", "build", "distil", "predict"]
    ]
    for command in commands:
        quick = ["--steps", "1", "--device", "cpu"] if command[0] == "distil" else []
        assert main([*command, *quick]) == 0
        if command[0] == "predict":
            output = Path(command[command.index("--output") + 1])
            found = records(output)
            layer = {"exit_layer"} if "--speed" in command else set()
            assert {*found[0]["prediction"]} == {"label", "probability", *layer}


def test_defaults_are_those_of_the_page() -> None:
    assert f"{EPOCHS} epochs, rate {RATE:.0e}".replace("e-0", "e-") in PAGE
    assert f"`--exit-width` ({WIDTH})" in PAGE
