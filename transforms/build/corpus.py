"""A finished build: what its manifest and its tokenizer say."""

import dataclasses
import hashlib
from collections.abc import Callable, Mapping, Sequence

from schemas.checked_json import DamagedError
from schemas.co_occurrences import PAIRS, PairsEntry
from schemas.counts import COUNTS
from schemas.entities import ENTITIES, read_entities
from schemas.errors import UsageError
from schemas.manifest import (
    MANIFEST,
    AnnotationsManifest,
    AnyManifest,
    Manifest,
    MixtureManifest,
)
from schemas.manifest_checks import TOKENIZER, contradictions
from schemas.manifest_parts import ShardEntry
from schemas.vocabulary import Vocabulary, read_vocabulary
from schemas.wording import counted
from transforms.build.saved_tokenizer import tokenizer_files
from transforms.contract.pair_rule import PairRule
from transforms.objectives import OBJECTIVES
from transforms.objectives.recipe import Recipe
from transforms.objectives.settings import recipe_from, settings_of


class CorpusError(ValueError):
    """A folder that is sound, and not what was asked for."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Corpus:
    """What a folder of shards is.

    Attributes:
      folder: Where it lies.
      manifest: Of the build; None for rows that are made up.
      recipe: That its examples were built with; in training, what they are taken to be.
      tokenizer_json: Content of its tokenizer.json.
      vocabulary: Of that tokenizer.
      entities: Ids of the entities that tokens are aligned with, by number, if they are.
      built: That its examples were built with, where training takes them for another recipe's.
      objective: That other recipe, in words; None if it is the same.
    """

    folder: str
    manifest: Manifest | None
    recipe: Recipe
    tokenizer_json: str
    vocabulary: Vocabulary
    entities: tuple[str, ...] = ()
    built: Recipe | None = None
    objective: str | None = None

    @property
    def stored_as(self) -> Recipe:
        """The recipe that its shards were built with."""
        return self.recipe if self.built is None else self.built

    @property
    def splits(self) -> Mapping[str, Sequence[ShardEntry]]:
        """The shards of each split."""
        return self.manifest.entries if self.manifest else {}

    @property
    def pairs(self) -> Sequence[PairsEntry]:
        """The shards of counts of pairs; none if they are not counted."""
        return self.manifest.pair_entries if self.manifest else ()

    @property
    def sources(self) -> tuple[str, ...]:
        """The names of the sources of its documents, by number; none without sources."""
        return tuple(self.manifest.sources) if self.manifest else ()

    @property
    def checksum(self) -> str:
        """The checksum of the manifest."""
        return self.manifest.checksum if self.manifest else ""

    def shards(self, split: str) -> Sequence[ShardEntry]:
        """Returns the shards of a split.

        Raises:
          UsageError: if there is no such split.
        """
        if split not in self.splits:
            raise UsageError(
                f"{self.folder} has no split {split!r}; it has {' and '.join(self.splits)}"
            )
        return self.splits[split]

    def tokenizer_files(self) -> dict[str, str]:
        """Returns files by name, see `transforms.build.saved_tokenizer`."""
        return tokenizer_files([self.recipe], self.tokenizer_json, self.vocabulary)


def checked_members(manifest: AnyManifest) -> list[str]:
    """Returns the members of a mixture in their order; none if it is no mixture.

    Their folders are named by them, so a name that is no recipe's is never looked for.

    Raises:
      DamagedError: if a member is no recipe of the table.
    """
    names = manifest.member_names
    for name in names:
        if name not in OBJECTIVES:
            raise DamagedError(f"{MANIFEST} is damaged: it has a member {name!r}, no known recipe")
    return names


def check_agreement(manifest: AnyManifest) -> None:
    """Raises DamagedError if a manifest does not agree with itself."""
    for sentence in contradictions(manifest):
        raise DamagedError(f"{MANIFEST} is damaged: {sentence}")


def corpus_of(folder: str, manifest: AnyManifest, read: Callable[[str], bytes]) -> Corpus:
    """Returns the corpus that a manifest, a tokenizer file, and others that it names describe.

    Args:
      folder: Where it lies.
      manifest: Of the build.
      read: Returns the content of a file of the folder, by name.

    Raises:
      CorpusError: if it is no build of one recipe.
      DamagedError: if the manifest does not agree with itself, the recipe cannot be understood, or
        a file is not the manifest's.
    """
    if isinstance(manifest, MixtureManifest):
        raise CorpusError(
            "this is a mixture; name the folder of one of its members "
            f"({', '.join(checked_members(manifest))})"
        )
    if isinstance(manifest, AnnotationsManifest):
        raise CorpusError("these are annotations, not examples; give the output of a build")
    stated = manifest.tokenizer
    recipe = _recipe_of(manifest)
    tokenizer_json = _unchanged(read, TOKENIZER, stated.sha256)
    counts = _unchanged(read, COUNTS, manifest.counts) if manifest.counts else None
    listed = manifest.entities
    ids = read_entities(_unchanged(read, ENTITIES, listed.sha256)) if listed else ()
    if listed and listed.count != len(ids):
        raise DamagedError(
            f"{ENTITIES} has {counted(len(ids), 'line')}, the manifest says {listed.count}"
        )
    try:
        needed = stated.special_tokens
        vocabulary = read_vocabulary(
            tokenizer_json, stated.special_tokens, counts, needed, of_words=recipe.of_words
        )
        vocabulary.require(recipe.roles)
    except ValueError as error:
        raise DamagedError(f"{TOKENIZER} or {COUNTS} is damaged: {error}") from error
    if vocabulary.size != stated.vocab_size:
        raise DamagedError(
            f"tokenizer.json has {vocabulary.size} ids, the manifest says {stated.vocab_size}"
        )
    if dict(vocabulary.names) != dict(stated.special_tokens):
        raise DamagedError(
            f"the special tokens of {TOKENIZER} are {dict(vocabulary.names)}, the manifest says "
            f"{dict(stated.special_tokens)}"
        )
    return Corpus(
        folder=folder,
        manifest=manifest,
        recipe=recipe,
        tokenizer_json=tokenizer_json,
        vocabulary=dataclasses.replace(vocabulary, entities=len(ids)),
        entities=ids,
    )


def _recipe_of(manifest: Manifest) -> Recipe:
    """Returns the recipe of a build.

    Raises:
      DamagedError: if there is none of its name, or its settings are not those that it has.
    """
    stated = manifest.recipe
    try:
        recipe = recipe_from(stated.name, stated.settings)
    except (ValueError, OverflowError) as error:
        raise DamagedError(f"{MANIFEST} is damaged: {error}") from error
    # What it does not say would be taken from the defaults of this program.
    if settings_of(recipe) != dict(stated.settings):
        raise DamagedError(
            f"{MANIFEST} is damaged: the settings are not those of the recipe {stated.name}"
        )
    pairs = manifest.cooccurrences
    if recipe.pair_rule != (PairRule(pairs.window, pairs.symmetric) if pairs else None):
        raise DamagedError(f"{MANIFEST} is damaged: its {PAIRS} are not those of {stated.name}")
    return recipe


def _unchanged(read: Callable[[str], bytes], name: str, sha256: str) -> str:
    """Returns a file that has the sha256 it should have."""
    content = read(name)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise DamagedError(f"{name} was changed: its sha256 is not the manifest's")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise DamagedError(f"{name} is damaged: it is not UTF-8 (byte {error.start})") from error
