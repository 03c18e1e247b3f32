"""Every selector builds with all units and budgets that its settings offer."""

import dataclasses
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.manifest_parts import ShardEntry
from tests.support.synthetic_builds import build_folder
from transforms.build.check_shard import check_shard
from transforms.contract.corrupting import Select
from transforms.corruption.units import TokenUnits
from transforms.objectives import OBJECTIVES
from transforms.objectives.corruption import Corruption
from transforms.objectives.settings import PARTS


def selectors() -> Iterator[Select]:
    """Yields selectors with the units and budgets that their fields can hold."""
    choices = {name: [kind() for kind in PARTS[name]] for name in ("units", "budget")}
    choices["units"].append(TokenUnits(special=True))
    for kind in PARTS["select"]:
        names = [each.name for each in dataclasses.fields(kind) if each.name in choices]
        for values in itertools.product(*(choices[name] for name in names)):
            yield kind(**dict(zip(names, values, strict=True)))


@pytest.mark.parametrize("split", [False, True], ids=["whole", "split"])
@pytest.mark.parametrize("select", list(selectors()), ids=str)
def test_a_build_passes_its_own_checks(select: Select, split: bool, tmp_path: Path) -> None:
    """With `split`, a word may continue after a separator."""
    albert = OBJECTIVES["albert"]
    recipe = dataclasses.replace(
        albert,
        corrupt=(Corruption(select=select),),
        layout=dataclasses.replace(albert.layout, join_split_word=split),
        max_seq_length=24,
        copies=3,
    )
    folder = build_folder(tmp_path / "built", recipe, shards=1, documents=40)
    (entry,) = folder.manifest["splits"]["train"]["shards"]
    report = check_shard(
        str(folder.path), ShardEntry.from_json(entry), folder.settings, replayed=True
    )
    assert report.readable
    assert not report.problems
    assert report.counts["length.rows"] > 0
