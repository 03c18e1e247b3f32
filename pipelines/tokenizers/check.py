"""Whether a converted tokenizer gives the ids of the library that it was made for."""

import dataclasses
from collections.abc import Sequence

from tokenizers import Tokenizer

from pipelines.tokenizers.converted import Converted, Original
from schemas.wording import counted

# Single precision, in which sentencepiece adds up scores, has 24 bits.
_ROUNDING = 2.0**-20
_SHOWN = 60


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """How the ids of lines compare.

    Attributes:
      lines: That were compared.
      rounded: Lines with other ids that are equally good.
      different: Lines with other ids.
      example: The first of `different`, or else of `rounded`, with both ids where they part; "".
    """

    lines: int
    rounded: int = 0
    different: int = 0
    example: str = ""


def compare(converted: Converted, original: Original, lines: Sequence[str]) -> Comparison:
    """Compares ids of lines, and of lines behind a space: so sentences within a line are encoded.

    Args:
      converted: To check.
      original: Its library.
      lines: Of text.
    """
    tokenizer = Tokenizer.from_str(converted.tokenizer_json)
    # As builds encode text: the name of a special token in it is ordinary text.
    tokenizer.encode_special_tokens = True
    # Its threads would make every process that is started later warn of them.
    encoded = [
        [tokenizer.encode(text, add_special_tokens=False).ids for text in (line, f" {line}")]
        for line in lines
    ]
    rounded: list[str] = []
    different: list[str] = []
    for line, both in zip(lines, encoded, strict=True):
        for text, ids in zip((line, f" {line}"), both, strict=True):
            expected = list(original.encode(text))
            if ids != expected:
                equal = _equally_good(original, ids, expected)
                (rounded if equal else different).append(_shown(tokenizer, text, ids, expected))
                break
    return Comparison(
        lines=len(lines),
        rounded=len(rounded),
        different=len(different),
        example=next(iter([*different, *rounded]), ""),
    )


def _equally_good(original: Original, ids: Sequence[int], expected: Sequence[int]) -> bool:
    if original.score is None:
        return False
    best = original.score(expected)
    return abs(original.score(ids) - best) <= _ROUNDING * max(1.0, abs(best))


# [1, 2, 3], [1, 4, 3]  ->  "2 (a) and not 4 (b)"
def _shown(tokenizer: Tokenizer, text: str, ids: Sequence[int], expected: Sequence[int]) -> str:
    """Returns a text, and the tokens from where the ids part."""
    parted = next(
        (n for n, (one, other) in enumerate(zip(ids, expected, strict=False)) if one != other),
        min(len(ids), len(expected)),
    )
    ours, theirs = (
        " ".join(_token(tokenizer, each) for each in found[parted : parted + 3]) or "no"
        for found in (ids, expected)
    )
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
    return f"{shown!r} has the tokens {ours} and not {theirs} from number {parted} on"


def _token(tokenizer: Tokenizer, number: int) -> str:
    """Returns the token of an id; the library may have given -1 for one that is not there."""
    return str(tokenizer.id_to_token(number)) if number >= 0 else "(none)"


def message(converted: Converted, found: Comparison | None) -> str:
    """Returns what the user is told of a converted tokenizer, "" if nothing was converted.

    Args:
      converted: Of what the user gave.
      found: How it compares; None if there was no text or no library.
    """
    if not converted.what:
        return ""
    said = f"tokenizer: {converted.what} converted"
    if converted.original is None:
        return f"{said}; {converted.unchecked}" if converted.unchecked else said
    if found is None:
        return said
    same = found.lines - found.rounded - found.different
    said += (
        f"; {same:,} of {counted(found.lines, 'sampled line')} have the same ids in "
        f"{converted.original.library}"
    )
    if found.rounded:
        said += f", {found.rounded:,} others that are equally good"
    if found.different:
        said += f", {found.different:,} others"
    return said + (f": {found.example}" if found.example else "")
