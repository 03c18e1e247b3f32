"""The training text of tokenizers: lines of documents, without rare characters."""

import itertools
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from schemas.records import Array, Int64
from transforms.arrays.ragged import offsets_of

_ALPHABET_SHARE = 0.5
_CODE_POINTS = 0x110000
_BLOCK_BYTES = 4 << 20
_SPACE = 0x20


def frequent_characters(
    documents: Sequence[bytes], size: int, min_frequency: int, cost: Callable[[str], int] = len
) -> str:
    """Returns the characters that the vocabulary should contain, without white space.

    These are all characters with at least `min_frequency` occurrences, or only the most frequent of
    them if all would take more than half the vocabulary.

    >>> frequent_characters([b"abba cab"], 10, 2)
    'ab'

    Args:
      documents: Texts.
      size: Size of the vocabulary.
      min_frequency: Minimum number of occurrences of a character.
      cost: Number of tokens that a character takes, by default one.

    Raises:
      ValueError: If there is no such character, or no room for any.
    """
    counts = np.zeros(_CODE_POINTS, np.int64)
    for block in blocks_of(documents):
        counts += np.bincount(_code_points(block), minlength=_CODE_POINTS)
    counts[[_SPACE, ord("\n")]] = 0
    found = np.flatnonzero(counts >= min_frequency)
    ordered = found[np.lexsort((found, -counts[found]))]
    characters = [chr(code) for code in ordered.tolist()]
    taken: Int64 = offsets_of(np.array([cost(character) for character in characters], np.int64))
    fitting = int(np.searchsorted(taken, size * _ALPHABET_SHARE, "right")) - 1
    if not fitting:
        raise ValueError(
            f"a vocabulary of {size} has no room for any of the {len(characters)} characters that "
            f"occur {min_frequency} times or more"
        )
    return "".join(characters[:fitting])


def lines_of(documents: Sequence[bytes], characters: str | None = None) -> Iterator[str]:
    r"""Yields the lines of documents.

    >>> list(lines_of([b"a cab\nab", b"b"], "ab"))
    ['a  ab', 'ab', 'b']

    Args:
      documents: Texts.
      characters: The characters to keep; all others become spaces. None keeps all.
    """
    known = np.ones(_CODE_POINTS, np.bool_)
    if characters is not None:
        known[:] = False
        known[[ord(character) for character in f"{characters} \n"]] = True
    for block in blocks_of(documents):
        codes = _code_points(block)
        if characters is not None:
            codes = np.where(known[codes], codes, np.uint32(_SPACE))
        yield from codes.tobytes().decode("utf-32-le").split("\n")


def blocks_of(documents: Sequence[bytes]) -> Iterator[bytes]:
    """Yields blocks of a few megabytes of documents, joined by line ends."""
    ends = offsets_of(np.array([len(text) for text in documents], np.int64))
    cuts = np.searchsorted(ends, np.arange(0, int(ends[-1]), _BLOCK_BYTES))
    for begin, end in itertools.pairwise(np.unique([*cuts, len(documents)]).tolist()):
        yield b"\n".join(documents[begin:end])


def _code_points(text: bytes) -> Array:
    return np.frombuffer(text.decode().encode("utf-32-le"), "<u4")
