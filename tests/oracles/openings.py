"""Sentences that begin with a given text, found one after the other; and made-up ones."""

import string
from collections.abc import Sequence

import numpy as np

from schemas.records import Bytes, Tokens
from transforms.arrays.randomness import rng_for

_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def opening_of(sentence: str, openings: Sequence[str]) -> tuple[int, str] | None:
    """Returns the code of what a sentence begins with, and the text behind it.

    Args:
      sentence: With the space before it, if there is one, and with its line end.
      openings: What to look for.
    """
    text = sentence.removeprefix(" ")
    best: tuple[int, str] | None = None
    length = 0
    for code, opening in enumerate(openings, 1):
        rest = text[len(opening) :]
        same = text[: len(opening)].translate(_LOWER) == opening.translate(_LOWER)
        ideograph = "\u3040" <= opening[-1] <= "\u9fff"
        if same and (ideograph or rest[:1] in {" ", ",", "，"}) and len(opening) > length:
            rest = rest.removeprefix(" ")
            rest = rest[1:] if rest[:1] in {",", "，"} else rest
            best, length = (code, rest.removeprefix(" ")), len(opening)
    return best


def made_up_codes(tokens: Tokens, openings: Sequence[str], seed: int = 0) -> Bytes:
    """Returns codes of openings of one or two tokens, at the beginning of every other sentence."""
    rng = rng_for(seed, "openings")
    codes = np.zeros(len(tokens.ids), np.uint8)
    for begin, end in zip(tokens.sentence_offsets, tokens.sentence_offsets[1:], strict=False):
        size, code = int(rng.integers(0, 3)), int(rng.integers(1, len(openings) + 1))
        codes[begin : min(begin + size, end)] = code
    return codes


def opened_lines(
    documents: Sequence[Sequence[str]], openings: Sequence[str]
) -> list[tuple[str, ...]]:
    """Returns documents of which every other line begins with an opening."""
    rng = rng_for(0, "opened")
    made = []
    for document in documents:
        chosen = rng.integers(0, 2 * len(openings), len(document)).tolist()
        prefixes = [f"{openings[each]} " if each < len(openings) else "" for each in chosen]
        lines = zip(prefixes, document, strict=True)
        made.append(tuple(prefix + line for prefix, line in lines))
    return made
