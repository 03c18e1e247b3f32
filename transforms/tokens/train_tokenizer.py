"""Trains tokenizers with the `tokenizers` library, on lines of documents.

The result depends only on the documents. The library itself does not guarantee that, because it
iterates over words in the order of a randomly seeded hash table. Therefore:

* WordPiece: all continuing characters ("##a") are passed to the trainer in advance, sorted. Else
  their ids, which break ties, would depend on the order of the table.
* Unigram: the order of the table decides the order in which floats are summed. Scores are rounded
  to far more than the observed differences (1e-10), and pieces are sorted by score and text.
* BPE: ties are broken by ids that are sorted already, so nothing needs to be done.
"""

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from tokenizers import (
    AddedToken,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

from schemas.vocabulary import sentinel_name
from transforms.tokens.tokenize_text import load_tokenizer
from transforms.tokens.training_text import blocks_of, frequent_characters, lines_of

BERT_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
ROBERTA_SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
_CONTINUES = "##"
_SCORE_DIGITS = 6
_STEP = 1e-4


@dataclasses.dataclass(frozen=True, kw_only=True)
class Training:
    """What to train.

    Attributes:
      model: One of `MODELS`.
      size: Size of the vocabulary, including special tokens.
      lowercase: Convert text to lower case; for WordPiece this also strips accents.
      min_frequency: Minimum count of a character, and of a pair to be merged.
      eod_token: The end-of-document token; "" for none.
      sentinels: How many of <extra_id_0>, <extra_id_1> ... there are; the first one has the highest
        id, as those of T5.
      show_progress: Show the progress bars of the library.
    """

    model: str
    size: int
    lowercase: bool
    min_frequency: int = 2
    eod_token: str = ""
    sentinels: int = 0
    show_progress: bool = False

    def __post_init__(self) -> None:
        if self.model not in MODELS:
            raise ValueError(f"model must be one of {', '.join(MODELS)}, got {self.model!r}")
        least = len(BERT_SPECIAL) + (0x100 if self.model == "bpe" else 1) + self.added
        if not least <= self.size <= 1 << 24:
            raise ValueError(
                f"size must be in [{least}, {1 << 24}] for {self.model}, got {self.size}"
            )
        if self.min_frequency < 1:
            raise ValueError(f"min_frequency must be at least 1, got {self.min_frequency}")

    @property
    def added(self) -> int:
        """How many tokens are added to those that are trained."""
        return bool(self.eod_token) + self.sentinels


def train_tokenizer(documents: Sequence[bytes], training: Training) -> str:
    """Trains a tokenizer.

    Args:
      documents: Normalised texts, in an order that does not depend on the files.
      training: What to train.

    Returns:
      The content of a `tokenizers` JSON file.

    Raises:
      ValueError: If the text needs more tokens than `training.size` allows.
    """
    size = training.size - training.added
    own = dataclasses.replace(training, size=size, eod_token="", sentinels=0)
    tokenizer = MODELS[training.model](documents, own)
    if training.eod_token:
        tokenizer.add_special_tokens([training.eod_token])
    tokenizer.add_special_tokens([sentinel_name(n) for n in reversed(range(training.sentinels))])
    text = tokenizer.to_str(pretty=True)
    size = Tokenizer.from_str(text).get_vocab_size(with_added_tokens=True)
    if size > training.size:
        raise ValueError(f"the text needs at least {size} tokens, but size is {training.size}")
    return str(text)


def _train_wordpiece(documents: Sequence[bytes], training: Training) -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=training.lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    continuing = _Continuing(tokenizer)
    kept = frequent_characters(
        documents,
        training.size,
        training.min_frequency,
        lambda character: 1 + len(continuing(character)),
    )
    inside = sorted({each for character in kept for each in continuing(character)})
    trainer = trainers.WordPieceTrainer(
        vocab_size=training.size,
        min_frequency=training.min_frequency,
        limit_alphabet=training.size,
        special_tokens=[*BERT_SPECIAL, *(_CONTINUES + character for character in inside)],
        continuing_subword_prefix=_CONTINUES,
        show_progress=training.show_progress,
    )
    tokenizer.train_from_iterator(lines_of(documents, kept), trainer)
    # For the trainer the continuing characters were special tokens, and now they are not.
    vocabulary = json.loads(tokenizer.to_str())["model"]["vocab"]
    finished = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    finished.normalizer, finished.pre_tokenizer = tokenizer.normalizer, tokenizer.pre_tokenizer
    finished.decoder = decoders.WordPiece(prefix=_CONTINUES)
    return _with_bert_special(finished)


def _with_bert_special(tokenizer: Tokenizer) -> Tokenizer:
    tokenizer.add_special_tokens(list(BERT_SPECIAL))
    sep, cls = (BERT_SPECIAL.index(token) for token in ("[SEP]", "[CLS]"))
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", sep), ("[CLS]", cls))
    return tokenizer


class _Continuing:
    """Returns what normalisation makes of a character inside a word."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer

    def __call__(self, character: str) -> str:
        text = self._tokenizer.normalizer.normalize_str(f"a{character}")
        words = self._tokenizer.pre_tokenizer.pre_tokenize_str(text)
        return str(words[0][0][1:]) if words else ""


def _train_bpe(documents: Sequence[bytes], training: Training) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    if training.lowercase:
        tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=training.size,
        min_frequency=training.min_frequency,
        # As in RoBERTa, the mask token strips the space before it.
        special_tokens=[*ROBERTA_SPECIAL[:-1], AddedToken("<mask>", lstrip=True, special=True)],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=training.show_progress,
    )
    tokenizer.train_from_iterator(lines_of(documents), trainer)
    sep, cls = (ROBERTA_SPECIAL.index(token) for token in ("</s>", "<s>"))
    tokenizer.post_processor = processors.RobertaProcessing(
        ("</s>", sep), ("<s>", cls), add_prefix_space=False
    )
    return tokenizer


def _train_unigram(documents: Sequence[bytes], training: Training) -> Tokenizer:
    steps = [normalizers.Nmt(), normalizers.NFKC()]
    steps += [normalizers.Lowercase()] if training.lowercase else []
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence(steps)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=training.size,
        special_tokens=list(BERT_SPECIAL),
        unk_token="[UNK]",
        show_progress=training.show_progress,
    )
    kept = frequent_characters(documents, training.size, training.min_frequency)
    tokenizer.train_from_iterator(lines_of(documents, kept), trainer)
    scored = json.loads(tokenizer.to_str())["model"]["vocab"]
    pieces = _deterministic(
        [(piece, score) for piece, score in scored if piece not in BERT_SPECIAL]
    )
    special = [(piece, 0.0) for piece in BERT_SPECIAL]
    finished = Tokenizer(models.Unigram([*special, *pieces], BERT_SPECIAL.index("[UNK]")))
    finished.normalizer, finished.pre_tokenizer = tokenizer.normalizer, tokenizer.pre_tokenizer
    finished.decoder = decoders.Metaspace()
    return _with_bert_special(finished)


def _deterministic(scored: Sequence[tuple[str, float]]) -> list[tuple[str, float]]:
    """Returns pieces with deterministic scores, the best first.

    The trainer assigns the lowest score, and steps of 0.0001 upwards, to characters that it pruned
    as pieces, in the order of a hash table. Here the same scores are assigned in sorted order.
    """
    single = [item for item in scored if len(item[0]) == 1]
    ceiling = min(score for _, score in scored) + _STEP * (len(single) + 0.5)
    low = [item for item in single if item[1] <= ceiling]
    descending = sorted((score for _, score in low), reverse=True)
    assigned = dict(zip(sorted(piece for piece, _ in low), descending, strict=True))
    rounded = [(piece, round(assigned.get(piece, score), _SCORE_DIGITS)) for piece, score in scored]
    return sorted(rounded, key=lambda item: (-item[1], item[0]))


MODELS: Mapping[str, Callable[[Sequence[bytes], Training], Tokenizer]] = {
    "wordpiece": _train_wordpiece,
    "bpe": _train_bpe,
    "unigram": _train_unigram,
}


@dataclasses.dataclass(frozen=True)
class Coverage:
    """How well a tokenizer covers a text.

    Attributes:
      characters: Number of characters of the text, without white space.
      tokens: Number of tokens.
      unknown: Number of characters in unknown tokens.
    """

    characters: int
    tokens: int
    unknown: int


def measure_coverage(tokenizer_json: str, documents: Sequence[bytes], unk: str) -> Coverage:
    """Encodes documents and counts characters, tokens and unknown characters.

    Args:
      tokenizer_json: The content of the tokenizer's JSON file.
      documents: Texts to encode.
      unk: The unknown token.
    """
    tokenizer = load_tokenizer(tokenizer_json)
    unknown_id = tokenizer.token_to_id(unk)
    characters = tokens = unknown = 0
    for block in blocks_of(documents):
        lines = block.decode().split("\n")
        characters += sum(len(line) - line.count(" ") for line in lines)
        for encoding in tokenizer.encode_batch(lines, add_special_tokens=False):
            tokens += len(encoding)
            if unknown_id in encoding.ids:
                missed = np.array(encoding.offsets)[np.array(encoding.ids) == unknown_id]
                unknown += int((missed[:, 1] - missed[:, 0]).sum())
    return Coverage(characters, tokens, unknown)
