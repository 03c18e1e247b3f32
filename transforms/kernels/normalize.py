"""The loop that normalises text, as `transforms.text.normalize` defines it, but for composing."""

import numpy as np

from schemas.records import Bool, Bytes, Int64
from transforms.kernels.compiled import compiled

# What to do with a character: leave it, compose the text, or the byte to replace it by.
LEAVE, COMPOSE = 0, 1
# What a byte may need: nothing; nothing, unless there is white space before it; a look.
PLAIN, WHITE, LOOK = range(3)

_SPACE = 0x20


@compiled
def _width(lead: int) -> int:
    """Returns the number of bytes of a character, by its first."""
    return 1 + (lead >= 0xC0) + (lead >= 0xE0) + (lead >= 0xF0)


@compiled
def _action(data: Bytes, at: int, actions: Bytes) -> np.int64:
    """Returns what to do with the character that begins here."""
    width = _width(data[at])
    point = np.int64(data[at])
    if width > 1:
        point &= 0x7F >> width
    for step in range(1, width):
        point = (point << 6) | (np.int64(data[at + step]) & 0x3F)
    if width < 4:
        return np.int64(actions[point])
    # Between these are pictographs, and ideographs up to the compatibility ideographs.
    return np.int64(LEAVE if 0x1F000 <= point < 0x2F800 else COMPOSE)


@compiled
def _copy(data: Bytes, begin: int, end: int, found: Bytes, size: int) -> int:
    """Appends bytes to those that were found; returns how many these are now."""
    found[size : size + end - begin] = data[begin:end]
    return size + end - begin


@compiled
def normalize(
    data: Bytes,
    ends: Int64,
    kinds: Bytes,
    actions: Bytes,
    found: Bytes,
    found_ends: Int64,
    changed: Bool,
    compose: Bool,
) -> None:
    r"""Reduces white space, and finds what has to be composed.

    Text between runs of white space is copied as it is. Example, " a\tb \n\n c " becomes "a b\nc":
    the run before a is dropped, \t is a space, " \n\n " has a line feed and so becomes one.

    Args:
      data: uint8[N]; texts, one after the other, valid UTF-8.
      ends: int64[D]; where each text ends.
      kinds: uint8[256]; what the first byte of a character may need; PLAIN for other bytes.
      actions: uint8[65536]; what to do with a character, by its code point.
      found: uint8[N]; is filled with normalised texts.
      found_ends: int64[D]; is filled with where each of them ends.
      changed: bool[D]; is filled with whether a text is not as it was.
      compose: bool[D]; is filled with whether composing may change it.
    """
    at, size = 0, 0
    for text in range(len(ends)):
        begin, end, first, copied = at, ends[text], size, at
        composing = False
        # White space before the text would have been the run that it begins with.
        before = np.int64(WHITE)
        while at < end:
            kind = np.int64(kinds[data[at]])
            if kind + before < LOOK:
                before = kind
                at += 1
                continue
            action = _action(data, at, actions)
            if action <= COMPOSE:
                composing |= action == COMPOSE
                at += _width(data[at])
                before = np.int64(PLAIN)
                continue
            run = at - 1 if before == WHITE and at > begin else at
            # A line feed is less than a space.
            strongest = np.int64(data[run]) if run < at else np.int64(_SPACE)
            while at < end and action > COMPOSE:
                strongest = min(strongest, action)
                at += _width(data[at])
                action = _action(data, at, actions) if at < end else np.int64(LEAVE)
            size = _copy(data, copied, run, found, size)
            if size > first and at < end:
                found[size] = strongest
                size += 1
            copied, before = at, np.int64(PLAIN)
        changed[text] = copied > begin or (before == WHITE and end > begin)
        size = _copy(data, copied, end - 1 if before == WHITE and end > begin else end, found, size)
        found_ends[text], compose[text] = size, composing
