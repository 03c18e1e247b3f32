"""A range of a file that is read, opened."""

import dataclasses
import sys
from typing import Any

from transforms.files.inputs import FileRange


@dataclasses.dataclass(frozen=True, kw_only=True)
class RangeSource:
    """A range of a file, opened.

    Attributes:
      stream: The text, decompressed and in UTF-8; or the file as it is, where a format is binary.
        It is at its beginning, and seekable if the range does not begin there.
      part: The range.
      text_field: The field or column with the text, see `transforms.read.formats.read_range`.
      anchors_field: The field with the entities of the text; "" if it is not read.
    """

    stream: Any
    part: FileRange
    text_field: str = "text"
    anchors_field: str = ""

    @property
    def end(self) -> int:
        """The byte behind the last of the range."""
        return sys.maxsize if self.part.end is None else self.part.end
