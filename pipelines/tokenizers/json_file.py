"""A tokenizers JSON file: taken as it is, byte for byte."""

import json
from collections.abc import Mapping
from typing import Any

from pipelines.tokenizers.converted import Converted, role_names
from pipelines.tokenizers.given import CONFIGS, Given

_NAME = "tokenizer.json"
_ROLES = ("cls", "sep", "mask", "pad", "unk")


def find_json(given: Given) -> str | None:
    """Returns the name of the file that is JSON: of a folder tokenizer.json alone."""
    if given.is_folder:
        return _NAME if _NAME in given.files else None
    [(name, content)] = given.files.items()
    return name if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") else None


def read_json(given: Given, name: str) -> Converted:
    """Returns the file's content unchanged, after a look whether it is another JSON file.

    Raises:
      UsageError: if it is the configuration of a model or tokenizer, or a vocabulary alone.
    """
    try:
        content = given.files[name].decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise given.problem(f"not UTF-8 text: {error}") from error
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        # What is wrong with it is said by whoever reads the vocabulary.
        return Converted(tokenizer_json=content)
    if isinstance(found, Mapping) and "model" not in found and (kind := _other(name, found)):
        raise given.problem(f"{kind}; name tokenizer.json or the folder that has the files")
    if not given.configs:
        return Converted(tokenizer_json=content)
    names = role_names({role: given.token(role) for role in _ROLES}, _tokens(found))
    return Converted(tokenizer_json=content, names=names)


def _other(name: str, found: Mapping[str, Any]) -> str:
    """Returns what a JSON object without a model is, "" if that is not known."""
    if name in CONFIGS or "tokenizer_class" in found or "unk_token" in found:
        return "the configuration of a tokenizer, without its vocabulary"
    if "model_type" in found or "architectures" in found or "hidden_size" in found:
        return "the configuration of a model, and no tokenizer"
    if len(found) > 1 and all(type(number) is int for number in found.values()):
        return "the vocabulary of a BPE tokenizer, which needs merges.txt beside it"
    return ""


def _tokens(found: Any) -> list[str]:
    """Returns the tokens of a tokenizers JSON, [] if it is damaged."""
    try:
        vocabulary = found["model"]["vocab"]
        added = [token["content"] for token in found.get("added_tokens", [])]
        listed = isinstance(vocabulary, list)
        return added + [token[0] if listed else token for token in vocabulary]
    except (KeyError, TypeError, IndexError):
        return []
