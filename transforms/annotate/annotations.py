"""Annotations of text as marks of tokens, see `transforms.arrays.marks`.

`project_spans` and its variants project spans of bytes onto tokens. Of the text "New York" and the
tokens "New", " ", "York", a span of the bytes [0, 8) covers all three tokens.
"""

import dataclasses

import numpy as np

from schemas.columns import DOCUMENTS, SENTENCES, SOURCE
from schemas.records import Array, Bool, Bytes, ByteSpans, CodedSpans, EntitySpans, Int64, Tokens
from transforms.arrays.marks import BEGINS, INSIDE


def mark_sentences(tokens: Tokens) -> Tokens:
    """Annotates the first token of every sentence, none of which is empty."""
    marks = np.zeros(len(tokens.ids), np.uint8)
    marks[tokens.sentence_offsets[:-1]] = 1
    return dataclasses.replace(tokens, annotations={**tokens.annotations, SENTENCES: marks})


def mark_documents(tokens: Tokens) -> Tokens:
    """Annotates the first token of every document, none of which is empty."""
    marks = np.zeros(len(tokens.ids), np.uint8)
    marks[tokens.sentence_offsets[tokens.document_offsets[:-1]]] = 1
    return dataclasses.replace(tokens, annotations={**tokens.annotations, DOCUMENTS: marks})


def mark_sources(tokens: Tokens) -> Tokens:
    """Annotates every token with one more than the number of its document's source."""
    assert tokens.sources is not None
    counts = np.diff(tokens.sentence_offsets[tokens.document_offsets])
    marks = np.repeat(tokens.sources + np.uint16(1), counts)
    return dataclasses.replace(tokens, annotations={**tokens.annotations, SOURCE: marks})


def project_spans(spans: ByteSpans, begins: Int64, ends: Int64, offsets: Int64) -> Bytes:
    """Projects spans of bytes onto tokens; returns uint8[T]: the marks of the tokens.

    A token belongs to a span if any of its bytes does; if its bytes belong to several spans, to the
    first of these. Spans are cut where a row ends.

    Tokens "Fox", "es", " ", "in" and a span of the bytes [0, 5), "Foxes":

    >>> begins, ends = np.array([0, 3, 6, 6]), np.array([3, 5, 6, 8])
    >>> spans = ByteSpans(np.array([0]), np.array([5]))
    >>> project_spans(spans, begins, ends, np.array([0, 4])).tolist()
    [1, 2, 0, 0]

    Args:
      spans: Spans in the text that was tokenized; ascending and disjoint.
      begins: int64[T]; first byte of the first visible character of each token.
      ends: int64[T]; the byte after its last visible character. Equal to `begins` if the token is a
        space, which is then the byte before; less than `begins` if it represents no text.
      offsets: int64[R + 1] of the rows (sentences) of tokens.
    """
    if not len(spans) or not len(begins):
        return np.zeros(len(begins), np.uint8)
    found, owner = _owners(spans, begins, ends)
    # Whether a token has the same span as the token before it, in the same row.
    continues = np.zeros(len(begins) + 1, np.bool_)
    continues[1:-1] = found[1:] & found[:-1] & (owner[1:] == owner[:-1])
    continues[offsets] = False
    return np.where(found, np.where(continues[:-1], INSIDE, BEGINS), 0).astype(np.uint8)


def project_codes(spans: CodedSpans, begins: Int64, ends: Int64, offsets: Int64) -> Bytes:
    """Projects coded spans onto tokens; returns uint8[T]: the code of each token's span, or 0.

    A span that ends inside a token is dropped. At the beginning of a row, a token that represents
    no text belongs to the span of the next token.

    Tokens "But", ",", " it" and a span of the bytes [0, 5) with code 7:

    >>> begins, ends = np.array([0, 3, 5]), np.array([3, 4, 7])
    >>> spans = CodedSpans(np.array([0]), np.array([5]), np.array([7], np.uint8))
    >>> project_codes(spans, begins, ends, np.array([0, 3])).tolist()
    [7, 7, 0]

    Args:
      spans: Spans in the text that was tokenized.
      begins: int64[T]; see `project_spans`.
      ends: int64[T]; see `project_spans`.
      offsets: int64[R + 1] of the rows (sentences) of tokens.
    """
    codes = np.zeros(len(begins), np.uint8)
    if not len(spans) or not len(begins):
        return codes
    found, owner = _owners(spans, begins, ends)
    at = np.flatnonzero(found)
    whole = np.ones(len(spans), np.bool_)
    whole[owner[at][ends[at] > spans.ends[owner[at]]]] = False
    at = at[whole[owner[at]]]
    codes[at] = spans.codes[owner[at]]
    firsts = offsets[:-1][np.diff(offsets) > 1]
    without_text = firsts[begins[firsts] > ends[firsts]]
    codes[without_text] = codes[without_text + 1]
    return codes


def project_entities(spans: EntitySpans, begins: Int64, ends: Int64) -> Array:
    """Returns uint32[T]: the entity plus one at the first token of each span, else 0.

    Tokens belong to spans as in `project_spans`.

    >>> begins, ends = np.array([0, 3, 6, 6]), np.array([3, 5, 6, 8])
    >>> spans = EntitySpans(np.array([0]), np.array([5]), np.array([40], np.uint32))
    >>> project_entities(spans, begins, ends).tolist()
    [41, 0, 0, 0]

    Args:
      spans: Spans in the text that was tokenized. A span that begins before this text (at a
        negative byte) has its first token elsewhere.
      begins: int64[T]; see `project_spans`.
      ends: int64[T]; see `project_spans`.
    """
    numbers = np.zeros(len(begins), np.uint32)
    if not len(spans) or not len(begins):
        return numbers
    found, owner = _owners(spans, begins, ends)
    tokens = np.flatnonzero(found)
    owners = owner[tokens]
    first = (np.diff(owners, prepend=-1) != 0) & (spans.starts[owners] >= 0)
    numbers[tokens[first]] = spans.entities[owners[first]] + 1
    return numbers


def _owners(spans: ByteSpans, begins: Int64, ends: Int64) -> tuple[Bool, Int64]:
    """Returns which tokens belong to a span, and the index of the span.

    The candidate of a token is the first span that ends after its first byte. The token belongs to
    it if that span begins before the token ends.
    """
    # A token that is a space begins where it ends; its byte is the one before.
    first = np.minimum(begins, ends - 1)
    owner = np.searchsorted(spans.ends, first, "right")
    found = spans.starts[np.minimum(owner, len(spans) - 1)] < ends
    found &= (owner < len(spans)) & (begins <= ends)
    return found, owner
