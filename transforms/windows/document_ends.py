"""Ends documents with a token of their own, so that they can stand one after the other."""

import dataclasses

import numpy as np

from schemas.records import Tokens
from transforms.arrays.ragged import offsets_of


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
    text = np.ones(offsets[-1], np.bool_)
    text[offsets[tokens.document_offsets[1:]] - 1] = False
    ended = tokens.specials(len(text), token)
    for old, new in tokens.pairs_with(ended):
        new[text] = old
    if not special:
        if ended.word_starts is not None:
            ended.word_starts[~text] = True
        ended = dataclasses.replace(ended, special=tokens.special)
    return dataclasses.replace(tokens, **ended.columns, sentence_offsets=offsets)
