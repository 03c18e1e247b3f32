"""Labelled records: a query, a title and a relevance label.

A record becomes a document of two lines, the query and the title. The label is a column of its
own, see `schemas.documents.LABELLED_SCHEMA`.
"""

import functools
from collections.abc import Mapping

CLICKED, SHOWN, RANDOM = "clicked", "shown", "random"
RELEVANCES = (CLICKED, SHOWN, RANDOM)
"""The meaning of labels 0, 1 and 2: clicked; shown but not clicked; sampled at random."""
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


def labelled_text(
    record: Mapping[str, object], names: tuple[str, str, str]
) -> tuple[str, int, str]:
    r"""Returns the text of a record, its label, and the reason for rejecting it or "".

    >>> labelled_text({"q": "red shoes", "t": "Shoes,  red", "l": 0}, ("q", "t", "l"))
    ('red shoes\nShoes, red', 0, '')
    """
    query, title, label = (record.get(name) for name in names)
    if not isinstance(query, str) or not isinstance(title, str):
        return "", 0, "missing_field"
    lines = " ".join(query.split()), " ".join(title.split())
    if not all(lines):
        return "", 0, "missing_field"
    if isinstance(label, bool) or not isinstance(label, int) or not 0 <= label < len(RELEVANCES):
        return "", 0, "missing_field" if label is None else "unknown_label"
    return "\n".join(lines), label, ""
