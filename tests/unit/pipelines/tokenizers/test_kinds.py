import builtins
import dataclasses
import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from pipelines.tokenizers import kinds
from pipelines.tokenizers.check import compare
from pipelines.tokenizers.converted import role_names
from pipelines.tokenizers.given import Given
from schemas.errors import UsageError
from tests.support.tokenizer_files import (
    SPECIAL,
    given_file,
    lines_of_sample,
    model_of,
    tiktoken_of,
    trained_model,
)

MODEL = model_of([*SPECIAL, ("▁", -1.0), ("a", -1.0)])
VOCABULARY = b"[PAD]\n[UNK]\na\n"
JSON = json.dumps({"model": {"type": "WordLevel", "vocab": {"[M]": 0, "<s>": 1, "x": 2}}}).encode()


def folder(config: dict[str, Any] | None = None, **files: bytes) -> Given:
    names = {name.replace("_json", ".json").replace("__", "."): files[name] for name in files}
    configs = {} if config is None else {"tokenizer_config.json": json.dumps(config).encode()}
    return Given(name="folder", files=names, configs=configs, is_folder=True)


def test_json_is_taken_byte_for_byte() -> None:
    content = b'\xef\xbb\xbf {"model": {"type": "?"},  "x": 1}\n'
    found = kinds.convert(given_file("any.name", content))
    assert found.tokenizer_json == content[3:].decode()
    assert (found.what, found.original, found.names) == ("", None, {})


@pytest.mark.parametrize(
    ("files", "what"),
    [
        ({"tokenizer_json": JSON, "vocab__txt": VOCABULARY, "spiece__model": MODEL}, ""),
        ({"spiece__model": MODEL, "other_json": b"{}"}, "SentencePiece model spiece.model"),
        ({"vocab__txt": VOCABULARY}, "WordPiece vocabulary vocab.txt"),
        ({"gpt2__tiktoken": tiktoken_of()}, "tiktoken file gpt2.tiktoken"),
        ({"vocab_json": b'{"a": 0}', "merges__txt": b"#version: 0.2\n"}, "byte-level BPE"),
    ],
)
def test_what_a_folder_is_read_by(files: dict[str, bytes], what: str) -> None:
    assert kinds.convert(folder(**files)).what.startswith(what)


def test_a_folder_says_which_tokens_play_which_roles() -> None:
    config = {"mask_token": "[M]", "cls_token": "x", "pad_token": "<s>", "sep_token": "none"}
    assert kinds.convert(folder(config, tokenizer_json=JSON)).names == {"mask": "[M]"}
    assert role_names({"pad": "e", "unk": "e", "mask": None}, ["e"]) == {"pad": "e"}


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("config.json", b'{"model_type": "bert"}', "the configuration of a model, and no token"),
        ("tokenizer_config.json", b'{"tokenizer_class": "B"}', "the configuration of a tokenizer"),
        ("vocab.json", b'{"a": 0, "b": 1}', "the vocabulary of a BPE tokenizer, which needs merge"),
        ("merges.txt", b"#version: 0.2\na b\n", "the merges of a BPE tokenizer, which need vocab"),
        ("pytorch_model.bin", b"PK\x03\x04\x00", "no tokenizer that is known; name a tokenizers"),
        ("model.safetensors", b"\x10\x00\x00{}", "no tokenizer that is known; name a tokenizers"),
    ],
)
def test_other_files_of_a_model(name: str, content: bytes, reason: str) -> None:
    with pytest.raises(UsageError, match=f"^--tokenizer here/{name}: {reason}"):
        kinds.convert(given_file(name, content))


def test_a_folder_of_something_else() -> None:
    with pytest.raises(UsageError, match="folder: no file of a tokenizer is in that folder; name"):
        kinds.convert(folder())


@pytest.mark.parametrize(
    ("given", "package", "extra"),
    [
        (given_file("a.model", MODEL), "sentencepiece", "tokenizers"),
        (given_file("gpt2.tiktoken", tiktoken_of()), "tiktoken", "tokenizers"),
    ],
)
def test_a_missing_library_is_named(
    given: Given, package: str, extra: str, without: Callable[[str], None]
) -> None:
    without(package)
    with pytest.raises(UsageError, match=rf"{package}, which is not installed: .*\[{extra}\]"):
        kinds.convert(given)


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes a package look as if it were not installed."""
    real = importlib.import_module

    def hide(package: str) -> None:
        def refuse(name: str, *more: Any) -> Any:
            if name.partition(".")[0] == package:
                raise ImportError(name)
            return real(name, *more)

        monkeypatch.setattr(importlib, "import_module", refuse)
        imported = builtins.__import__

        def no_import(name: str, *more: Any, **named: Any) -> Any:
            if name.partition(".")[0] == package:
                raise ImportError(name)
            return imported(name, *more, **named)

        monkeypatch.setattr(builtins, "__import__", no_import)

    return hide


def test_a_vocabulary_needs_no_library(without: Callable[[str], None]) -> None:
    without("transformers")
    found = kinds.convert(given_file("vocab.txt", VOCABULARY))
    assert found.original is None
    assert found.unchecked == "not compared with transformers, which is not installed"


def folder_of_class(name: str, path: Path) -> Given:
    content, config = trained_model("unigram"), {"tokenizer_class": name}
    (path / "spiece.model").write_bytes(content)
    (path / "tokenizer_config.json").write_text(json.dumps(config))
    return dataclasses.replace(folder(config, spiece__model=content), folder=str(path))


def test_a_class_of_transformers_converts_its_folder_itself(tmp_path: Path) -> None:
    """T5's tokenizer has a hundred sentinels that its SentencePiece model lacks."""
    given = folder_of_class("T5Tokenizer", tmp_path)
    found = kinds.convert(given)
    assert found.original is not None
    compared = compare(found, found.original, lines_of_sample()[:50])
    assert (compared.lines, compared.different) == (50, 0)
    tokenizer = Tokenizer.from_str(found.tokenizer_json)
    assert tokenizer.token_to_id("<extra_id_99>") is not None
    assert found.what.startswith("T5Tokenizer of folder (")
    assert found.tokenizer_json == kinds.convert(given).tokenizer_json
    assert str(tmp_path) not in found.tokenizer_json


def test_a_class_of_transformers_needs_transformers(
    tmp_path: Path, without: Callable[[str], None]
) -> None:
    given = folder_of_class("T5Tokenizer", tmp_path)
    with pytest.raises(UsageError, match="names T5Tokenizer, which transformers reads, from loc"):
        kinds.convert(dataclasses.replace(given, folder=None))
    with pytest.raises(UsageError, match="transformers cannot load the NoTokenizer that tokeniz"):
        kinds.convert(folder_of_class("NoTokenizer", tmp_path))
    without("transformers")
    with pytest.raises(UsageError, match=r"transformers, which is not .*\[trainer\]"):
        kinds.convert(given)


BYTE_LEVEL = json.dumps({"a": 0, "b": 1, "ab": 2}).encode()


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (
            folder(
                vocab_json='{"中": 0, "国": 1, "中国": 2}'.encode(), merges__txt="中 国".encode()
            ),
            r"line 1 of merges\.txt has characters that stand for no byte: '中 国', so this is no",
        ),
        (folder(vocab_json=b"{}", merges__txt=b""), "no JSON object of tokens and their ids"),
        (
            folder(vocab_json=b'{"a": 10000000000000000000}', merges__txt=b""),
            "no JSON object of tokens and their ids",
        ),
        (
            folder(vocab_json=b'{"a":' * 3000, merges__txt=b""),
            r"vocab\.json is no JSON file: maximum recursion",
        ),
        (
            folder({"add_prefix_space": "yes"}, vocab_json=BYTE_LEVEL, merges__txt=b"a b"),
            r"tokenizer_config\.json says add_prefix_space 'yes', which must be true or false",
        ),
        (
            folder(source__model=MODEL, target__model=MODEL),
            r"there are several SentencePiece models, source\.model, target\.model; name one",
        ),
        (
            given_file("nan.model", model_of([*SPECIAL, ("a", float("nan"))])),
            r"nan\.model is damaged: the score of 'a' is no number",
        ),
    ],
)
def test_what_no_tokenizer_can_be_made_of(given: Given, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        kinds.convert(given)


def test_json_that_is_nested_too_deeply_is_left_to_who_reads_it() -> None:
    content = b'{"model":' * 3000
    assert kinds.convert(given_file("a.json", content)).tokenizer_json == content.decode()


def test_a_byte_without_a_token_is_shown() -> None:
    found = kinds.convert(folder(vocab_json=BYTE_LEVEL, merges__txt=b"a b"))
    assert found.original is not None
    compared = compare(found, found.original, ["abc"])
    assert (compared.different, compared.example) == (
        1,
        "'abc' has the tokens no and not (none) from number 1 on",
    )


def test_tokens_that_merges_lack_are_appended_behind_the_highest_id() -> None:
    files = {"vocab.json": b'{"a": 0, "b": 1, "ab": 5}', "merges.txt": b"a b\n"}
    added = {"eod": "<|endoftext|>", "pad": "a", "mask": "<mask>"}
    found = kinds.convert(Given(name="folder", files=files, is_folder=True, added=added))
    tokenizer = Tokenizer.from_str(found.tokenizer_json)
    assert tokenizer.get_vocab() == {"a": 0, "b": 1, "ab": 5, "<|endoftext|>": 6, "<mask>": 7}
    assert found.what.endswith("(3 tokens; appended <|endoftext|> 6, <mask> 7)")
    # Its name in a text is text.
    tokenizer.encode_special_tokens = True
    assert 6 not in tokenizer.encode("<|endoftext|>").ids
