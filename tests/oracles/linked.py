"""Discourse pairs, made one after the other."""

import itertools
from collections.abc import Sequence

from schemas.records import Tokens

PairOfIds = tuple[list[int], list[int], int]


def discourse_pairs(
    tokens: Tokens, codes: Sequence[int], targets: Sequence[int], capacity: int
) -> list[PairOfIds]:
    """Returns the ids of A and B, and the number of the marker, of every pair.

    Args:
      tokens: The text.
      codes: Of each token: the number of the marker it belongs to, from 1, or 0.
      targets: The length that a pair aims at, for each sentence.
      capacity: Most tokens of a pair.
    """
    pairs = []
    offsets, borders = tokens.sentence_offsets.tolist(), tokens.document_offsets.tolist()
    ids = tokens.ids.tolist()
    for begin, end in itertools.pairwise(borders):
        for sentence in range(begin + 1, end):
            places = list(range(offsets[sentence], offsets[sentence + 1]))
            code = codes[places[0]]
            while places and codes[places[0]]:
                places.pop(0)
            if not code or not places:
                continue
            second = [ids[place] for place in places]
            first: list[int] = []
            for before in range(sentence - 1, begin - 1, -1):
                more = ids[offsets[before] : offsets[before + 1]]
                if first and len(more) + len(first) + len(second) > targets[sentence]:
                    break
                first = more + first
            while len(first) + len(second) > capacity:
                if len(first) > len(second):
                    first.pop(0)
                else:
                    second.pop()
            pairs.append((first, second, code - 1))
    return pairs
