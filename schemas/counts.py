"""How often the tokens of a vocabulary occur in some text, for draws that follow it."""

import dataclasses
import functools
import hashlib
import itertools
import json
from collections.abc import Mapping

import numpy as np

from schemas.records import Int64

COUNTS = "counts.json"
"""Where a build keeps the counts that it was made with, beside its tokenizer."""

_SCALE = 1 << 32


class CountsError(ValueError):
    """Counts that cannot be used, and why."""


@dataclasses.dataclass(frozen=True, eq=False)
class TokenCounts:
    """How often each token occurs.

    Attributes:
      counts: By id, ascending; only tokens that occur. They are whole numbers of any size.
      json: The same by token, as a JSON object; what a build keeps.
    """

    counts: Mapping[int, int]
    json: str

    @property
    def sha256(self) -> str:
        """Of `json`."""
        return hashlib.sha256(self.json.encode()).hexdigest()

    @functools.cached_property
    def ids(self) -> Int64:
        """int64[K]; the tokens that can be drawn, ascending."""
        return self._table[0]

    @functools.cached_property
    def thresholds(self) -> Int64:
        """int64[K]; one of the first n tokens is drawn if 32 random bits are below entry n - 1."""
        return self._table[1]

    @functools.cached_property
    def _table(self) -> tuple[Int64, Int64]:
        """Scales the sums of counts to 2**32, without rounding by floats; drops empty shares."""
        sums = list(itertools.accumulate(self.counts.values()))
        ends = np.array([each * _SCALE // sums[-1] for each in sums], np.int64)
        drawn = np.diff(ends, prepend=0) > 0
        return np.array(list(self.counts), np.int64)[drawn], ends[drawn]


def read_counts(text: str, ids: Mapping[str, int], unwanted: frozenset[int]) -> TokenCounts:
    """Reads counts of tokens.

    Args:
      text: A JSON object {token: count}, or lines of a token, a tab and its count.
      ids: The tokenizer's tokens.
      unwanted: Special tokens, which are never drawn: their counts are left out.

    Raises:
      CountsError: if it is neither, a token is unknown or comes twice, a count is no whole number
        of at least 0, or nothing is left to draw.
    """
    pairs = _pairs(text)
    counts: dict[int, int] = {}
    for token, count in pairs:
        if token not in ids:
            raise CountsError(
                f"the token {token!r} is not in the tokenizer's vocabulary; count the tokens that "
                "this tokenizer gives"
            )
        if ids[token] in counts:
            raise CountsError(f"the token {token!r} comes twice")
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            raise CountsError(
                f"the count of {token!r} must be a whole number of at least 0, got {count!r}"
            )
        counts[ids[token]] = count
    tokens = {number: token for token, number in ids.items()}
    kept = {n: counts[n] for n in sorted(counts) if counts[n] and n not in unwanted}
    if not kept:
        raise CountsError("no token but special ones has a count above 0")
    by_token = {tokens[number]: count for number, count in kept.items()}
    return TokenCounts(kept, json.dumps(by_token, ensure_ascii=False, indent=0) + "\n")


def _pairs(text: str) -> list[tuple[str, object]]:
    if text.lstrip().startswith("{"):
        try:
            found: list[tuple[str, object]] = json.loads(text, object_pairs_hook=list)
        except ValueError as error:
            raise CountsError(f"not JSON: {error}") from error
        return found
    pairs: list[tuple[str, object]] = []
    # Other line ends may be tokens, so no splitlines().
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip("\r"):
            token, tab, count = line.rstrip("\r").rpartition("\t")
            if not tab:
                raise CountsError(f"line {number} has no tab between a token and its count")
            pairs.append((token, int(count) if count.strip().isdecimal() else count))
    return pairs
