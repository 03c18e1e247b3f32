"""Tokenizers of every kind, trained on a few lines, for what must hold whatever the tokenizer."""

import functools
import itertools
from collections.abc import Callable

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

LINES = [
    "the cat of the house and the dog of the warehouse met in the garden of the house",
    "TiDB集群 的 数据库 版本 我们 在 北京大学 学习 3 倍 的 速度",
    "of the people in the city of the north 2016 12 the DSD版本 was new",
    "卡拉OK 大学生 中国人民 数据库集群 of the cat in the house",
]
_SPECIAL = ["<unk>", "<s>", "</s>", "<pad>", "<mask>"]
_MAKERS: dict[str, Callable[[], Tokenizer]] = {}


def zoo() -> list[str]:
    """Returns the names of all tokenizers."""
    return list(_MAKERS)


@functools.cache
def animal(name: str) -> Tokenizer:
    """Returns a tokenizer, which is trained once."""
    return _MAKERS[name]()


def _bpe(**settings: object) -> Tokenizer:
    return Tokenizer(models.BPE(unk_token="<unk>", **settings))


def _trained(tokenizer: Tokenizer, *, bytes_too: bool = False) -> Tokenizer:
    alphabet = pre_tokenizers.ByteLevel.alphabet() if bytes_too else []
    kinds = {
        models.BPE: trainers.BpeTrainer(
            vocab_size=330 if bytes_too else 130,
            special_tokens=_SPECIAL,
            initial_alphabet=alphabet,
            show_progress=False,
        ),
        models.Unigram: trainers.UnigramTrainer(
            vocab_size=160, special_tokens=_SPECIAL, unk_token="<unk>", show_progress=False
        ),
        models.WordLevel: trainers.WordLevelTrainer(special_tokens=_SPECIAL, show_progress=False),
    }
    tokenizer.train_from_iterator(LINES * 3, kinds[type(tokenizer.model)])
    return tokenizer


def _word_piece(before: pre_tokenizers.PreTokenizer) -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = before
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=220, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(LINES * 3, trainer)
    return tokenizer


def _byte_level(*, prefix: bool, regex: bool) -> Tokenizer:
    tokenizer = _bpe()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix, use_regex=regex)
    return _trained(tokenizer, bytes_too=True)


def _metaspace(model: Tokenizer, scheme: str, *, split: bool) -> Tokenizer:
    model.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme, split=split)
    return _trained(model)


def _normalised() -> Tokenizer:
    """Of the shape of Llama's: a normaliser puts the marks of spaces, and nothing cuts."""
    tokenizer = _bpe(byte_fallback=True)
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    return _trained(tokenizer)


def _digits() -> Tokenizer:
    tokenizer = _bpe()
    digits = pre_tokenizers.Digits(individual_digits=True)
    steps = [digits, pre_tokenizers.ByteLevel(add_prefix_space=False)]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps)
    return _trained(tokenizer, bytes_too=True)


def _word_level() -> Tokenizer:
    tokenizer = Tokenizer(models.WordLevel(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return _trained(tokenizer)


_MAKERS["word_piece-bert"] = lambda: _word_piece(pre_tokenizers.BertPreTokenizer())
_MAKERS["word_piece-spaces"] = lambda: _word_piece(pre_tokenizers.WhitespaceSplit())
_MAKERS["word_level"] = _word_level
_MAKERS["bpe-normalised"] = _normalised
_MAKERS["bpe-digits"] = _digits
for _prefix, _regex in itertools.product((False, True), repeat=2):
    _MAKERS[f"bpe-bytes-prefix={_prefix}-regex={_regex}"] = functools.partial(
        _byte_level, prefix=_prefix, regex=_regex
    )
for _scheme, _split in itertools.product(("always", "first", "never"), (True, False)):
    _MAKERS[f"bpe-metaspace-{_scheme}-split={_split}"] = functools.partial(
        lambda scheme, split: _metaspace(_bpe(), scheme, split=split), _scheme, _split
    )
    _MAKERS[f"unigram-metaspace-{_scheme}-split={_split}"] = functools.partial(
        lambda scheme, split: _metaspace(Tokenizer(models.Unigram()), scheme, split=split),
        _scheme,
        _split,
    )
