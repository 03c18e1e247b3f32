"""How far apart two segments are, read off the ids of a stream whose ids all differ."""

from schemas.records import Tokens
from tests.oracles.streams import sentences_of_ids


def distance_of(tokens: Tokens, first: list[int], second: list[int]) -> str:
    """Returns the relation of two segments, found by looking every token up.

    Args:
      tokens: The stream.
      first: Ids of segment A.
      second: Ids of segment B.
    """
    place = {
        each: (document, number)
        for document, sentences in enumerate(sentences_of_ids(tokens))
        for number, sentence in enumerate(sentences)
        for each in sentence
    }
    documents = [{place[each][0] for each in segment} for segment in (first, second)]
    assert all(len(found) == 1 for found in documents), "a segment is of two documents"
    if documents[0] != documents[1]:
        return "random"
    gaps = [abs(place[a][1] - place[b][1]) for a in first for b in second]
    return {0: "overlapping", 1: "adjacent"}.get(min(gaps), "same_document")
