"""BERT's sentence pairs the slow way: one chunk after another, one token off at a time.

Written from the description of google-research/bert create_pretraining_data.py:223-335 and 418-433.
What is decided by chance is asked of a `Chance`, so that a test can decide it.
"""

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Protocol

Sentence = list[int]
Document = list[Sentence]


class Chance(Protocol):
    """Decides what the reference decides by chance, at the sentence where a chunk begins."""

    def first_sentences(self, sentence: int, most: int) -> int: ...

    def is_random(self, sentence: int) -> bool: ...

    def distractor(self, sentence: int) -> tuple[int, int]:
        """Returns another document and the sentence in it where B begins."""

    def takes_front(self) -> bool: ...


@dataclasses.dataclass(frozen=True)
class Pair:
    first: list[int]
    second: list[int]
    random: bool


def pairs_of(
    documents: Sequence[Document], number: int, target: int, capacity: int, chance: Chance
) -> list[Pair]:
    """Returns the pairs of one document in one pass.

    Args:
      documents: Documents of sentences of tokens.
      number: Which document.
      target: Its target length in this pass.
      capacity: Most tokens of a pair.
      chance: Decides; sentences are counted over all documents.
    """
    document = documents[number]
    before = sum(len(each) for each in documents[:number])
    pairs = []
    chunk: list[Sentence] = []
    index = 0
    while index < len(document):
        chunk.append(document[index])
        if index == len(document) - 1 or sum(map(len, chunk)) >= target:
            begin = before + index - len(chunk) + 1
            a_end = 1 if len(chunk) == 1 else chance.first_sentences(begin, len(chunk) - 1)
            first = [*itertools.chain(*chunk[:a_end])]
            random = len(chunk) == 1 or chance.is_random(begin)
            if random:
                second = _distractor(documents, target - len(first), chance.distractor(begin))
                index -= len(chunk) - a_end
            else:
                second = [*itertools.chain(*chunk[a_end:])]
            truncate(first, second, capacity, chance)
            pairs.append(Pair(first, second, random))
            chunk = []
        index += 1
    return pairs


def _distractor(documents: Sequence[Document], wanted: int, place: tuple[int, int]) -> list[int]:
    document, sentence = place
    second: list[int] = []
    for each in documents[document][sentence:]:
        second += each
        if len(second) >= wanted:
            break
    return second


def truncate(first: list[int], second: list[int], capacity: int, chance: Chance) -> None:
    while len(first) + len(second) > capacity:
        longer = first if len(first) > len(second) else second
        longer.pop(0 if chance.takes_front() else -1)
