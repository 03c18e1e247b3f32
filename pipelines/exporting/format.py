"""What a format of exports is."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeAlias

from transforms.build.corpus import Corpus
from transforms.build.write_shard import HashingFile
from transforms.files.work_folder import Note

Notes: TypeAlias = Mapping[str, Note]
"""What files are that were written, by path."""


@dataclasses.dataclass(frozen=True)
class File:
    """A file to write.

    Attributes:
      rows: That go into it.
      write: Writes its content, given the notes of all files that stand before it in the export.
    """

    rows: int
    write: Callable[[HashingFile, Notes], object]


class Format(Protocol):
    """A kind of files that rows are exported as."""

    @property
    def summary(self) -> str:
        """What the files are, for the help."""
        ...

    @property
    def of_documents(self) -> bool:
        """Whether documents are written, without copies, not rows with columns."""
        ...

    @property
    def empty_splits(self) -> bool:
        """Whether a split without rows has files; readers of most formats take none."""
        ...

    @property
    def hub_files(self) -> str:
        """What names of files end with that `datasets` loads; "" if it does not."""
        ...

    @property
    def reader(self) -> str:
        """Lines of code that read the split `train`, started in the folder."""
        ...

    def files(self, corpus: Corpus, copies: int, splits: Sequence[str]) -> Mapping[str, File]:
        """Returns the files to write, by their paths in the folder, in their order.

        Args:
          corpus: The build.
          copies: Of every example the first so many.
          splits: Of the build.

        Raises:
          UsageError: if the format cannot hold the build.
        """
        ...
