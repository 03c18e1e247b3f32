"""What docs/elmo.md shows works."""

import re
from pathlib import Path
from typing import Any

from tests.support.sample_builds import corpus
from trainer.loader.open_corpus import open_local_corpus
from trainer.models.load import load_model
from trainer.models.presets import PRESETS
from trainer.seeding import seed_torch

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "elmo.md").read_text("utf-8")


def test_code_of_the_page(tmp_path: Path) -> None:
    seed_torch(1, "weights")
    model = load_model("elmo-tiny", [open_local_corpus(corpus("elmo"))], 21)
    model.save_pretrained(tmp_path / "hf")
    names: dict[str, Any] = {}
    characters, vectors = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    exec(characters, names)
    assert names["ids"][1, :5].tolist() == [258, 228, 184, 173, 259]
    exec(vectors.replace('"RUN/latest/hf"', repr(str(tmp_path / "hf"))), names)
    assert [names[name].shape for name in ("cat", "yes")] == [(3, 4, 64), (3, 1, 64)]


def test_sizes_of_the_page() -> None:
    rows = re.findall(r"\| `(elmo\S*)` \| .* \| 2 x ([\d,]+) \| (\d+) \|", PAGE)
    assert {name: (int(cells.replace(",", "")), int(width)) for name, cells, width in rows} == {
        name: (fields["cell_size"], fields["hidden_size"])
        for name, fields in PRESETS.items()
        if fields["model_type"] == "elmo"
    }
    filters = {name: sum(n for _, n in PRESETS[name]["filters"]) for name, *_ in rows}
    assert filters == {"elmo": 2048, "elmo-small": 2048, "elmo-tiny": 128}
