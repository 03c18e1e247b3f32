"""Decides which filters documents go through."""

import dataclasses
from collections.abc import Mapping, Sequence

from pipelines.planning.filter_arguments import FilterOptions
from pipelines.planning.options import BuildOptions
from schemas.errors import about
from transforms.files.inputs import FileRange
from transforms.files.storage import join
from transforms.filters.c4 import C4Lines, C4Quality
from transforms.filters.document_filter import DocumentFilter, Scalar
from transforms.filters.dropped_files import FOLDER, DroppedFiles, dropped_names
from transforms.filters.filtered_reader import FilteredReader
from transforms.filters.gopher import GopherQuality
from transforms.filters.known_duplicates import KnownDuplicates
from transforms.filters.language import Languages
from transforms.filters.near_duplicates import NearDuplicates, near_duplicates
from transforms.filters.near_files import DROPPED_KEYS
from transforms.filters.near_search import NearSearch, part_count
from transforms.filters.repetition import GopherRepetition
from transforms.objectives.recipe import Recipe
from transforms.read.read_documents import Reader
from transforms.read.reading_tasks import reading_tasks

_QUALITY: Mapping[str, type[GopherQuality] | type[GopherRepetition] | type[C4Quality]] = {
    "gopher": GopherQuality,
    "gopher-repetition": GopherRepetition,
    "c4": C4Quality,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Filtering:
    """What documents go through before they are dealt out.

    Attributes:
      filters: That look at each document alone, in their order.
      near: How near-duplicates are found, after these; None if they are not.
      keep: Whether dropped documents are kept.
    """

    filters: tuple[DocumentFilter, ...]
    near: NearDuplicates | None
    keep: bool

    def identity(self) -> dict[str, dict[str, Scalar]]:
        """Returns all that decides which documents are dropped, and whether they are kept."""
        known = (KnownDuplicates(near=self.near),) if self.near else ()
        found = {each.name: each.identity() for each in (*self.filters, *known)}
        return {**found, **({FOLDER: {"kept": True}} if self.keep else {})}

    def dropped_files(self, ranges: Sequence[FileRange]) -> list[str]:
        """Returns the files that dropped documents may be in, in the output folder."""
        return dropped_names(len(reading_tasks(ranges))) if self.keep else []

    def reader(
        self, reader: Reader, output: str, owner: str, ranges: Sequence[FileRange], *, record: bool
    ) -> FilteredReader:
        """Returns a reader that passes on what a build shall have.

        Args:
          reader: Reads everything.
          output: Folder of the build, in which near-duplicates were found.
          owner: See `work_folder.check_owner`.
          ranges: That are read.
          record: Whether dropped documents are kept, if that was asked for.
        """
        filters = list(self.filters)
        if self.near is not None:
            path = join(output, *DROPPED_KEYS.split("/"))
            filters.append(KnownDuplicates(near=self.near, path=path, owner=owner))
        files = DroppedFiles.of(output, ranges, owner) if self.keep and record else None
        return FilteredReader(reader=reader, filters=filters, files=files)

    def search(
        self, reader: Reader, output: str, owner: str, ranges: Sequence[FileRange], text_bytes: int
    ) -> NearSearch | None:
        """Returns what finds near-duplicates among the documents that the filters keep, or None."""
        if self.near is None:
            return None
        return NearSearch(
            near=self.near,
            reader=FilteredReader(reader=reader, filters=self.filters) if self.filters else reader,
            ranges=ranges,
            parts=part_count(text_bytes),
            output=output,
            owner=owner,
        )

    def lines(self) -> list[str]:
        """Returns what a plan shows of the filters."""
        names = [each.name for each in self.filters]
        shown = [f"filters  {', '.join(names)}"] if names else []
        if near := self.near:
            shown += [
                f"near     {near.bands} bands of {near.rows} of {near.permutations} permutations "
                f"find {near.probability(near.similarity):.1%} of the pairs of similarity "
                f"{near.similarity:g}, and {near.probability(near.similarity / 2):.2%} of those of "
                f"{near.similarity / 2:g}; the input is read twice"
            ]
        return shown


def choose_filters(options: BuildOptions, recipes: Sequence[Recipe]) -> Filtering | None:
    """Returns the filters that were asked for, None if there is none.

    Raises:
      ValueError: if they do not fit the rest, or a library is missing.
    """
    asked = options.filters
    if not asked.given:
        return None
    first = asked.given[0]
    if recipes[0].labelled is not None:
        raise ValueError(
            f"{first} leaves out documents of text, and {recipes[0].name} is built of labelled "
            "records: filter the records before, or leave it out"
        )
    if asked.boilerplate and options.annotations:
        raise ValueError(
            "--boilerplate removes lines, so what --annotations says of places in the text would "
            "not fit any more: leave one of them out"
        )
    return filtering_of(asked)


def filtering_of(asked: FilterOptions) -> Filtering | None:
    """Returns the filters of some options, None if there is none.

    Raises:
      ValueError: if a library is missing, or a value cannot be used.
    """
    if not asked.given:
        return None
    filters: list[DocumentFilter] = []
    if asked.languages:
        with about("--language"):
            filters.append(Languages.of(asked.languages, asked.confidence))
    filters += [C4Lines()] if asked.boilerplate else []
    filters += [_QUALITY[name]() for name in asked.quality]
    near = None
    if asked.near_duplicates is not None:
        with about("--near-duplicates"):
            near = near_duplicates(asked.near_duplicates, asked.recall)
            check_joining()
    return Filtering(filters=tuple(filters), near=near, keep=asked.keep_dropped)


def check_joining() -> None:
    """Raises ValueError if what joins near-duplicates to clusters is not installed."""
    import importlib.util

    if importlib.util.find_spec("scipy") is None:
        raise ValueError("needs scipy, which is not installed: pip install 'shardmill[filters]'")
