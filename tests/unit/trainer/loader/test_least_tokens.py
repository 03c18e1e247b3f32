"""A batch that is too small is refused with a limit that nothing refuses after it."""

import re
from pathlib import Path

import pytest

from tests.support.labelled_builds import labelled
from tests.support.sample_builds import corpus
from tests.support.task_runs import config_of
from tests.support.training_runs import train

Captured = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("rank", "the candidates of a record of"),
        ("t5", "the longest source and target of"),
        ("xlnet", "a forward and a reversed row of"),
    ],
)
def test_the_limit_holds_for_all_splits(
    what: str, reason: str, tmp_path: Path, capsys: Captured
) -> None:
    data = labelled(what) if what == "rank" else corpus(what)
    presets = {"t5": "t5-tiny", "xlnet": "xlnet-tiny"}
    model = presets.get(what) or config_of(tmp_path)
    options = ("--steps", "1", "--batch-tokens")
    assert train(data, model, tmp_path / "run", *options, "7") == 2
    told = capsys.readouterr().err
    found = re.search(r"--batch-tokens must be at least (\d+), (.*) \S+, got 7\n$", told)
    assert found, told
    assert found[2] == reason
    least = int(found[1])
    assert train(data, model, tmp_path / "run", *options, str(least - 1)) == 2
    again = told.replace("got 7", f"got {least - 1}")
    assert capsys.readouterr().err.splitlines()[-1] == again.splitlines()[-1]
    assert train(data, model, tmp_path / "run", *options, str(least)) == 0
