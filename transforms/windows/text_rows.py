"""Leaves out windows that have no text: separators, or white space, alone."""

import dataclasses
import functools
from collections.abc import Callable

import numpy as np

from schemas.arrow_columns import numbers
from schemas.columns import NO_SECOND
from schemas.records import Bool, Int64, Tokens
from schemas.token_kinds import TokenKinds
from schemas.vocabulary import Vocabulary
from schemas.windows import Windows
from transforms.arrays.ragged import offsets_of, range_indices
from transforms.contract.packing import Pair
from transforms.tokens.text_tokens import text_tokens


def keep_text(windows: Windows, pair: Pair, vocabulary: Vocabulary) -> tuple[Windows, int]:
    """Returns the windows whose every segment has text, and how many others there were.

    Text is a token that is neither special nor white space; for pairs of `alphanumeric_segments` it
    is a token with a letter, digit or ideograph. Only a pairing that knows of windows without
    segment B may leave B empty.
    """
    text = functools.partial(
        _are_text, windows.tokens, vocabulary.kinds, alphanumeric=pair.alphanumeric_segments
    )
    kept = _has_text(windows.first, text)
    if windows.second is not None:
        lone = windows.second[:, 0] == windows.second[:, 1]
        kept &= _has_text(windows.second, text) | (lone & (NO_SECOND in pair.relations))
    if kept.all():
        return windows, 0
    return take_windows(windows, np.flatnonzero(kept)), int(np.count_nonzero(~kept))


def take_windows(windows: Windows, rows: Int64) -> Windows:
    """Returns some of the windows."""
    second, relation, stream = windows.second, windows.relation, windows.stream
    return dataclasses.replace(
        windows,
        first=windows.first[rows],
        second=None if second is None else second[rows],
        relation=None if relation is None else relation[rows],
        stream=None if stream is None else stream[rows],
        backward=None if windows.backward is None else windows.backward[rows],
        values={name: each.take(numbers(rows)) for name, each in windows.values.items()},
    )


def _are_text(
    tokens: Tokens, kinds: TokenKinds | None, places: Int64, *, alphanumeric: bool
) -> Bool:
    """Returns bool[P]: which of the tokens at these places are text."""
    special = None if tokens.special is None else tokens.special[places]
    text = text_tokens(tokens.ids[places], special, kinds, alphanumeric=alphanumeric)
    return np.ones(len(places), np.bool_) if text is None else text


def _has_text(ranges: Int64, text: Callable[[Int64], Bool]) -> Bool:
    """Returns bool[W]: which ranges have a token that is text; the first token nearly always is."""
    starts, lengths = ranges[:, 0], ranges[:, 1] - ranges[:, 0]
    found: Bool = lengths > 0
    filled = np.flatnonzero(found)
    found[filled] = text(starts[filled])
    rest = filled[~found[filled]]
    if len(rest):
        begins = offsets_of(lengths[rest])[:-1]
        others = text(range_indices(starts[rest], lengths[rest]))
        found[rest] = np.logical_or.reduceat(others, begins)
    return found
