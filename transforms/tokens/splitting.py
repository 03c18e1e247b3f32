"""Where a text can be split so that a tokenizer gives the parts the same ids as the whole.

A tokenizer normalises text, splits it into pre-tokens, and encodes each pre-token independently. If
a position is always a border between two pre-tokens, and normalisation never looks across it,
splitting there changes nothing. `find_splitting` reads the tokenizer's JSON description and accepts
only combinations of steps for which this can be proved. Other tokenizers encode whole sentences.
"""

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

from tokenizers import Tokenizer

Step = dict[str, Any]

# Each of these handles one character (with its combining marks) at a time.
_LOCAL_NORMALIZERS = frozenset(
    {
        "BertNormalizer",
        "Lowercase",
        "NFC",
        "NFD",
        "NFKC",
        "NFKD",
        "Nmt",
        "Precompiled",
        "Replace",
        "StripAccents",
    }
)
# Each of these always splits at white space.
_CUT_AT_SPACE = frozenset({"BertPreTokenizer", "Whitespace", "WhitespaceSplit"})
# Each of these splits at other characters, and leaves spaces to the next step.
_CUT_ELSEWHERE = frozenset({"Digits", "Punctuation"})
_CUT_BEFORE_SPACE = frozenset({"ByteLevel", "Metaspace"})
_OUTER_SPACES = {"Regex": r" +\z"}
WIDE_MARKS = (
    *((0x2010, 0x2027), (0x2030, 0x2043), (0x3001, 0x3003), (0x3008, 0x3011), (0x3014, 0x301F)),
    *((0xFF01, 0xFF03), (0xFF05, 0xFF0A), (0xFF0C, 0xFF0F), (0xFF1A, 0xFF1B), (0xFF1F, 0xFF20)),
)
"""Punctuation marks, by all versions of Unicode, that are common in English and Chinese text."""
_MODELS = frozenset({"BPE", "Unigram", "WordLevel", "WordPiece"})


@dataclasses.dataclass(frozen=True)
class Splitting:
    """Where to split, in addition to before every space and around every line end.

    Attributes:
      isolate_ideographs: Every CJK ideograph is a pre-token.
      isolate_punctuation: So is every ASCII punctuation mark, and every one of `WIDE_MARKS`.
      space_counts: The number of spaces matters. So a word whose normalised form has white space
        other than the space before it cannot be encoded without its sentence.
      cut_at_punctuation: There is a border between ASCII letters or digits and ASCII punctuation
        marks, but not always after an apostrophe: don|'t.
    """

    isolate_ideographs: bool
    isolate_punctuation: bool
    space_counts: bool
    cut_at_punctuation: bool = False


def find_splitting(tokenizer: Tokenizer) -> Splitting | None:
    """Returns where the input of a tokenizer can be split, None if that cannot be proved.

    Splits are *before* spaces where `space_counts`, so a space stays with the word after it: in
    byte-level BPE and SentencePiece-like tokenizers it is part of that word.
    """
    description = json.loads(tokenizer.to_str())
    normalizers = list(_flatten(description["normalizer"], "normalizers"))
    pre_tokenizers = list(_flatten(description["pre_tokenizer"], "pretokenizers"))
    if not all(_is_local(step) for step in normalizers):
        return None
    if not _cuts_before_spaces(pre_tokenizers) or not _is_exact(description["model"]):
        return None
    if not all(_within_word(token, tokenizer) for token in description["added_tokens"]):
        return None
    plain = all(token["special"] for token in description["added_tokens"])
    return Splitting(
        isolate_ideographs=_isolates_ideographs(normalizers),
        isolate_punctuation=plain and _isolates_punctuation(normalizers, pre_tokenizers),
        space_counts=_first_at_space(pre_tokenizers)["type"] not in _CUT_AT_SPACE,
        cut_at_punctuation=plain and _cuts_at_punctuation(normalizers, pre_tokenizers),
    )


def _flatten(step: Step | None, members: str) -> Iterator[Step]:
    if step is None:
        return
    if step["type"] == "Sequence":
        for member in step[members]:
            yield from _flatten(member, members)
    else:
        yield step


def _is_local(step: Step) -> bool:
    if step["type"] == "Replace":
        # The only pattern with a space that is known to be safe: it collapses runs of spaces, which
        # normalised text does not have.
        pattern = step["pattern"]
        if pattern == {"Regex": " {2,}"}:
            return step["content"] == " "
        if pattern == _OUTER_SPACES:
            # A word that ends in a space is followed by one in a sentence, or by nothing.
            return step["content"] == ""
        literal = pattern.get("String", "")
        return len(literal) == 1 and literal != " " and not step["content"].count(" ")
    return step["type"] in _LOCAL_NORMALIZERS


def _cuts_before_spaces(steps: list[Step]) -> bool:
    """Whether the first step that handles spaces always splits before them."""
    known = _CUT_AT_SPACE | _CUT_BEFORE_SPACE | _CUT_ELSEWHERE
    if not all(step["type"] in known for step in steps):
        return False
    if any(step["type"] == "Metaspace" and not _cuts_every_word(step, steps) for step in steps):
        return False
    first = _first_at_space(steps)
    if first.get("type") == "ByteLevel":
        return bool(first.get("use_regex", True))
    return bool(first)


def _first_at_space(steps: list[Step]) -> Step:
    """Returns the first step that handles spaces; it may replace them."""
    return next((step for step in steps if step["type"] not in _CUT_ELSEWHERE), {})


def _cuts_every_word(metaspace: Step, steps: list[Step]) -> bool:
    """Whether Metaspace treats a word alike at every position in a sentence."""
    always = metaspace.get("prepend_scheme", "always") == "always"
    return bool(metaspace.get("split", True)) and (always or len(steps) == 1)


def _is_exact(model: Step) -> bool:
    return model.get("type") in _MODELS and not model.get("dropout")


def _isolates_ideographs(normalizers: list[Step]) -> bool:
    """Whether ideographs are surrounded by spaces before any step that could change them."""
    for step in normalizers:
        if step["type"] in {"Precompiled", "Replace"}:
            return False
        if step["type"] == "BertNormalizer" and step["handle_chinese_chars"]:
            return True
    return False


def _isolates_punctuation(normalizers: list[Step], pre_tokenizers: list[Step]) -> bool:
    """Whether the tokenizer is BERT's, which changes every character by itself, and no mark."""
    kinds = [step["type"] for step in (*normalizers, *pre_tokenizers)]
    return kinds in (["BertNormalizer", "BertPreTokenizer"], ["BertPreTokenizer"])


def _cuts_at_punctuation(normalizers: list[Step], pre_tokenizers: list[Step]) -> bool:
    r"""Whether the tokenizer is GPT-2's, whose pattern ends runs of letters, digits and others.

    That is 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+.
    """
    if normalizers or len(pre_tokenizers) != 1:
        return False
    [step] = pre_tokenizers
    return step["type"] == "ByteLevel" and not step["add_prefix_space"]


def _within_word(token: Step, tokenizer: Tokenizer) -> bool:
    """Whether an added token is never split; special ones are never searched for in text."""
    forms = [token["content"]]
    if token["normalized"] and tokenizer.normalizer:
        forms.append(tokenizer.normalizer.normalize_str(token["content"]))
    return bool(token["special"]) or not any(map(_may_be_cut, forms))


def _may_be_cut(text: str) -> bool:
    # Even a leading space is unsafe: normalisation of a word may produce it.
    spaced = not text or any(map(str.isspace, text))
    return spaced or any(ord(character) >= 0x2E80 for character in text)
