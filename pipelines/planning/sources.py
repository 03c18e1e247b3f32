"""Which files each source has, and how often its documents are wanted: `--source`."""

import contextlib
import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from schemas.errors import UsageError, about
from transforms.files.inputs import FileRange, InputFile, estimated_text_bytes
from transforms.files.paths import real_path
from transforms.objectives.recipe import Recipe
from transforms.read.read_documents import Reader
from transforms.read.weighted_reader import WeightedReader
from transforms.records.shard_text import ShardPlan
from transforms.records.source_weights import UNIT, SourceWeights

SOURCE = "NAME=GLOB[:WEIGHT]"
"""What a value of `--source` is, as its help has it."""
MOST_SOURCES = 65_535
"""Their numbers are stored in 16 bits, and one more says that there is none."""
MOST_WEIGHT = 1000
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_WEIGHTED = re.compile(r"(.*):([-+]?[0-9.][-+0-9.eE]*)", re.DOTALL)
_DECIMAL = re.compile(r"([0-9]*)(?:\.([0-9]*))?")
_DIGITS = 6


@dataclasses.dataclass(frozen=True, kw_only=True)
class SourceOption:
    """One `--source`.

    Attributes:
      name: Of the source.
      pattern: Of its files.
      millionths: Its weight, times `UNIT`; None if it was not given.
    """

    name: str
    pattern: str
    millionths: int | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sources:
    """The sources of a build; their numbers are their places among the sorted names.

    Attributes:
      names: By number.
      millionths: The weight of each, by number, times `UNIT`.
      files: Of all of them, ordered by path.
      numbers: Path of each file to the number of its source.
      seed: Of the build.
    """

    names: tuple[str, ...]
    millionths: tuple[int, ...]
    files: tuple[InputFile, ...]
    numbers: Mapping[str, int]
    seed: int

    @property
    def weights(self) -> dict[str, float]:
        """The weight of each source, by name."""
        pairs = zip(self.names, self.millionths, strict=True)
        return {name: millionths / UNIT for name, millionths in pairs}

    @property
    def text_bytes(self) -> list[int]:
        """About how many bytes of text each source is read as, by number."""
        return [estimated_text_bytes(files) for files in self.by_source]

    @property
    def wanted_bytes(self) -> list[int]:
        """About how many bytes of text each source is wanted as, by number."""
        pairs = zip(self.text_bytes, self.millionths, strict=True)
        return [size * millionths // UNIT for size, millionths in pairs]

    @property
    def by_source(self) -> list[list[InputFile]]:
        """The files of each source, by number."""
        files: list[list[InputFile]] = [[] for _ in self.names]
        for file in self.files:
            files[self.numbers[file.path]].append(file)
        return files

    def sampling(self) -> SourceWeights:
        """Returns which documents there are at all, whichever split they are in."""
        return SourceWeights(millionths=self.millionths, seed=self.seed)

    def marked(self, ranges: Sequence[FileRange]) -> list[FileRange]:
        """Returns ranges with the numbers of their sources."""
        return [dataclasses.replace(part, source=self.numbers[part.path]) for part in ranges]

    def weighted(self, reader: Reader, shards: ShardPlan) -> Reader:
        """Returns a reader that leaves out and repeats what another one reads, with its sources."""
        below = shards.eval_below if shards.eval else 0
        weights = dataclasses.replace(self.sampling(), eval_below=below)
        return WeightedReader(reader=reader, weights=weights)

    def records(self, inputs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Returns what a manifest says of files, with the names of their sources."""
        return [{**each, "source": self.names[self.numbers[each["path"]]]} for each in inputs]


def read_source(text: str) -> SourceOption:
    """Reads the value of one `--source`.

    >>> read_source("web=gs://bucket/*.jsonl:2.5")
    SourceOption(name='web', pattern='gs://bucket/*.jsonl', millionths=2500000)

    Raises:
      UsageError: if it is none.
    """
    name, equals, pattern = text.partition("=")
    if not equals or not pattern or not _NAME.fullmatch(name):
        raise UsageError(
            f"--source takes NAME=GLOB or NAME=GLOB:WEIGHT, with a name of letters, digits, '-', "
            f"'_' and '.', got {text!r}"
        )
    weighted = _WEIGHTED.fullmatch(pattern)
    if weighted is None:
        return SourceOption(name=name, pattern=pattern, millionths=None)
    pattern, number = weighted.groups()
    if not pattern:
        raise UsageError(f"--source {text}: there is no file name before the weight")
    return SourceOption(name=name, pattern=pattern, millionths=_millionths(text, number))


def _millionths(text: str, number: str) -> int:
    """Returns a weight times `UNIT`."""
    found = _DECIMAL.fullmatch(number)
    whole, rest = (found[1] or "0", found[2] or "") if found else ("", "")
    fits = found and len(whole.lstrip("0")) <= _DIGITS and len(rest) <= _DIGITS
    millionths = int(whole) * UNIT + int(rest.ljust(_DIGITS, "0")) if fits else 0
    if not 0 < millionths <= MOST_WEIGHT * UNIT:
        shown = number if len(number) <= 20 else f"{number[:20]}..."
        raise UsageError(
            f"--source {text[:200]}: a weight is above 0 and at most {MOST_WEIGHT}, with at most "
            f"{_DIGITS} digits after the point, got {shown}"
        )
    return millionths


def patterns_of(values: Sequence[str]) -> tuple[str, ...]:
    """Returns the patterns of all `--source`."""
    return tuple(read_source(value).pattern for value in values)


def find_sources(
    values: Sequence[str], seed: int, match: Callable[[Sequence[str]], list[InputFile]]
) -> Sources:
    """Finds the files of sources.

    Args:
      values: Of all `--source`, in any order.
      seed: Of the build.
      match: Finds the files that patterns name, see `transforms.read.input_files.match_inputs`.

    Raises:
      ValueError: if two weights of a source differ, a pattern finds nothing, or two sources have
        the same file.
    """
    options = [read_source(value) for value in values]
    names = tuple(sorted({option.name for option in options}))
    if len(names) > MOST_SOURCES:
        raise UsageError(f"--source: at most {MOST_SOURCES:,} names, got {len(names):,}")
    millionths = tuple(_weight_of(name, options) for name in names)
    files: list[InputFile] = []
    numbers: dict[str, int] = {}
    owners: dict[str, int] = {}
    for number, name in enumerate(names):
        own = _files_of(name, [each.pattern for each in options if each.name == name], match)
        for file in own:
            # One file may have several names, by links.
            if (other := owners.setdefault(real_path(file.path), number)) != number:
                raise UsageError(
                    f"--source {name} and --source {names[other]} both match {file.path}; a file "
                    "belongs to one source"
                )
            numbers[file.path] = number
        files += own
    return Sources(
        names=names,
        millionths=millionths,
        files=tuple(sorted(files, key=lambda file: file.path)),
        numbers=numbers,
        seed=seed,
    )


def _files_of(
    name: str, patterns: Sequence[str], match: Callable[[Sequence[str]], list[InputFile]]
) -> list[InputFile]:
    """Returns the files of a source; what looks like a wrong weight is told where none are found.

    Raises:
      ValueError: if a pattern finds nothing.
    """

    def finds(pattern: str) -> bool:
        with contextlib.suppress(ValueError):
            return bool(match([pattern]))
        return False

    with about(f"--source {name}"):
        try:
            return match(patterns)
        except ValueError as error:
            for pattern in patterns:
                file, _, weight = pattern.rpartition(":")
                if file and "/" not in weight and not finds(pattern) and finds(file):
                    raise ValueError(
                        f"{error}; {file} is there, but ':{weight}' is no weight, which is a "
                        f"number, such as {file}:2.5"
                    ) from error
            raise


def _weight_of(name: str, options: Sequence[SourceOption]) -> int:
    given = {each.millionths for each in options if each.name == name and each.millionths}
    if len(given) > 1:
        weights = " and ".join(f"{each / UNIT:g}" for each in sorted(given))
        raise UsageError(f"--source {name} has the weights {weights}; give one of them")
    return next(iter(given), UNIT)


def check_source_column(recipes: Sequence[Recipe], sources: Sources | None) -> None:
    """Raises UsageError if rows shall say which source they are from, and there are none."""
    asking = [recipe.name for recipe in recipes if recipe.stores_source]
    if asking and sources is None:
        raise UsageError(
            f"--set store=source: rows of {asking[0]} can say which source they are from only if "
            "files are given as --source NAME=GLOB"
        )
