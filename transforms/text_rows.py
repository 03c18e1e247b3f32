"""Leaves out windows that have no text: separators, or white space, alone."""

import dataclasses

import numpy as np

from schemas.columns import NO_SECOND
from schemas.records import Array, Bool, Int64, Windows
from schemas.token_kinds import TokenKinds
from schemas.vocabulary import Vocabulary
from transforms.pair_segments import Pair
from transforms.ragged import offsets_of


def keep_text(windows: Windows, pair: Pair, vocabulary: Vocabulary) -> tuple[Windows, int]:
    """Returns the windows whose every segment has text, and how many others there were.

    Text is a token that is neither special nor white space; for pairs whose `segments_say` it is a
    token with a letter, digit or ideograph. Only a pairing that knows of windows without segment B
    may leave B empty.
    """
    tokens = windows.tokens
    text = text_tokens(tokens.ids, tokens.special, vocabulary.kinds, says=pair.segments_say)
    kept = _has_text(windows.first, text)
    if windows.second is not None:
        lone = windows.second[:, 0] == windows.second[:, 1]
        kept &= _has_text(windows.second, text) | (lone & (NO_SECOND in pair.relations))
    if kept.all():
        return windows, 0
    return take_windows(windows, np.flatnonzero(kept)), int(np.count_nonzero(~kept))


def text_tokens(
    ids: Array, special: Bool | None, kinds: TokenKinds | None, *, says: bool
) -> Bool | None:
    """Returns bool[T]: the tokens that are text, None if all are.

    Args:
      ids: [T].
      special: bool[T]; None if no token is.
      kinds: Of the tokenizer; None takes every token for text.
      says: Only what has a letter, digit or ideograph is text.
    """
    text = None if special is None else ~special
    if kinds is None or not (says or kinds.blank.any()):
        return text
    wanted = kinds.says if says else ~kinds.blank
    found = wanted[np.minimum(ids, len(wanted) - 1)]
    return found if text is None else found & text


def take_windows(windows: Windows, rows: Int64) -> Windows:
    """Returns some of the windows."""
    second, relation = windows.second, windows.relation
    return dataclasses.replace(
        windows,
        first=windows.first[rows],
        second=None if second is None else second[rows],
        relation=None if relation is None else relation[rows],
    )


def _has_text(ranges: Int64, text: Bool | None) -> Bool:
    if text is None:
        found: Bool = ranges[:, 1] > ranges[:, 0]
        return found
    before = offsets_of(text)
    return before[ranges[:, 1]] > before[ranges[:, 0]]
