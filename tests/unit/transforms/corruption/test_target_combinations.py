"""Every combination of targets is one that the loader can read, or is refused before a build."""

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch

from pipelines.build import main as build
from tests.support.sample_builds import needed_options, text_of, tokenizer_file
from trainer.loader.batches import ArrowBatches
from trainer.tasks.of_recipes import tasks_of
from transforms.corruption.targets import RESERVED
from transforms.objectives import OBJECTIVES
from transforms.objectives.recipe import Recipe
from transforms.objectives.settings import changed

TARGETS = ("MaskedTokens", "MaskedSpans", "FreshTokens", "ContrastedRun")
NAMES = (None, "mlm", "nsp", "sbo", "other")


def combinations(recipe: Recipe) -> list[dict[str, Any]]:
    """Returns settings for every choice of targets, names and copies of all corruptions."""
    choices = itertools.product(
        TARGETS, NAMES if len(recipe.corrupt) < 2 else NAMES[:2] + NAMES[3:]
    )
    each = list(choices)
    found = []
    for combination in itertools.product(each, repeat=len(recipe.corrupt)):
        for copies, store in ((1, ""), (3, "words")):
            settings: dict[str, Any] = {"copies": copies, "store": store}
            for number, (kind, name) in enumerate(combination):
                settings[f"corrupt.{number}.targets"] = kind
                if name is not None:
                    settings[f"corrupt.{number}.targets.name"] = name
            found.append(settings)
    return found


@pytest.mark.parametrize("name", [name for name in OBJECTIVES if OBJECTIVES[name].corrupt])
def test_what_is_built_can_be_loaded(name: str) -> None:
    accepted = 0
    for settings in combinations(OBJECTIVES[name]):
        try:
            recipe = changed(OBJECTIVES[name], settings)
        except ValueError:
            continue
        accepted += 1
        assert len(recipe.stored) in (0, len(recipe.corrupt))
        names = [task.name for task in tasks_of(recipe)]
        assert len(set(names)) == len(names)
        columns = [column.name for column in recipe.columns("uint16")]
        assert len(set(columns)) == len(columns)
    assert accepted


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"corrupt.1.targets": "FreshTokens", "corrupt.1.targets.name": "wso"}, "or of none"),
        ({"corrupt.0.targets": "FreshTokens"}, "stores what some corruptions select"),
        ({"corrupt.0.targets": "ContrastedRun"}, "cannot be the targets of the first"),
        ({"corrupt.1.targets.name": "structure"}, "two losses of structbert have the same name"),
        ({"corrupt.1.targets.name": "target"}, "which means something else in training"),
        ({"corrupt.1.targets.name": "keys"}, "which means something else in training"),
    ],
)
def test_what_cannot_be_loaded_is_refused(settings: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        changed(OBJECTIVES["structbert"], settings)


def test_methods_of_modules_are_no_names() -> None:
    methods = {name for name in dir(torch.nn.ModuleDict()) if not name.startswith("_")}
    assert {name for name in methods if name == name.lower()} <= RESERVED


@pytest.mark.parametrize(
    ("recipe", "settings"),
    [
        (
            "structbert",
            [
                *["corrupt.0.targets=FreshTokens", "corrupt.1.targets=FreshTokens"],
                *["corrupt.1.targets.name=wso", "copies=1"],
            ],
        ),
        ("structbert", ["corrupt.1.targets=MaskedSpans", "corrupt.1.targets.name=wso", "copies=2"]),
        ("spanbert", ["corrupt.0.targets=FreshTokens", "copies=1", "store=sentences"]),
    ],
)
def test_batches_of_other_targets(recipe: str, settings: list[str], tmp_path: Path) -> None:
    arguments = [recipe, "--input", text_of(recipe), "--output", str(tmp_path / "out")]
    arguments += ["--tokenizer", str(tokenizer_file("wordpiece")), *needed_options(recipe)]
    for setting in settings:
        arguments += ["--set", setting]
    assert build([*arguments, "--shards", "1", "--eval-fraction", "0"]) == 0
    batch = next(iter(ArrowBatches(tmp_path / "out", batch_tokens=1024)))
    targets = batch["target_positions"][batch["labels"] != -100]
    assert len(targets) > 0
    assert int(targets.max()) < int(batch["num_tokens"])
    if recipe == "structbert":
        assert int((batch["wso_labels"] != -100).sum()) > 0
