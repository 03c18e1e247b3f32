"""Ends documents with a token of their own, so that they can stand one after the other."""

import dataclasses

import numpy as np

from schemas.records import Int64, TokenColumns, Tokens
from transforms.arrays.ragged import copy_ranges, offsets_of


def end_documents(tokens: Tokens, token: int, *, special: bool = True) -> Tokens:
    """Puts a token at the end of every document; it belongs to the document's last sentence.

    Example, documents of the sentences [a b] [c] and [d], the token as `/`:
      [a b] [c /] and [d /]; ids a b c / d /

    Args:
      tokens: The documents.
      token: Its id.
      special: Mark it as a special token; else it is one like those of the text, and a word.
    """
    counts = np.diff(tokens.sentence_offsets)
    counts[tokens.document_offsets[1:] - 1] += 1
    offsets = offsets_of(counts)
    places = offsets[tokens.document_offsets[1:]] - 1
    ended = with_tokens_at(tokens, places, token)
    if not special:
        if ended.word_starts is not None:
            ended.word_starts[places] = True
        ended = dataclasses.replace(ended, special=tokens.special)
    return dataclasses.replace(tokens, **ended.columns, sentence_offsets=offsets)


def with_tokens_at(tokens: TokenColumns, places: Int64, token: int) -> TokenColumns:
    """Returns tokens with a special token more at some places of the result, which ascend.

    Example, a b c and places 0 and 3, the token as `/`: / a b / c.
    """
    borders = np.concatenate([[-1], places, [len(tokens.ids) + len(places)]])
    begins, lengths = borders[:-1] + 1, np.diff(borders) - 1
    found = tokens.specials(len(tokens.ids) + len(places), token)
    copy_ranges(tokens.pairs_with(found), offsets_of(lengths)[:-1], begins, lengths)
    return found
