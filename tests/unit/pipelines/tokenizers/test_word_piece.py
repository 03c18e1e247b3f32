import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from pipelines.tokenizers.check import compare
from pipelines.tokenizers.kinds import convert
from schemas.errors import UsageError
from tests.support.tokenizer_files import given_file

TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "##s", "cat", "中", "é", "e", "!")
CASED = (*TOKENS, "The")


def file_of(*tokens: str, end: str = "\n") -> bytes:
    return "".join(f"{token}{end}" for token in tokens).encode()


def tokenizer_of(content: bytes, config: dict[str, Any] | None = None) -> tuple[Tokenizer, str]:
    found = convert(given_file("vocab.txt", content, config))
    return Tokenizer.from_str(found.tokenizer_json), found.what


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_ids_are_numbers_of_lines(end: str) -> None:
    tokenizer, what = tokenizer_of(file_of(*TOKENS, end=end))
    assert tokenizer.encode("The cats中dog!", add_special_tokens=False).ids == [5, 7, 6, 8, 1, 11]
    assert what == (
        "WordPiece vocabulary vocab.txt (12 tokens, lower-case: no token has a capital letter)"
    )
    # For users who fine-tune: BERT's layout.
    pair = tokenizer.encode("the", "cat")
    assert (pair.ids, pair.type_ids) == ([2, 5, 3, 7, 3], [0, 0, 0, 1, 1])


def test_a_capital_letter_makes_it_cased() -> None:
    tokenizer, what = tokenizer_of(file_of(*CASED))
    assert tokenizer.encode("The the é", add_special_tokens=False).ids == [12, 5, 9]
    assert "(13 tokens, cased: it has 'The')" in what


@pytest.mark.parametrize(
    ("config", "ids", "how"),
    [
        ({"do_lower_case": False}, [1, 5, 9, 8], "cased by do_lower_case"),
        ({"do_lower_case": True}, [5, 5, 10, 8], "lower-case by do_lower_case"),
        ({"strip_accents": False}, [5, 5, 9, 8], "lower-case: no token has a capital letter"),
        ({"tokenize_chinese_chars": False}, [5, 5, 10, 8], "lower-case: no"),
    ],
)
def test_the_configuration_decides(config: dict[str, Any], ids: list[int], how: str) -> None:
    tokenizer, what = tokenizer_of(file_of(*TOKENS), config)
    assert tokenizer.encode("The the é 中", add_special_tokens=False).ids == ids
    assert how in what
    whole = tokenizer.encode("中中", add_special_tokens=False).ids
    assert whole == ([1] if "tokenize_chinese_chars" in config else [8, 8])


@pytest.mark.parametrize("name", ["do_lower_case", "strip_accents", "tokenize_chinese_chars"])
def test_what_is_on_or_off_is_true_or_false(name: str) -> None:
    with pytest.raises(UsageError, match=f"_config.json says {name} 'no', which must be true or"):
        convert(given_file("vocab.txt", file_of(*TOKENS), {name: "no"}))
    found = convert(given_file("vocab.txt", file_of(*TOKENS), {name: None}))
    assert found.tokenizer_json == convert(given_file("vocab.txt", file_of(*TOKENS))).tokenizer_json


def test_the_configuration_names_special_tokens() -> None:
    tokens = ["<pad>", "UNKNOWN", "<s>", "</s>", "MASK", "a"]
    names = {"unk_token": "UNKNOWN", "mask_token": {"content": "MASK"}, "cls_token": "<s>"}
    found = convert(given_file("vocab.txt", file_of(*tokens), {**names, "sep_token": "</s>"}))
    assert found.names == {"mask": "MASK", "unk": "UNKNOWN"}
    assert Tokenizer.from_str(found.tokenizer_json).encode("a b").ids == [2, 5, 1, 3]


def test_special_tokens_are_not_found_in_text() -> None:
    found = convert(given_file("vocab.txt", file_of(*TOKENS, "[", "]", "mask")))
    assert found.original is not None
    assert list(found.original.encode("[MASK]")) == [12, 14, 13]
    assert not compare(found, found.original, ["[MASK] the", "[SEP]"]).different


def test_what_is_on_a_line_is_a_token_whatever_it_is() -> None:
    """Other line ends are in the vocabularies of some models."""
    tokenizer, _ = tokenizer_of(file_of(*TOKENS, "\u2028", "\x85", "z"))
    assert tokenizer.token_to_id("z") == 14


def test_ids_are_those_of_transformers(shared_data: Path) -> None:
    found = convert(given_file("vocab.txt", (shared_data / "vocab_zh.txt").read_bytes()))
    assert found.original is not None
    assert "(21,128 tokens, lower-case: no token has a capital letter)" in found.what
    text = (shared_data / "zh_news_sample.txt").read_bytes().decode("utf-8", "ignore")
    lines = [line for line in text.split("\n") if line]
    compared = compare(found, found.original, lines)
    assert (compared.lines, compared.different, compared.example) == (len(lines), 0, "")


@pytest.mark.parametrize(
    ("content", "config", "reason"),
    [
        (file_of(*TOKENS, "cat"), None, "the token 'cat' is on lines 8 and 13 of vocab.txt"),
        (file_of(*TOKENS) + b"\xff\n", None, "vocab.txt is not UTF-8 text"),
        (b"cat\ndog\n", None, "no tokenizer that is known; name a tokenizers JSON file"),
        (b"", None, "the file is empty"),
        (file_of(*TOKENS), [], "tokenizer_config.json beside it is no JSON object"),
    ],
)
def test_what_is_no_vocabulary(content: bytes, config: Any, reason: str) -> None:
    with pytest.raises(UsageError, match=f"^--tokenizer here/vocab.txt: {reason}"):
        convert(given_file("vocab.txt", content, config))


def test_equal_files_give_equal_bytes() -> None:
    [one, two] = [convert(given_file("vocab.txt", file_of(*TOKENS))) for _ in range(2)]
    assert one.tokenizer_json == two.tokenizer_json
    assert json.loads(one.tokenizer_json)["model"]["type"] == "WordPiece"
