import dataclasses
import json
from typing import Any

import pytest
import tiktoken
import tiktoken_ext.openai_public as public
from hypothesis import given as drawn
from hypothesis import settings
from tokenizers import Tokenizer

from pipelines.tokenizers.check import compare
from pipelines.tokenizers.converted import Converted
from pipelines.tokenizers.given import Given
from pipelines.tokenizers.kinds import convert
from pipelines.tokenizers.tiktoken_file import PATTERNS, find_ranks
from schemas.errors import UsageError
from tests.support.awkward_text import TEXTS
from tests.support.tokenizer_files import given_file, lines_of_sample, tiktoken_of

TOKENS = (b"th", b"he", b"the", b" the", b"12", b"123", b"1234", b" cat", "中".encode(), b"aa")
THE = 258


def converted(name: str, content: bytes = tiktoken_of(*TOKENS), **more: Any) -> Converted:
    return convert(dataclasses.replace(given_file(name, content), **more))


def ids_of(found: Converted, text: str) -> list[int]:
    tokenizer = Tokenizer.from_str(found.tokenizer_json)
    tokenizer.encode_special_tokens = True
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False).ids
    return ids


def test_ranks_are_ids() -> None:
    found = converted("my_gpt2.tiktoken")
    assert ids_of(found, "the the") == [THE, THE + 1]
    # All of a part is a token though no pair of its bytes is one.
    assert (ids_of(found, "中"), ids_of(found, "the中")) == ([264], [THE, 0xE4, 0xB8, 0xAD])
    # Not "th" and "e", whatever merges first: "he" has a higher rank than "th".
    assert ids_of(found, "thhe") == [256, 257]
    assert ids_of(found, "é") == [0xC3, 0xA9]
    assert ids_of(found, "<|endoftext|>")[0] == ord("<")
    tokenizer = Tokenizer.from_str(found.tokenizer_json)
    assert tokenizer.token_to_id("<|endoftext|>") == 266
    assert tokenizer.decode([THE, 263, 264]) == "the cat中"
    assert found.what == (
        "tiktoken file my_gpt2.tiktoken (266 tokens, cut as gpt2 is, by its name; special tokens "
        "<|endoftext|> 266)"
    )


def test_the_pattern_decides_where_text_is_cut() -> None:
    assert ids_of(converted("gpt2.tiktoken"), "12345") == [262, ord("5")]
    # Three digits at most.
    assert ids_of(converted("cl100k_base.tiktoken"), "12345") == [261, ord("4"), ord("5")]
    own = converted("a.tiktoken", pattern=r"\d\d|.")
    assert ids_of(own, "123") == [260, ord("3")]
    assert "cut by your pattern" in own.what
    assert ids_of(converted("a.tiktoken", pattern="o200k"), "1234") == [261, ord("4")]


@pytest.mark.parametrize("name", ["r50k_base", "p50k_base", "cl100k_base", "o200k_base"])
def test_patterns_and_special_tokens_are_those_of_the_library(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(public, "load_tiktoken_bpe", lambda *_args, **_named: {})
    encoding = getattr(public, name)()
    known = next(each for each in PATTERNS.values() if name.partition("_")[0] in each.names)
    assert known.regex == encoding["pat_str"]
    assert known.special == encoding["special_tokens"]


@pytest.mark.parametrize("pattern", PATTERNS)
@settings(max_examples=25)
@drawn(text=TEXTS)
def test_awkward_text_has_the_same_ids(pattern: str, text: str) -> None:
    found = converted("a.tiktoken", pattern=pattern)
    assert found.original is not None
    lines = [*text.replace("\r", "\n").split("\n")]
    compared = compare(found, found.original, lines)
    assert not compared.different, compared.example


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_sample_has_the_same_ids(pattern: str) -> None:
    found = converted("a.tiktoken", pattern=pattern)
    assert found.original is not None
    compared = compare(found, found.original, lines_of_sample())
    assert (compared.lines, compared.different) == (len(lines_of_sample()), 0)


def test_special_tokens_of_an_encoding_of_its_size() -> None:
    """Those of p50k lie in a gap of its ranks."""
    whole = tiktoken_of(*(b"%06d" % n for n in range(50257 - 256)))
    lines = whole.split(b"\n")
    gap = b"\n".join([*lines[:50256], lines[50256].split()[0] + b" 50257", b""])
    tokenizer = Tokenizer.from_str(converted("p50k.tiktoken", gap).tokenizer_json)
    assert tokenizer.token_to_id("<|endoftext|>") == 50256


def test_tokens_of_options_are_appended() -> None:
    found = converted("gpt2.tiktoken", added={"mask": "<mask>", "sep": "<|endoftext|>"})
    tokenizer = Tokenizer.from_str(found.tokenizer_json)
    assert [tokenizer.token_to_id(each) for each in ("<|endoftext|>", "<mask>")] == [266, 267]
    assert found.appends


def test_a_list_of_words_is_no_tiktoken_file() -> None:
    assert find_ranks(given_file("words.txt", b"that 12\nthe 10\nwith 9\n")) is None
    # As Meta names it.
    assert find_ranks(given_file("tokenizer.model", tiktoken_of())) == "tokenizer.model"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"IQ== 0\n%%% 1\n", "line 2 of gpt2.tiktoken is not a token in base64, a space and"),
        (b"IQ== 0\nIg= 1\n", "line 2 of gpt2.tiktoken is not a token in base64"),
        (b"IQ== 0\nIQ== 1\n", "line 2 of gpt2.tiktoken has a token that an earlier line has"),
        (b"IQ== 0\nIg== 0\n", "two tokens of gpt2.tiktoken have the same rank"),
        (tiktoken_of()[:-9], "gpt2.tiktoken has no token for the byte 255"),
        (b"", "gpt2.tiktoken has no token for the byte 0"),
    ],
)
def test_damaged_files(content: bytes, reason: str) -> None:
    with pytest.raises(UsageError, match=f"^--tokenizer here/gpt2.tiktoken: {reason}"):
        converted("gpt2.tiktoken", content)


def test_the_pattern_has_to_be_known() -> None:
    with pytest.raises(UsageError, match="give --tiktoken-pattern gpt2, cl100k, o200k or the reg"):
        converted("mine.tiktoken")
    with pytest.raises(UsageError, match=r"--tiktoken-pattern \(: no regular expression"):
        converted("mine.tiktoken", pattern="(")
    with pytest.raises(UsageError, match="--tiktoken-pattern gpt2 is for tiktoken files; leave"):
        converted("vocab.txt", b"[UNK]\na\n", pattern="gpt2")


def test_a_pattern_that_matches_no_characters() -> None:
    r"""tiktoken's library panics at `\p{L}*` before a digit."""
    found = converted("my.tiktoken", pattern=r"\p{L}*|\d")
    assert found.original is not None
    with pytest.raises(UsageError, match="it matches where there are no characters"):
        compare(found, found.original, ["the 12"])


def test_vocabulary_and_merges_of_gpt2() -> None:
    tokens = [chr(n) for n in range(33, 127)] + ["Ġ", "th", "the", "Ġthe", "<mask>", "<s>"]
    ids = {token: number for number, token in enumerate(tokens)}
    merges = "#version: 0.2\nt h\nth e\nĠ the\n"
    files = {"vocab.json": json.dumps(ids).encode(), "merges.txt": merges.encode()}
    found = convert(Given(name="gpt2", files=files, is_folder=True))
    assert ids_of(found, "the the") == [ids["the"], ids["Ġthe"]]
    assert found.original is not None
    assert list(found.original.encode("the the")) == [ids["the"], ids["Ġthe"]]
    assert "byte-level BPE of vocab.json and merges.txt (100 tokens)" in found.what
    files["merges.txt"] = b"#version: 0.2\nt x\n"
    with pytest.raises(UsageError, match=r"line 2 of merges.txt is no pair of tokens of vocab"):
        convert(Given(name="gpt2", files=files, is_folder=True))


def test_the_library_is_what_is_compared_with() -> None:
    ranks = {bytes([byte]): byte for byte in range(256)}
    own = tiktoken.Encoding("own", pat_str=".", mergeable_ranks=ranks, special_tokens={})
    found = converted("gpt2.tiktoken")
    assert found.original is not None
    assert list(found.original.encode("the")) != own.encode_ordinary("the") == [*b"the"]
