"""Annotates the documents of shards, and writes what was found."""

import dataclasses
import itertools
from collections.abc import Iterable, Mapping, Sequence

from schemas.annotations import (
    AnnotationEntry,
    AnnotationError,
    annotation_batch,
    annotation_schema,
)
from schemas.records import ShardId
from transforms.annotate.annotator import Annotator, load_annotator, prefer
from transforms.build.build_shards import BuildError, Built, check_software
from transforms.build.write_shard import write_arrow, write_entry
from transforms.files.storage import join
from transforms.files.work_folder import LostFolderError
from transforms.read.shard_documents import unpack_documents
from transforms.records.anchors import join_anchored
from transforms.records.shard_text import ShardPlan, join_documents

SPLIT = "annotations"
"""The folder of annotations in an output folder."""


class AnnotationShards(ShardPlan):
    """How documents are dealt out to shards of annotations."""

    @property
    def shards(self) -> list[ShardId]:
        """All shards, in the order of their numbers."""
        return [ShardId(SPLIT, index, self.train) for index in range(self.train)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class AnnotationBuilder:
    """Annotates one shard after another.

    Attributes:
      annotator: Says what is found.
      plan: Names the shards.
      output: Folder of the annotations.
      software: Versions, from `software_versions`, that a worker must have.
      owner: What the folder must be known by, see `work_folder.check_owner`.
      anchors: Documents come with entities of their own; where one overlaps what is found, it
        stays.
    """

    annotator: Annotator
    plan: AnnotationShards
    output: str
    software: Mapping[str, str]
    anchors: bool = False
    owner: str = ""

    def build(self, number: int, packed: Iterable[bytes]) -> AnnotationEntry:
        """Annotates packed documents, writes the shard's entry and what was found.

        Raises:
          BuildError: if it cannot be done.
          OSError: if it cannot be written.
        """
        check_software(self.software)
        shard = self.plan.shards[number]
        documents = itertools.chain.from_iterable(map(unpack_documents, packed))
        anchored = None
        if self.anchors:
            text, anchored = join_anchored(documents)
        else:
            text = join_documents(documents, deduplicate=True)
        try:
            spans = load_annotator(self.annotator).annotate(text.data)
            if anchored is not None:
                spans["entities"] = prefer(anchored, spans["entities"])
            name = f"{shard.name}.arrow"
            path = join(self.output, *name.split("/"))
            batch = annotation_batch(text, spans)
            entries: list[AnnotationEntry] = []

            def before_rename(sha256: str, size: int) -> None:
                entry = AnnotationEntry(
                    path=name,
                    documents=len(text.document_starts),
                    duplicates=text.duplicates,
                    bytes=size,
                    sha256=sha256,
                    spans={kind: len(each) for kind, each in spans.items()},
                )
                write_entry(self.output, shard, entry, self.owner)
                entries.append(entry)

            write_arrow([batch], annotation_schema(self.annotator.kinds), path, before_rename)
        except AnnotationError as error:
            raise BuildError(f"{shard.name}: {error}") from error
        except LostFolderError:
            raise
        except OSError as error:
            raise OSError(f"cannot write {shard.name} in {self.output}: {error}") from error
        return entries[0]


def annotate_shard(
    builders: Sequence[AnnotationBuilder], number: int, packed: Iterable[bytes]
) -> Built:
    """Annotates one shard of documents.

    Args:
      builders: One.
      number: Of the shard.
      packed: Its documents.

    Yields:
      What was written.

    Raises:
      BuildError: if it cannot be done.
      OSError: if it cannot be written.
    """
    for builder in builders:
        yield builder, builder.build(number, packed)
