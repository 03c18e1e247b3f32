"""BERT's vocab.txt: one WordPiece token a line, its number is its id."""

import importlib.metadata
from collections.abc import Mapping
from typing import Any

from pipelines.tokenizers.converted import Converted, Original, role_names
from pipelines.tokenizers.given import Given

_PREFIX = "##"
_LONGEST_WORD = 100
_DEFAULTS = {"unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "pad": "[PAD]", "mask": "[MASK]"}


def find_vocabulary(given: Given) -> str | None:
    """Returns the name of a text file that has the unknown token on a line of its own."""
    unknown = (given.token("unk") or _DEFAULTS["unk"]).encode()
    for name, content in given.files.items():
        lines = content.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")
        if b"\n" + unknown + b"\n" in b"\n" + lines + b"\n" and b"\0" not in content:
            return name
    return None


def convert_vocabulary(given: Given, name: str) -> Converted:
    """Makes BERT's tokenizer of a vocabulary.

    Raises:
      UsageError: if it is not UTF-8, or a token is twice in it.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers

    ids = _ids(given, name)
    names = {role: given.token(role) or usual for role, usual in _DEFAULTS.items()}
    names = {role: token for role, token in names.items() if token in ids}
    lower, reason = _lower_case(given, ids, set(names.values()))
    strip = given.flag("strip_accents", None)
    chinese = given.flag("tokenize_chinese_chars", True) is True
    tokenizer = Tokenizer(
        models.WordPiece(
            vocab=ids,
            unk_token=names["unk"],
            max_input_chars_per_word=_LONGEST_WORD,
            continuing_subword_prefix=_PREFIX,
        )
    )
    tokenizer.normalizer = normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=chinese, strip_accents=strip, lowercase=lower
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix=_PREFIX, cleanup=False)
    special = sorted(set(names.values()), key=ids.__getitem__)
    tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in special])
    if "cls" in names and "sep" in names:
        tokenizer.post_processor = _template(names, ids)
    original, unchecked = _original(ids, names["unk"], lower, strip, chinese)
    return Converted(
        tokenizer_json=tokenizer.to_str(),
        what=f"WordPiece vocabulary {name} ({len(ids):,} tokens, {reason})",
        original=original,
        unchecked=unchecked,
        names=role_names(names, ids),
    )


def _ids(given: Given, name: str) -> dict[str, int]:
    try:
        text = given.files[name].decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise given.problem(f"{name} is not UTF-8 text: {error}") from error
    # Tokens may hold what other functions take for the end of a line.
    lines = text.removesuffix("\n").split("\n")
    ids: dict[str, int] = {}
    for number, line in enumerate(lines):
        token = line.removesuffix("\r")
        if token in ids:
            raise given.problem(
                f"the token {token!r} is on lines {ids[token] + 1} and {number + 1} of {name}, so "
                "its id is not clear; make every line another token, such as [unused1]"
            )
        ids[token] = number
    return ids


def _lower_case(given: Given, ids: Mapping[str, int], special: set[str]) -> tuple[bool, str]:
    """Returns whether text is lower-cased, and the reason in words."""
    said = given.flag("do_lower_case", None)
    if said is not None:
        return said, f"{'lower-case' if said else 'cased'} by do_lower_case"
    # Markers such as [unused1], <S> and <T> are no text.
    upper = [
        token
        for token in ids
        if token != token.lower() and token not in special and token[:1] not in "[<"
    ]
    if upper:
        return False, f"cased: it has {upper[0]!r}"
    return True, "lower-case: no token has a capital letter"


def _template(names: Mapping[str, str], ids: Mapping[str, int]) -> Any:
    from tokenizers import processors

    cls, sep = names["cls"], names["sep"]
    return processors.TemplateProcessing(
        single=f"{cls} $A {sep}",
        pair=f"{cls} $A {sep} $B:1 {sep}:1",
        special_tokens=[(cls, ids[cls]), (sep, ids[sep])],
    )


def _original(
    ids: Mapping[str, int], unknown: str, lower: bool, strip: bool | None, chinese: bool
) -> tuple[Original | None, str]:
    """Returns BERT's tokenizer in Python, as transformers keeps it; or why there is none."""
    try:
        from transformers.models.bert import tokenization_bert_legacy as bert
    except ImportError:
        return None, "not compared with transformers, which is not installed"
    words = bert.BasicTokenizer(
        do_lower_case=lower, tokenize_chinese_chars=chinese, strip_accents=strip
    )
    pieces = bert.WordpieceTokenizer(ids, unk_token=unknown, max_input_chars_per_word=_LONGEST_WORD)

    def encode(text: str) -> list[int]:
        found = (piece for word in words.tokenize(text) for piece in pieces.tokenize(word))
        return [ids.get(piece, ids[unknown]) for piece in found]

    version = importlib.metadata.version("transformers")
    return Original(f"BertTokenizer of transformers {version}", encode), ""
