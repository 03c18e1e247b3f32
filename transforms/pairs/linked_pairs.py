"""Pairs labelled by the text that their second sentence begins with."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from schemas.records import Bytes, Int64, Tokens
from transforms.text.openings import opening_name


@dataclasses.dataclass(frozen=True, eq=False)
class Linked:
    """Sentences that begin with an opening, and have a sentence of their document before them.

    Attributes:
      sentences: int64[W]; their numbers, ascending.
      texts: int64[W]; the first token behind the opening; it is of the same sentence.
      codes: uint8[W]; numbers of the openings, from 0.
    """

    sentences: Int64
    texts: Int64
    codes: Bytes


def find_linked(tokens: Tokens, openings: Sequence[str]) -> Linked:
    """Finds these sentences by the annotation of their tokens."""
    codes, offsets = tokens.annotations[opening_name(openings)], tokens.sentence_offsets
    follows = np.ones(len(offsets) - 1, np.bool_)
    follows[tokens.document_offsets[:-1]] = False
    found = np.flatnonzero(follows & (codes[offsets[:-1]] > 0))
    plain = np.append(np.flatnonzero(codes == 0), len(codes))
    texts = plain[np.searchsorted(plain, offsets[found])]
    filled = texts < offsets[found + 1]
    found, texts = found[filled], texts[filled]
    return Linked(found, texts, codes[offsets[found]] - 1)


def without_openings(tokens: Tokens, openings: Sequence[str]) -> Tokens:
    """Returns tokens without the annotation, which nothing needs behind the pairing."""
    name = opening_name(openings)
    rest = {each: marks for each, marks in tokens.annotations.items() if each != name}
    return dataclasses.replace(tokens, annotations=rest)
