"""Finds the files of the next window among those that are watched."""

import dataclasses
import time
from collections.abc import Iterable, Sequence

from pipelines.planning.follow_arguments import FollowOptions
from schemas.addresses import without_secrets
from schemas.errors import UsageError, about
from schemas.stream import PlannedFile
from transforms.detect.content_checks import enabled_checks
from transforms.detect.encodings import check_encoding
from transforms.files.inputs import InputFile, estimated_text_bytes
from transforms.files.paths import is_folder, real_path
from transforms.files.patterns import fixed_folder, match
from transforms.files.planned_file import FormatError, ReadError
from transforms.files.storage import FoundFile, is_local
from transforms.read.described_files import described_files
from transforms.read.input_files import check_heads, distinct_files
from transforms.records.shard_text import SHARD_BYTES

_MOST_GONE = 10_000


@dataclasses.dataclass(frozen=True)
class Look:
    """What a look at the watched files found.

    Attributes:
      files: How many there are.
      new: Those that no plan has as they are now, and that were left alone for long enough; the
        oldest first.
      unsettled: How many were written to just now.
    """

    files: int
    new: Sequence[FoundFile]
    unsettled: int

    @property
    def bytes(self) -> int:
        """Of the new files, as they are stored."""
        return sum(file.size for file in self.new)


class Watch:
    """Looks at the watched files, and knows which of them were planned.

    Raises:
      UsageError: if a pattern names a folder, or the folder that it begins with is not there.
    """

    def __init__(self, options: FollowOptions) -> None:
        self._options = options
        with about("--encoding"):
            self._encoding = check_encoding(options.encoding or "utf-8")
        self._output = real_path(options.output.rstrip("/"))
        self._planned: dict[str, tuple[int, float]] = {}
        self._addresses = _secret_addresses(options.input)
        with about("--watch"):
            for pattern in options.input:
                if is_folder(pattern):
                    folder = pattern.rstrip("/")
                    raise ValueError(f"{pattern} is a folder; to watch its files write {folder}/*")
                above = fixed_folder(pattern)
                if is_local(pattern) and above and not is_folder(above):
                    raise ValueError(f"{pattern}: there is no folder {above}; make it first")

    def note(self, files: Iterable[PlannedFile]) -> None:
        """Takes note of the files of a plan."""
        self._planned.update(
            {without_secrets(file.path): (file.size, file.modified) for file in files}
        )

    def forget(self, files: Iterable[PlannedFile]) -> None:
        """Forgets files that a window was built without: as they were planned they are new again.

        A later plan that has such a file stays known.
        """
        for file in files:
            path = without_secrets(file.path)
            if self._planned.get(path) == (file.size, file.modified):
                del self._planned[path]

    def address(self, path: str) -> str:
        """Returns where a planned file is read: plans have no passwords, and --watch has them."""
        return self._addresses.get(without_secrets(path), path)

    def look(self) -> Look:
        """Looks at the watched files.

        Raises:
          UsageError: if a file lies in the stream itself, or a folder cannot be listed.
        """
        with about("--watch"):
            found = [file for pattern in self._options.input for file in match(pattern)]
            now = time.time()
            # A file of no bytes has no document; when it has some, it is another file.
            changed = [
                file
                for file in found
                if file.size
                and self._planned.get(without_secrets(file.path)) != (file.size, file.modified)
            ]
            # Clocks differ: a time that is ahead counts as one that is as far behind.
            settled = [f for f in changed if abs(now - f.modified) >= self._options.settle]
            new = distinct_files(settled)
            self._refuse_own(new)
        self._forget(found)
        ordered = sorted(new, key=lambda file: (file.modified, file.path))
        return Look(len(found), ordered, len(changed) - len(settled))

    def _forget(self, found: Sequence[FoundFile]) -> None:
        """Forgets planned files that are not there any more, when these are the larger part."""
        if len(self._planned) > 2 * len(found) + _MOST_GONE:
            there = {without_secrets(file.path) for file in found}
            self._planned = {path: had for path, had in self._planned.items() if path in there}

    def _refuse_own(self, files: Sequence[FoundFile]) -> None:
        for file in files:
            if real_path(file.path).startswith(f"{self._output}/"):
                raise UsageError(
                    f"--watch finds {file.path}, which lies in --output {self._options.output}: "
                    "name another folder for the stream, or a narrower pattern"
                )

    def next_files(self, new: Sequence[FoundFile]) -> list[PlannedFile]:
        """Returns the files of the next window, by path: the oldest, as much as its shards hold.

        Raises:
          UsageError: if one is not what it is read as.
        """
        room = SHARD_BYTES * (self._options.shards or 1)
        chosen: list[PlannedFile] = []
        inputs: list[InputFile] = []
        for file in new:
            path = without_secrets(file.path)
            planned = PlannedFile(path=path, size=file.size, modified=file.modified)
            [described] = self.inputs([planned])
            room -= estimated_text_bytes([described])
            if chosen and room < 0:
                break
            chosen.append(planned)
            inputs.append(described)
        options = self._options
        checks = enabled_checks(options.format, options.encoding, options.document_separator)
        try:
            check_heads(inputs, checks, self._options.text_field)
        except FormatError as error:
            raise UsageError(f"--watch: {error}") from error
        except ReadError as error:
            raise UsageError(
                f"--watch: {error}; move it out of the watched folder, it was not planned yet"
            ) from error
        return sorted(chosen, key=lambda file: file.path)

    def inputs(self, files: Iterable[PlannedFile]) -> list[InputFile]:
        """Describes planned files to a build.

        Raises:
          UsageError: if one cannot be read as its name says.
        """
        with about("--watch"):
            found = [FoundFile(self.address(file.path), file.size, file.modified) for file in files]
            return described_files(found, self._options.format, self._encoding)


def _secret_addresses(patterns: Iterable[str]) -> dict[str, str]:
    """Returns the addresses with passwords or signatures, by what is stored of them.

    Raises:
      UsageError: if two of them differ in these alone.
    """
    found: dict[str, str] = {}
    for pattern in dict.fromkeys(patterns):
        public = without_secrets(pattern)
        if found.setdefault(public, pattern) != pattern:
            raise UsageError(
                f"--watch names {public} twice, with other passwords or keys, which are not "
                "stored; leave one out"
            )
    return {public: pattern for public, pattern in found.items() if public != pattern}
