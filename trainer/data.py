"""What a run trains on: one finished build, or the members of a mixture."""

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from schemas.errors import UsageError
from schemas.manifest import MANIFEST, ShardEntry, checksum, member_names, parse_manifest
from trainer.objective import with_objective
from trainer.open_corpus import open_local_corpus
from transforms.corpus import Corpus
from transforms.objectives.settings import Scalar, nearest


@dataclasses.dataclass(frozen=True)
class Data:
    """A folder that can be trained on.

    Attributes:
      folder: Where it lies.
      manifest: Of the build or the mixture.
      corpora: The members of a mixture by name; one build alone has the name "".
      weights: Of the members, by the same names.
    """

    folder: str
    manifest: Mapping[str, Any]
    corpora: Mapping[str, Corpus]
    weights: Mapping[str, float]

    @property
    def mixed(self) -> bool:
        """Whether it is a mixture."""
        return "" not in self.corpora

    @property
    def first(self) -> Corpus:
        """The build, or the first member."""
        return next(iter(self.corpora.values()))

    @property
    def others(self) -> list[Corpus]:
        """The other members."""
        return list(self.corpora.values())[1:]

    @property
    def shards(self) -> list[tuple[str, ShardEntry]]:
        """All shards, each with the folder of its build."""
        return [
            (corpus.folder, shard)
            for corpus in self.corpora.values()
            for split in corpus.splits.values()
            for shard in split
        ]

    def told(self) -> str:
        """Returns the members with their weights, as a run is known by them."""
        return ", ".join(f"{name}={weight:g}" for name, weight in self.weights.items())


def open_data(
    folder: str | os.PathLike[str],
    weights: str | None = None,
    objective: str | None = None,
    settings: Mapping[str, Scalar] | None = None,
) -> Data:
    """Opens a finished build or mixture.

    Args:
      folder: Of it.
      weights: For a mixture: other weights than it was built with, as in "albert=2,bert-wwm=1".
      objective: For a build: the recipe whose masks are drawn from its rows.
      settings: Fields of the objective to change, by path.

    Raises:
      UsageError: if there is none, or something in it cannot be understood.
    """
    path = Path(folder, MANIFEST)
    try:
        manifest = parse_manifest(path.read_text("utf-8"))
    except (OSError, ValueError):
        manifest = {}
    names = member_names(manifest)
    if not names:
        if weights is not None:
            raise UsageError(f"--weights is for mixtures, and {folder} is none")
        # What is wrong with a folder is told here.
        corpus = open_local_corpus(folder)
        if objective is not None:
            corpus = with_objective(corpus, objective, settings)
        return Data(os.fspath(folder), corpus.manifest, {"": corpus}, {"": 1.0})
    if objective is not None:
        raise UsageError(
            f"--objective is for a build, and {folder} is a mixture; name the folder of a member, "
            f"such as {Path(folder, names[0])}"
        )
    told = manifest["members"]
    corpora = {name: open_local_corpus(Path(folder, name)) for name in names}
    for name, corpus in corpora.items():
        if checksum(corpus.manifest) != told[name]["checksum"]:
            raise UsageError(
                f"{corpus.folder} is another build than when {folder} was made; shardmill verify "
                "tells what else is wrong"
            )
    own = {name: float(told[name]["weight"]) for name in names}
    return Data(os.fspath(folder), manifest, corpora, {**own, **_given(weights, names)})


def _given(text: str | None, names: list[str]) -> dict[str, float]:
    """Reads --weights."""
    found: dict[str, float] = {}
    for part in text.split(",") if text else []:
        name, _, weight = part.partition("=")
        if name not in names:
            raise UsageError(f"--weights {part}: no such member; {nearest(name, names)}")
        if not weight.replace(".", "", 1).isdigit() or not float(weight) > 0:
            raise UsageError(f"--weights takes MEMBER=W,... with numbers above 0, got {part!r}")
        found[name] = float(weight)
    return found
