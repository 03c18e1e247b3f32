"""A tiktoken file: lines of a token in base64, a space and its rank, which is its id."""

import base64
import binascii
import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from pipelines.tokenizers.converted import Converted, Original
from pipelines.tokenizers.given import Given
from pipelines.tokenizers.libraries import library, versioned

_LINE = re.compile(rb"([A-Za-z0-9+/]+={0,2}) (\d{1,9})")
_LOOKED_AT = 64
# Behind the last rank of an encoding of tiktoken comes its first special token, or one before it.
_GAP = 2
_END = "<|endoftext|>"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pattern:
    r"""How text is cut before tokens are found, and which special tokens go with it.

    Attributes:
      names: Parts of the names of files that are cut so.
      regex: As the library has it.
      written: The same for the regular expressions of `tokenizers`, in which `{1,3}+` is no
        possessive quantifier but a repeated group, and `\s++$` matches before every line end.
      special: Token to id.
    """

    names: tuple[str, ...]
    regex: str
    written: str
    special: Mapping[str, int]


_CL100K = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_CASE = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
_O200K = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    rf"{_CASE}|[^\r\n\p{{L}}\p{{N}}]?[\p{{Lu}}\p{{Lt}}\p{{Lm}}\p{{Lo}}\p{{M}}]+"
    rf"[\p{{Ll}}\p{{Lm}}\p{{Lo}}\p{{M}}]*{_CASE}|\p{{N}}{{1,3}}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
PATTERNS: Mapping[str, Pattern] = {
    "gpt2": Pattern(
        names=("gpt2", "r50k", "p50k"),
        regex=r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++"
        r"|\s++$|\s+(?!\S)|\s",
        written=r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+"
        r"|\s+(?!\S)|\s+",
        special={_END: 50256},
    ),
    "cl100k": Pattern(
        names=("cl100k",),
        regex=r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+"
        r"| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s",
        written=_CL100K,
        special={
            _END: 100257,
            "<|fim_prefix|>": 100258,
            "<|fim_middle|>": 100259,
            "<|fim_suffix|>": 100260,
            "<|endofprompt|>": 100276,
        },
    ),
    "o200k": Pattern(
        names=("o200k",),
        regex=_O200K,
        written=_O200K,
        special={_END: 199999, "<|endofprompt|>": 200018},
    ),
}
"""Those of tiktoken's own encodings, by the names that --tiktoken-pattern takes."""


def find_ranks(given: Given) -> str | None:
    """Returns the name of a file called .tiktoken, or whose first lines are those of one."""
    for name, content in given.files.items():
        first = content[: 1 << 16].split(b"\n")[:_LOOKED_AT]
        # The last of them may be cut.
        first = [line.rstrip(b"\r") for line in first[: -1 if len(first) > 1 else None]]
        if name.endswith(".tiktoken") or (first and all(map(_is_pair, first))):
            return name
    return None


def convert_ranks(given: Given, name: str) -> Converted:
    """Makes a byte-level BPE tokenizer of the ranks of tiktoken.

    Raises:
      UsageError: if a line is none, single bytes are missing, or the pattern is not known.
    """
    from tokenizers import Regex, pre_tokenizers

    tiktoken = library(given, "tiktoken", "a tiktoken file")
    ranks = _ranks(given, name)
    pattern, chosen = _pattern(given, name)
    special = _special(pattern, ranks)
    first = max([*ranks.values(), *special.values()]) + 1
    added = [token for token in dict.fromkeys(given.added.values()) if token not in special]
    special |= {token: first + number for number, token in enumerate(added)}
    try:
        encoding = tiktoken.Encoding(
            "given", pat_str=pattern.regex, mergeable_ranks=ranks, special_tokens=special
        )
        cut = pre_tokenizers.Split(Regex(pattern.written), behavior="isolated")
    except Exception as error:
        raise given.problem(
            f"--tiktoken-pattern {given.pattern}: no regular expression: {error}"
        ) from error
    tokenizer = byte_level(ranks, cut, special)
    listed = ", ".join(f"{token} {number}" for token, number in special.items())
    return Converted(
        tokenizer_json=tokenizer.to_str(),
        what=f"tiktoken file {name} ({len(ranks):,} tokens, {chosen}; special tokens {listed})",
        original=Original(
            versioned("tiktoken"), _checked(given, pattern, encoding.encode_ordinary)
        ),
        appends=True,
    )


def _checked(
    given: Given, pattern: Pattern, encode: Callable[[str], list[int]]
) -> Callable[[str], list[int]]:
    """Returns how tiktoken encodes text, which breaks off where a pattern matches no characters."""
    import regex

    compiled = regex.compile(pattern.regex)

    def checked(text: str) -> list[int]:
        if given.pattern is not None and not all(each[0] for each in compiled.finditer(text)):
            raise given.problem(
                f"--tiktoken-pattern {given.pattern}: it matches where there are no characters, "
                "which cuts no text; write + and not *"
            )
        return encode(text)

    return checked


def byte_level(ranks: Mapping[bytes, int], cut: Any, special: Mapping[str, int]) -> Any:
    """Returns a byte-level BPE tokenizer.

    Args:
      ranks: Token to rank, which is its id; of two pairs of neighbours the lower is merged first.
      cut: A pre-tokenizer that cuts text into parts that are merged each by itself.
      special: Token to id, of special tokens.
    """
    from tokenizers import (
        AddedToken,
        Tokenizer,
        decoders,
        models,
        pre_tokenizers,
        processors,
    )

    characters = byte_characters()
    written = {token: "".join(map(characters.__getitem__, token)) for token in ranks}
    tokenizer = Tokenizer(
        models.BPE(
            vocab={**{written[token]: rank for token, rank in ranks.items()}, **special},
            merges=[(written[left], written[right]) for left, right in _merges(ranks)],
            # A part that is a token is that token, however it would be merged.
            ignore_merges=True,
        )
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [cut, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in special])
    return tokenizer


def _special(pattern: Pattern, ranks: Mapping[bytes, int]) -> dict[str, int]:
    """Returns the special tokens of an encoding: its own, or one of a vocabulary of another size.

    The file has none of them. Those that tiktoken has itself follow the ranks, or lie in a gap.
    """
    own, last = dict(pattern.special), max(ranks.values())
    fits = own and not _ids(ranks) & {*own.values()} and min(own.values()) <= last + _GAP
    return own if fits else {_END: last + 1}


def _pattern(given: Given, name: str) -> tuple[Pattern, str]:
    """Returns the pattern that is asked for or that the file's name says, and how it was chosen."""
    asked = given.pattern
    if asked is not None and asked in PATTERNS:
        return PATTERNS[asked], f"cut as {asked} is"
    if asked is not None:
        return Pattern(names=(), regex=asked, written=asked, special={}), "cut by your pattern"
    for known, pattern in PATTERNS.items():
        if any(part in name.lower() for part in pattern.names):
            return pattern, f"cut as {known} is, by its name"
    raise given.problem(
        f"the name of {name} does not say how text is cut before tokens are found; give "
        f"--tiktoken-pattern {', '.join(PATTERNS)} or the regular expression"
    )


def _ranks(given: Given, name: str) -> dict[bytes, int]:
    ranks: dict[bytes, int] = {}
    for number, line in enumerate(given.files[name].split(b"\n"), 1):
        line = line.rstrip(b"\r")
        if not line:
            continue
        if (pair := _pair(line)) is None:
            shown = line[:60].decode("utf-8", "replace")
            raise given.problem(
                f"line {number} of {name} is not a token in base64, a space and its rank: {shown!r}"
            )
        if pair[0] in ranks:
            raise given.problem(f"line {number} of {name} has a token that an earlier line has")
        ranks[pair[0]] = pair[1]
    if len(_ids(ranks)) < len(ranks):
        raise given.problem(f"two tokens of {name} have the same rank")
    if missing := [byte for byte in range(256) if bytes([byte]) not in ranks]:
        raise given.problem(
            f"{name} has no token for the byte {missing[0]}, so some text has no ids; is it whole?"
        )
    return ranks


def _ids(ranks: Mapping[bytes, int]) -> set[int]:
    return set(ranks.values())


def _is_pair(line: bytes) -> bool:
    return _pair(line) is not None


def _pair(line: bytes) -> tuple[bytes, int] | None:
    """Returns token and rank of a line; None if it is not written as tiktoken writes it."""
    found = _LINE.fullmatch(line)
    if found is None:
        return None
    try:
        token = base64.b64decode(found[1], validate=True)
    except binascii.Error:
        return None
    # "that 12" is a word and its count; few words are canonical base64 of something.
    return (token, int(found[2])) if base64.b64encode(token) == found[1] else None


# {b"a": 0, b"b": 1, b"ab": 2}  ->  (b"a", b"b")
def _merges(ranks: Mapping[bytes, int]) -> Iterator[tuple[bytes, bytes]]:
    """Yields the pairs that are merged, the lowest rank of what comes of them first."""
    for token in sorted(ranks, key=ranks.__getitem__):
        for cut in range(1, len(token)):
            if token[:cut] in ranks and token[cut:] in ranks:
                yield token[:cut], token[cut:]


def byte_characters() -> list[str]:
    """Returns the character that stands for each byte in byte-level BPE, as in GPT-2."""
    plain: Iterable[int] = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    own = dict.fromkeys(plain)
    others = iter(range(0x100, 0x200))
    return [chr(byte) if byte in own else chr(next(others)) for byte in range(256)]
