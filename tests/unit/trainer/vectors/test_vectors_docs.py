"""What docs/vectors.md shows works."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.sample_builds import corpus
from trainer.vectors.command import main

PAGE = (Path(__file__).resolve().parents[4] / "docs" / "vectors.md").read_text("utf-8")


def test_the_example_in_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    given = ["--data", str(corpus("cbow")), "--output", "RUN", "--dim", "6", "--epochs", "1"]
    assert main([*given, "--device", "cpu"]) == 0
    [code] = [code for code in re.findall(r"```python\n(.*?)```", PAGE, re.S) if "nearest" in code]
    names: dict[str, Any] = {}
    exec(code, names)
    assert len(names["nearest"]) == 5
    assert names["vector"].shape == (6,)


def test_every_file_of_a_run_is_named() -> None:
    from trainer.vectors.run_folder import FILES, VECTORS

    assert all(f"`{name}`" in PAGE for name in (VECTORS, *FILES))
