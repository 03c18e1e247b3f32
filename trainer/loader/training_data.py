"""What a run trains on: one finished build, or the members of a mixture."""

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path

from schemas.checked_json import DamagedError
from schemas.errors import UsageError
from schemas.manifest import MixtureManifest
from schemas.manifest_parts import ShardEntry, split_totals
from schemas.stream import WINDOWS, number_name
from schemas.wording import nearest
from trainer.loader.open_corpus import open_local_corpus, read_local_manifest
from trainer.loader.other_objective import with_objective
from trainer.loader.stream_folder import is_stream
from transforms.build.corpus import Corpus, checked_members
from transforms.objectives.settings import Scalar


@dataclasses.dataclass(frozen=True)
class TrainingData:
    """A folder that can be trained on.

    Attributes:
      folder: Where it lies.
      checksum: Of the manifest of the build or the mixture.
      corpora: The members of a mixture by name; one build alone has the name "".
      weights: Of the members, by the same names.
    """

    folder: str
    checksum: str
    corpora: Mapping[str, Corpus]
    weights: Mapping[str, float]

    @property
    def mixed(self) -> bool:
        """Whether it is a mixture."""
        return "" not in self.corpora

    @property
    def labelled(self) -> bool:
        """Whether it is labelled records, for fine-tuning."""
        return self.first.recipe.labelled is not None

    @property
    def first(self) -> Corpus:
        """The build, or the first member."""
        return next(iter(self.corpora.values()))

    @property
    def draws_masks(self) -> bool:
        """Whether there are masks that are not stored, and so drawn in training."""
        corruptions = (each for corpus in self.corpora.values() for each in corpus.recipe.corrupt)
        return any(not each.targets.stored for each in corruptions)

    @property
    def shards(self) -> list[tuple[str, ShardEntry]]:
        """All shards, each with the folder of its build."""
        return [
            (corpus.folder, shard)
            for corpus in self.corpora.values()
            for split in corpus.splits.values()
            for shard in split
        ]


def open_data(
    folder: str | os.PathLike[str],
    weights: str | None = None,
    objective: str | None = None,
    settings: Mapping[str, Scalar] | None = None,
) -> TrainingData:
    """Opens a finished build or mixture.

    Args:
      folder: Of it.
      weights: For a mixture: other weights than it was built with, as in "albert=2,bert-wwm=1".
      objective: For a build: the recipe whose masks are drawn from its rows.
      settings: Fields of the objective to change, by path.

    Raises:
      UsageError: if there is none.
      DamagedError: if something in it cannot be understood.
    """
    if is_stream(folder):
        raise UsageError(
            f"{folder} is a stream, which grows by windows; add --follow, or train on one of them, "
            f"such as {Path(folder, WINDOWS, number_name(0))}"
        )
    manifest = read_local_manifest(folder)
    if not isinstance(manifest, MixtureManifest):
        if weights is not None:
            raise UsageError(f"--weights is for mixtures, and {folder} is none")
        corpus = open_local_corpus(folder)
        _refuse_vectors(corpus)
        if objective is not None and corpus.recipe.labelled is not None:
            raise UsageError(
                f"--objective {objective} masks, and {corpus.folder} is labelled records "
                f"({corpus.recipe.name}), whose labels are predicted; leave it out"
            )
        if objective is not None:
            corpus = with_objective(corpus, objective, settings)
        return TrainingData(os.fspath(folder), corpus.checksum, {"": corpus}, {"": 1.0})
    names = checked_members(manifest)
    if objective is not None:
        raise UsageError(
            f"--objective is for a build, and {folder} is a mixture; name the folder of a member, "
            f"such as {Path(folder, names[0])}"
        )
    corpora = {name: open_local_corpus(Path(folder, name)) for name in names}
    for name, corpus in corpora.items():
        member = manifest.members[name]
        if corpus.checksum != member.checksum or (
            corpus.manifest and split_totals(corpus.manifest.splits) != member.splits
        ):
            raise DamagedError(
                f"{corpus.folder} is another build than when {folder} was made; shardmill verify "
                "tells what else is wrong"
            )
    own = {name: manifest.members[name].weight for name in names}
    return TrainingData(
        os.fspath(folder), manifest.checksum, corpora, {**own, **_given(weights, names)}
    )


def _refuse_vectors(corpus: Corpus) -> None:
    """Refuses rows that vectors of words are trained on."""
    if not corpus.recipe.evaluated:
        raise UsageError(
            f"{corpus.folder} is a build of {corpus.recipe.name}, of which vectors of words are "
            f"trained: shardmill vectors --data {corpus.folder} --output RUN"
        )


def has_rows(corpus: Corpus, split: str) -> bool:
    """Returns whether a split of a build has rows."""
    return any(shard.rows for shard in corpus.splits.get(split, ()))


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
