"""GPT-2's and RoBERTa's vocab.json and merges.txt: byte-level BPE."""

import json
from collections.abc import Mapping
from typing import Any

from pipelines.tokenizers.converted import Converted, Original, appended, role_names
from pipelines.tokenizers.given import Given
from pipelines.tokenizers.libraries import versioned
from pipelines.tokenizers.tiktoken_file import PATTERNS, byte_characters
from schemas.extras import pip_install

_VOCABULARY, _MERGES = "vocab.json", "merges.txt"
_MOST_ID = 2**31 - 1
_ROLES = ("cls", "sep", "mask", "pad", "unk", "bos", "eos")
_USUAL = ("<s>", "</s>", "<pad>", "<unk>", "<mask>", "<|endoftext|>")


def find_merges(given: Given) -> str | None:
    """Returns the name of the vocabulary, if the merges are there too."""
    return _VOCABULARY if {_VOCABULARY, _MERGES} <= set(given.files) else None


def convert_merges(given: Given, name: str) -> Converted:
    """Makes GPT-2's tokenizer of a vocabulary and its merges.

    Tokens of `given.added` that the vocabulary lacks are appended.

    Raises:
      UsageError: if one of the files is damaged, or they do not belong together.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors

    ids = _ids(given, name)
    merges = _merges(given, ids)
    space = given.flag("add_prefix_space", False) is True
    first = max(ids.values()) + 1
    lacking = [token for token in dict.fromkeys(given.added.values()) if token not in ids]
    added = {token: first + number for number, token in enumerate(lacking)}
    tokenizer = Tokenizer(models.BPE(vocab={**ids, **added}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=space)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    named = {role: given.token(role) for role in _ROLES}
    special = [token for token in ids if token in {*_USUAL, *named.values()}]
    special = [*sorted(special, key=ids.__getitem__), *added]
    tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in special])
    original, unchecked = _original(ids, merges, space=space)
    return Converted(
        tokenizer_json=tokenizer.to_str(),
        what=f"byte-level BPE of {name} and {_MERGES} ({len(ids):,} tokens{appended(added)})",
        original=original,
        unchecked=unchecked,
        appends=True,
        names=role_names({role: named[role] for role in _ROLES[:5]}, ids),
    )


def _ids(given: Given, name: str) -> dict[str, int]:
    try:
        found: Any = json.loads(given.files[name].decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise given.problem(f"{name} is no JSON file: {error}") from error
    numbers = found.values() if isinstance(found, dict) else ()
    if not numbers or not all(type(n) is int and 0 <= n <= _MOST_ID for n in numbers):
        raise given.problem(f"{name} is no JSON object of tokens and their ids")
    if len(set(found.values())) < len(found):
        raise given.problem(f"two tokens of {name} have the same id")
    return dict(sorted(found.items(), key=lambda item: item[1]))


def _merges(given: Given, ids: Mapping[str, int]) -> list[tuple[str, str]]:
    """Returns the pairs of the merges' file, the first to be merged first."""
    found, characters = [], set(byte_characters())
    text = given.files[_MERGES].decode("utf-8", "replace")
    for number, line in enumerate(text.split("\n"), 1):
        line = line.removesuffix("\r")
        if not line or (number == 1 and line.startswith("#version")):
            continue
        left, space, right = line.partition(" ")
        if not space or not {left, right, left + right} <= ids.keys():
            raise given.problem(
                f"line {number} of {_MERGES} is no pair of tokens of {_VOCABULARY}: {line[:60]!r}"
            )
        if not characters.issuperset(left + right):
            raise given.problem(
                f"line {number} of {_MERGES} has characters that stand for no byte: {line[:60]!r}, "
                "so this is no byte-level BPE as of GPT-2; save the tokenizer as tokenizer.json"
            )
        found.append((left, right))
    return found


def _original(
    ids: Mapping[str, int], merges: list[tuple[str, str]], *, space: bool
) -> tuple[Original | None, str]:
    """Returns tiktoken with the same merges; or why there is none."""
    try:
        import tiktoken
    except ImportError:
        return None, f"not compared with tiktoken: {pip_install('tokenizers')}"
    characters = byte_characters()
    bytes_of = {character: byte for byte, character in enumerate(characters)}
    # The rank of a token is the number of its merge, behind all single bytes.
    ranks = {bytes([byte]): byte for byte in range(256)}
    written = dict(enumerate(characters))
    for left, right in merges:
        token = bytes(bytes_of[character] for character in left + right)
        written[len(ranks)] = left + right
        ranks[token] = len(ranks)
    encoding = tiktoken.Encoding(
        "given", pat_str=PATTERNS["gpt2"].regex, mergeable_ranks=ranks, special_tokens={}
    )

    def encode(text: str) -> list[int]:
        text = f" {text}" if space and not text.startswith(" ") else text
        return [ids.get(written[rank], -1) for rank in encoding.encode_ordinary(text)]

    return Original(versioned("tiktoken"), encode), ""
