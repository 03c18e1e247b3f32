"""Which tokens are text: neither special tokens nor white space."""

import numpy as np

from schemas.records import Array, Bool
from schemas.token_kinds import TokenKinds


def text_tokens(
    ids: Array, special: Bool | None, kinds: TokenKinds | None, *, alphanumeric: bool
) -> Bool | None:
    """Returns bool[T]: the tokens that are text, None if all are.

    Args:
      ids: [T].
      special: bool[T]; None if no token is.
      kinds: Of the tokenizer; None takes every token for text.
      alphanumeric: Only what has a letter, digit or ideograph is text.
    """
    text = None if special is None else ~special
    if kinds is None or not (alphanumeric or kinds.blank.any()):
        return text
    wanted = text_ids(kinds, alphanumeric=alphanumeric)
    found = wanted[np.minimum(ids, len(wanted) - 1)]
    return found if text is None else found & text


def text_ids(kinds: TokenKinds | None, *, alphanumeric: bool) -> Bool:
    """Returns bool[V]: the ids that are text; of one id, if all are.

    Ids that are in no vocabulary are as the last one.
    """
    if kinds is None:
        return np.ones(1, np.bool_)
    return kinds.alphanumeric if alphanumeric else ~kinds.blank
