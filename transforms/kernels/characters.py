"""Characters in the bytes of UTF-8 text: their sizes, code points, classes and neighbours."""

import numpy as np

from schemas.records import Array, Bytes
from transforms.kernels.compiled import compiled
from transforms.kernels.sentence_flags import LAST_POINT


@compiled
def size_of(lead: int) -> int:
    """Returns the number of bytes of a character, by its first."""
    return 1 + (lead >= 0xC0) + (lead >= 0xE0) + (lead >= 0xF0)


@compiled
def point_at(text: Bytes, at: int) -> np.int64:
    """Returns the code point of the character that begins here."""
    point, size = np.int64(text[at]), size_of(text[at])
    if size > 1:
        point &= 0x7F >> size
        for step in range(1, size):
            point = (point << 6) | (np.int64(text[at + step]) & 0x3F)
    return point


@compiled
def class_at(text: Bytes, at: int, classes: Array) -> np.int64:
    """Returns the flags of the character that begins here; high code points have the last ones."""
    return np.int64(classes[min(int(point_at(text, at)), LAST_POINT)])


@compiled
def character_before(text: Bytes, at: int) -> int:
    """Returns the first byte of the character before this one."""
    at -= 1
    while text[at] & 0xC0 == 0x80:
        at -= 1
    return at


@compiled
def skip_flagged(text: Bytes, at: int, flag: int, limit: int, classes: Array) -> int:
    """Returns where the characters with a flag end that begin here, or the limit of them."""
    for _ in range(limit):
        if class_at(text, at, classes) & flag == 0:
            break
        at += size_of(text[at])
    return at
