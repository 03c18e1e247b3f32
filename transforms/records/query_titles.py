"""Records of a query, a title and a relevance label, as documents of two lines.

The first line of a document is the query. The second is a sign for the label, a space, and the
title. So these documents are sharded, deduplicated and split into sentences like all others.
"""

import dataclasses
import functools
from collections.abc import Mapping

import numpy as np

from schemas.records import Bool, Tokens
from transforms.arrays.ragged import offsets_of
from transforms.text.openings import opening_name

CLICKED, SHOWN, RANDOM = "clicked", "shown", "random"
RELEVANCES = (CLICKED, SHOWN, RANDOM)
"""The meaning of labels 0, 1 and 2: clicked; shown but not clicked; sampled at random."""
SIGNS = tuple(f"␟{label}" for label in range(len(RELEVANCES)))
"""The sign at the beginning of the title line, by label."""
_FIELDS = 3


@functools.cache
def record_fields(text_field: str) -> tuple[str, str, str] | None:
    """Returns the field names of query, title and label; None if there is one field, of a text.

    Args:
      text_field: One name, or three separated by commas.

    Raises:
      ValueError: If it is another number of names.
    """
    names = text_field.split(",")
    if len(names) == 1:
        return None
    if len(names) != _FIELDS or not all(names):
        raise ValueError(
            "--text-field takes the name of one field, or those of a query, a title and a label, "
            f"as in query,title,label; got {text_field!r}"
        )
    query, title, label = names
    return query, title, label


def record_text(record: Mapping[str, object], names: tuple[str, str, str]) -> tuple[str, str]:
    r"""Returns the document of a record, and the reason for rejecting it or "".

    >>> record_text({"q": "red shoes", "t": "Shoes,  red", "l": 0}, ("q", "t", "l"))
    ('red shoes\n␟0 Shoes, red', '')
    """
    query, title, label = (record.get(name) for name in names)
    if not isinstance(query, str) or not isinstance(title, str):
        return "", "missing_field"
    lines = " ".join(query.split()), " ".join(title.split())
    if not all(lines):
        return "", "missing_field"
    if isinstance(label, bool) or not isinstance(label, int) or not 0 <= label < len(SIGNS):
        return "", "missing_field" if label is None else "unknown_label"
    return f"{lines[0]}\n{SIGNS[label]} {lines[1]}", ""


def without_signs(tokens: Tokens) -> Tokens:
    """Returns tokens without those of the labels' signs, if the signs were annotated."""
    signs = tokens.annotations.get(opening_name(SIGNS))
    if signs is None:
        return tokens
    return _kept(tokens, signs == 0)


def _kept(tokens: Tokens, kept: Bool) -> Tokens:
    """Returns the tokens to keep, without sentences and documents that become empty."""
    # The number of kept tokens before each sentence is its new offset.
    offsets = offsets_of(kept)[tokens.sentence_offsets]
    filled = np.flatnonzero(np.diff(offsets))
    borders = offsets_of(np.diff(offsets) > 0)[tokens.document_offsets]
    return dataclasses.replace(
        tokens,
        **tokens.take(kept).columns,
        sentence_offsets=np.append(offsets[filled], offsets[-1]),
        document_offsets=np.unique(borders),
        ends_line=tokens.ends_line[filled],
    )
