"""A stream that is cut off at any step ends as one that was left alone.

SHARDMILL_CRASH_STEP=1 tries all points; by default every 29th is tried, of a mixture fewer.
"""

import os
import re
import sys
from pathlib import Path

import pytest

from tests.support.crash_points import main
from tests.support.follow_runs import documents, marked_tokenizer
from tests.support.forked import Forked

STEP = int(os.environ.get("SHARDMILL_CRASH_STEP", "29"))
FILES = {"a": [1], "b": [1, 2, 3], "c": [2, 3, 4, 5, 1]}
"""By window; the first has too little for pairs."""
MIXED = ["--members", "bert,roberta", "--boilerplate", "--keep-dropped"]


@pytest.mark.parametrize(
    ("step", "recipe"),
    [
        (STEP, ["bert", "--eval-fraction", "0.3"]),
        (1 + 3 * (STEP - 1), ["mixture", *MIXED, "--eval-fraction", "0"]),
    ],
    ids=["bert", "mixture"],
)
def test_ended_at_any_step(tmp_path: Path, step: int, recipe: list[str]) -> None:
    (tmp_path / "files").mkdir()
    for name, numbers in FILES.items():
        # The mixture goes through a filter, which leaves the last one out.
        more = b"\n\nMenu" if "--boilerplate" in recipe else b""
        (tmp_path / "files" / f"{name}.txt").write_bytes(documents(numbers) + more)
    options = ["--tokenizer", str(marked_tokenizer()), "--shards", "1", "--copies", "1"]
    tried = Forked(main, [str(tmp_path), str(min(step, 5)), str(step), *recipe, *options])
    assert tried.ended(3000) == 0, tried.written()
    told = tried.written()
    sys.stdout.write(told)
    assert re.search(r"^tried [1-9]\d* cuts, [1-9]\d\d points", told, re.MULTILINE)
