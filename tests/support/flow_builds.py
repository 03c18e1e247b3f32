"""A small build of `ernie-gen`, shared by tests: only read it."""

import dataclasses
import functools
from pathlib import Path
from typing import Any

from tests.support.made_once import made_once
from tests.support.sample_builds import stored_rows
from tests.support.synthetic_builds import build_folder
from trainer.loader.batches import ArrowBatches
from trainer.loader.open_corpus import open_local_corpus
from transforms.build.corpus import Corpus
from transforms.objectives import OBJECTIVES
from transforms.objectives.settings import changed

LENGTH, COPIES = 40, 2


def flow_corpus(**settings: Any) -> Corpus:
    """Returns the build, with other fields of `denoise.target` than it was made with."""
    opened = open_local_corpus(_folder())
    fields = {f"denoise.target.{name}": value for name, value in settings.items()}
    return dataclasses.replace(opened, recipe=changed(opened.recipe, fields))


@functools.cache
def flow_rows() -> list[dict[str, Any]]:
    """Returns its rows as they are stored."""
    return [row for path in sorted(_folder().glob("train/*.arrow")) for row in stored_rows(path)]


def flow_batches(corpus: Corpus, **options: Any) -> ArrowBatches:
    return ArrowBatches(corpus, **{"batch_tokens": 700, "checksums": False, **options})


def _folder() -> Path:
    recipe = dataclasses.replace(OBJECTIVES["ernie-gen"], max_seq_length=LENGTH, copies=COPIES)

    def make(folder: Path) -> None:
        build_folder(folder, recipe, documents=20)

    return made_once("flows", make)
