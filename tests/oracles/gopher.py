"""Gopher's counts of a document, computed slowly and plainly."""

import collections
import re
from collections.abc import Iterable

from transforms.filters.gopher import STOP_WORDS
from transforms.filters.repetition import TOP_PERCENT, TWICE_PERCENT

_MARKS = r"[!-@\[-`{-~\u2000-\u2fff]"
_WIDE = r"[\u3041-\u30ff\u3400-\u9fff]"


def quality_of(text: str) -> list[int]:
    """Returns WORDS, CHARACTERS, ALPHABETIC, WIDE_WORDS, HASHES, ELLIPSES, LINES and so on."""
    plain = re.sub(r"[\u3000-\u303f\uff00-\uff7f]", " ", text)
    words = re.findall(rf"{_WIDE}|(?:(?!{_WIDE})\S)+", plain)
    wide = [word for word in words if re.fullmatch(_WIDE, word)]
    stripped = {re.sub(rf"^{_MARKS}+|{_MARKS}+$", "", word.lower()) for word in words}
    dots = ("...", "…")
    lines = text.split("\n")
    return [
        len(words),
        sum(map(len, words)),
        sum(any(character.isalpha() for character in word) for word in words),
        len(wide),
        text.count("#"),
        sum(word.endswith(dots) for word in words),
        len(lines),
        sum(line.startswith(("-", "*", "•", "‣")) for line in lines),
        sum(line.endswith(dots) for line in lines),
        len(stripped & {*STOP_WORDS}),
    ]


def tokens_of(text: str) -> list[str]:
    """Returns the runs of letters and digits, and each ideograph or kana, in their order."""
    return re.findall(rf"{_WIDE}|(?:(?!{_WIDE})[^\W_])+", text)


def repetition_of(text: str) -> list[int]:
    """Returns LINES, LINE_BYTES, TWICE_LINES, TWICE_LINE_BYTES, WORD_BYTES, TOP, TWICE."""
    lines, tokens = text.split("\n"), tokens_of(text)
    twice = [line for n, line in enumerate(lines) if line in lines[:n]]
    found = [len(lines), _size(lines), len(twice), _size(twice), _size(tokens)]
    for size in TOP_PERCENT:
        grams = [tuple(tokens[n : n + size]) for n in range(len(tokens) - size + 1)]
        counts = collections.Counter(grams)
        most = max(counts.values(), default=0)
        best = [most * _size(gram) for gram, count in counts.items() if count == most]
        found.append(max(best) if most > 1 else 0)
    for size in TWICE_PERCENT:
        seen, repeated, first = set(), 0, 0
        while first <= len(tokens) - size:
            gram = tuple(tokens[first : first + size])
            again = gram in seen
            repeated += _size(gram) if again else 0
            seen.add(gram)
            first += size if again else 1
        found.append(repeated)
    return found


def _size(parts: Iterable[str]) -> int:
    return sum(len(part.encode()) for part in parts)
