"""Which documents the shards of a build with sources have: slow, defined on its own."""

import dataclasses
import fractions
import hashlib
from collections.abc import Mapping, Sequence

_BITS = 1 << 64


@dataclasses.dataclass(frozen=True)
class Kept:
    """A document in a shard.

    Attributes:
      key: Its two halves, the lower one first.
      text: Of it.
      source: The name of the source that it counts for.
      copy: Which of its copies it is, from 0.
    """

    key: tuple[int, int]
    text: str
    source: str
    copy: int


def halves_of(text: str) -> tuple[int, int]:
    """Returns the two halves of a content key, the lower one first."""
    whole = hashlib.blake2b(text.encode(), digest_size=16).digest()
    return int.from_bytes(whole[:8], "little"), int.from_bytes(whole[8:], "little")


def splitmix(state: int) -> int:
    """Returns the output of SplitMix64 for a state that was stepped already."""
    state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 % _BITS
    state = (state ^ (state >> 27)) * 0x94D049BB133111EB % _BITS
    return state ^ (state >> 31)


def copies_of(
    key: tuple[int, int], weight: fractions.Fraction, drawing_key: int, eval_below: int
) -> int:
    """Returns how often a document with this key is wanted."""
    lower, upper = key
    drawn = splitmix(lower ^ splitmix(upper ^ drawing_key))
    share = weight - int(weight)
    copies = int(weight) + (drawn < int(share * _BITS))
    return min(copies, 1) if upper < eval_below else copies


def kept_documents(
    corpus: Mapping[str, Sequence[str]],
    weights: Mapping[str, fractions.Fraction],
    drawing_key: int,
    eval_below: int,
    *,
    deduplicate: bool,
) -> list[Kept]:
    """Returns all documents of all shards, ordered by key and then by the name of the source."""
    found = []
    for source, texts in corpus.items():
        for text in texts:
            key = halves_of(text)
            for copy in range(copies_of(key, weights[source], drawing_key, eval_below)):
                lower = splitmix((key[0] + copy * 0x9E3779B97F4A7C15) % _BITS) if copy else key[0]
                found.append(Kept((lower, key[1]), text, source, copy))
    found.sort(key=lambda kept: (_as_bytes(kept.key), kept.source))
    if not deduplicate:
        return found
    first: dict[tuple[str, int], Kept] = {}
    for kept in found:
        first.setdefault((kept.text, kept.copy), kept)
    return list(first.values())


def _as_bytes(key: tuple[int, int]) -> bytes:
    return b"".join(half.to_bytes(8, "little") for half in key)
