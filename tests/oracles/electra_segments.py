"""ELECTRA's segments the slow way: one sentence after another.

Written from the description of google-research/electra build_pretraining_dataset.py:34-114. What is
decided by chance is asked of a `Chance`, at the sentence where a chunk begins.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

Sentence = list[int]
Segments = tuple[list[int], list[int]]


class Chance(Protocol):
    """Decides what the reference decides by chance."""

    def target(self, sentence: int) -> int: ...

    def is_single(self, sentence: int) -> bool: ...

    def joins(self, sentence: int) -> bool:
        """Says whether the sentence that reaches A's half goes to A."""


def segments_of(
    documents: Sequence[Sequence[Sentence]], longest: int, chance: Chance
) -> Iterator[Segments]:
    """Yields both segments of every example; the second may be empty.

    Args:
      documents: Documents of sentences of tokens.
      longest: Most tokens of an example, special tokens included.
      chance: Decides; sentences are counted over all documents.
    """
    number = 0
    for document in documents:
        begin, chunk = number, list[Sentence]()
        for sentence in document:
            chunk.append(sentence)
            number += 1
            if sum(map(len, chunk)) >= chance.target(begin):
                yield _split(chunk, begin, longest, chance)
                begin, chunk = number, []
        if chunk:
            yield _split(chunk, begin, longest, chance)


def _split(chunk: Sequence[Sentence], begin: int, longest: int, chance: Chance) -> Segments:
    half = 100_000 if chance.is_single(begin) else (chance.target(begin) - 3) // 2
    first: list[int] = []
    second: list[int] = []
    for sentence in chunk:
        fits = not second and len(first) + len(sentence) < half
        reaches = not second and len(first) < half and chance.joins(begin)
        if not first or fits or reaches:
            first += sentence
        else:
            second += sentence
    first = first[: longest - 2]
    return first, second[: max(0, longest - len(first) - 3)]
