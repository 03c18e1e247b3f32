"""What docs/lanes.md shows works."""

import re
from pathlib import Path

import numpy as np

from tests.support.stream_builds import streams

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "lanes.md").read_text("utf-8")


def test_a_loop_of_ones_own() -> None:
    [code] = [each for each in re.findall(r"```python\n(.*?)```", PAGE, re.S) if "import" in each]
    names: dict[str, object] = {}
    exec(code.replace('"OUT"', repr(str(streams("transformer-xl", "memory=32")))), names)
    batches, losses = names["batches"], names["losses"]
    assert len(losses) == 2 * len(batches)  # type: ignore[arg-type]
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 1  # type: ignore[index]
