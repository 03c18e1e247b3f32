"""Compares a converted tokenizer with its library on the beginning of the text that is built."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa

from pipelines.planning.options import BuildOptions
from pipelines.tokenizers.check import compare, message
from pipelines.tokenizers.converted import Converted
from schemas.errors import UsageError
from schemas.wording import counted
from transforms.files.inputs import FileRange
from transforms.read.read_documents import RangeReader, Reader

_RANGES = 8
_BYTES = 32 << 10
"""Of each of the ranges that are looked at, about."""


def check_tokenizer(
    converted: Converted | None,
    reader: Reader | None,
    ranges: Sequence[FileRange],
    options: BuildOptions,
) -> tuple[str, ...]:
    """Returns what the user is told of a tokenizer that was converted, () of one that was not.

    Args:
      converted: The tokenizer of the build; None for a list of words.
      reader: Reads ranges; None if they are documents of text.
      ranges: Of all input; the beginnings of a few of them, far from each other, are looked at.
      options: What the user asked for.

    Raises:
      UsageError: if more lines than --tokenizer-differences have other ids than in the library.
        Lines whose ids are as good as the library's, up to rounding, do not count.
    """
    if converted is None or not converted.what:
        return ()
    if converted.original is None:
        return (message(converted, None),)
    lines = list(_lines(reader or RangeReader(text_field=options.text_field), ranges))
    found = compare(converted, converted.original, lines) if lines else None
    if found is not None and found.different > options.tokenizer_differences:
        raise UsageError(
            f"--tokenizer {options.tokenizer}: converted to a tokenizers JSON, "
            f"{found.different:,} of {counted(found.lines, 'sampled line')} have other ids than in "
            f"{converted.original.library}: {found.example}; if that may be, accept it with "
            f"--tokenizer-differences {found.different}"
        )
    return (message(converted, found),)


def _lines(reader: Reader, ranges: Sequence[FileRange]) -> Iterator[str]:
    """Yields the lines of the first documents of a few ranges."""
    for part in ranges[:: max(1, -(-len(ranges) // _RANGES))]:
        left = _BYTES
        for text in _first_batch(reader, part):
            # What is cut may end within a character.
            cut = text.as_py()[:left]
            yield from filter(None, cut.decode("utf-8", "ignore").split("\n"))
            left -= len(cut)
            if left <= 0:
                break


def _first_batch(reader: Reader, part: FileRange) -> Iterable[Any]:
    """Returns the texts of the first documents of a range, none of a file that cannot be read."""
    try:
        batches = (each for each in reader.read([part]) if isinstance(each, pa.RecordBatch))
        first = next(batches, None)
    except (OSError, ValueError):
        # The build says what is wrong with a file.
        return ()
    return () if first is None else first.column("text")
