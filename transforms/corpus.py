"""A finished build: what its manifest and its tokenizer say."""

import dataclasses
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from schemas.counts import COUNTS
from schemas.entities import ENTITIES, read_entities
from schemas.errors import UsageError
from schemas.manifest import ShardEntry, member_names, shard_entries
from schemas.vocabulary import Vocabulary, read_vocabulary
from transforms.objectives.recipe import Recipe
from transforms.objectives.settings import recipe_from
from transforms.saved_tokenizer import TOKENIZER, tokenizer_files


@dataclasses.dataclass(frozen=True, kw_only=True)
class Corpus:
    """What a folder of shards is.

    Attributes:
      folder: Where it lies.
      manifest: As `schemas.manifest.parse_manifest` returns it.
      recipe: That its examples were built with; in training, what they are taken to be.
      tokenizer_json: Content of its tokenizer.json.
      vocabulary: Of that tokenizer.
      entities: Ids of the entities that tokens are aligned with, by number, if they are.
      built: That its examples were built with, where training takes them for another recipe's.
      objective: That other recipe, in words; None if it is the same.
    """

    folder: str
    manifest: Mapping[str, Any]
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
        return shard_entries(self.manifest)

    def shards(self, split: str) -> Sequence[ShardEntry]:
        """Returns the shards of a split.

        Raises:
          UsageError: if there is no such split.
        """
        if split not in self.splits:
            raise UsageError(
                f"--split: {self.folder} has no split {split!r}; it has {' and '.join(self.splits)}"
            )
        return self.splits[split]

    def tokenizer_files(self) -> dict[str, str]:
        """Returns files by name, see `transforms.saved_tokenizer`."""
        return tokenizer_files([self.recipe], self.tokenizer_json, self.vocabulary)


def corpus_of(folder: str, manifest: Mapping[str, Any], read: Callable[[str], str]) -> Corpus:
    """Returns the corpus that a manifest, a tokenizer file, and others that it names describe.

    Args:
      folder: Where it lies.
      manifest: As `schemas.manifest.parse_manifest` returns it.
      read: Returns the text of a file of the folder, by name.

    Raises:
      ValueError: if it is a mixture, if the recipe cannot be understood, or if the tokenizer is not
        the manifest's.
    """
    if members := member_names(manifest):
        raise ValueError(
            f"this is a mixture; name the folder of one of its members ({', '.join(members)})"
        )
    stated = manifest["tokenizer"]
    recipe = recipe_from(manifest["recipe"]["name"], manifest["recipe"]["settings"])
    tokenizer_json = read(TOKENIZER)
    counts = read(COUNTS) if manifest.get("counts") else None
    listed = manifest.get("entities")
    entities = read(ENTITIES) if listed else None
    for name, text, sha256 in (
        (ENTITIES, entities, listed and listed["sha256"]),
        (TOKENIZER, tokenizer_json, stated["sha256"]),
        (COUNTS, counts, manifest.get("counts")),
    ):
        if text is not None and hashlib.sha256(text.encode()).hexdigest() != sha256:
            raise ValueError(f"{name} was changed: its sha256 is not the manifest's")
    vocabulary = read_vocabulary(tokenizer_json, stated["special_tokens"], counts)
    if vocabulary.size != stated["vocab_size"]:
        raise ValueError(
            f"tokenizer.json has {vocabulary.size} ids, the manifest says {stated['vocab_size']}"
        )
    ids = read_entities(entities or "")
    return Corpus(
        folder=folder,
        manifest=manifest,
        recipe=recipe,
        tokenizer_json=tokenizer_json,
        vocabulary=dataclasses.replace(vocabulary, entities=len(ids)),
        entities=ids,
    )
