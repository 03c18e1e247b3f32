"""The lines of the beginning of a text, one by one: most checks have seen enough after a few."""

from collections.abc import Iterator


def first_lines(text: str, *, whole: bool) -> Iterator[str]:
    r"""Yields the lines that are not blank, whatever their line ends, without these.

    >>> list(first_lines("one\r\n\ntwo\nthr", whole=False))
    ['one', 'two']

    Args:
      text: The beginning of a file.
      whole: Whether this is the whole file; otherwise the last line may be incomplete.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    begin = 0
    while (end := text.find("\n", begin)) >= 0:
        line = text[begin:end]
        if line.strip():
            yield line
        begin = end + 1
    if whole and (line := text[begin:]).strip():
        yield line
