"""Where the ids come from that are seen in place of others."""

import dataclasses
import functools
from typing import ClassVar

import numpy as np

from schemas.records import Array, Bool, Int64
from schemas.vocabulary import Vocabulary, check_roles
from schemas.windows import Examples
from transforms.contract.part import Part

_EVENLY = np.empty(0, np.int64)
"""The law of ids that are all as likely."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvenIds(Part):
    """All ids with equal chance.

    Attributes:
      exclude: Roles of special tokens that are never sampled.

    Randomness: 32 bits an id.
    Source: google-research/bert create_pretraining_data.py:405 (whole vocabulary);
      fairseq data/mask_tokens_dataset.py:170-226 (all but <s> <pad> </s> <unk>).
    """

    exclude: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_roles(self.exclude)

    def choices(self, examples: Examples, vocabulary: Vocabulary) -> tuple[Array, Int64]:
        return self._allowed(vocabulary, examples.ids.dtype.str), _EVENLY

    def allowed(self, vocabulary: Vocabulary) -> Int64:
        return self._allowed(vocabulary, "i8")

    def _allowed(self, vocabulary: Vocabulary, kind: str) -> Array:
        excluded = [vocabulary.roles[role] for role in self.exclude if role in vocabulary.roles]
        return _all_but(vocabulary.size, (*excluded, *vocabulary.unused), kind)

    def weights(self, ids: Array, special: Bool, vocabulary: Vocabulary) -> Int64:
        found = np.zeros(vocabulary.size, np.int64)
        found[self.allowed(vocabulary)] = 1
        return found


@dataclasses.dataclass(frozen=True, kw_only=True)
class UnigramIds(Part):
    """Ids as often as they come in text, special tokens left out.

    The text is that of the rows that are corrupted together: a record batch of a shard, or a batch
    of the trainer. With `--counts FILE` it is what was counted there: a JSON object
    {token: count}, or lines of a token, a tab and its count.

    Randomness: 32 bits an id. Without --counts this is the one draw of a row that also depends on
      the rows beside it, as they are the text.
    Source: facebookresearch/SpanBERT pretraining/fairseq/data/masking.py (a random token of the
      corpus).
    Differs: without --counts, the text is not the whole corpus but a part of it.
    """

    follows_counts: ClassVar[bool] = True

    def choices(self, examples: Examples, vocabulary: Vocabulary) -> tuple[Array, Int64]:
        counts = vocabulary.counts
        if counts is not None:
            return counts.ids.astype(examples.ids.dtype), counts.thresholds
        from transforms.kernels.rewriting import take_text

        text = np.empty_like(examples.ids)
        return text[: take_text(examples.ids, examples.special, text)], _EVENLY

    def allowed(self, vocabulary: Vocabulary) -> Int64:
        if vocabulary.counts is not None:
            return vocabulary.counts.ids
        masks = [vocabulary.roles[role] for role in ("mask",) if role in vocabulary.roles]
        return _all_but(vocabulary.size, (*masks, *vocabulary.unused), "i8")

    def weights(self, ids: Array, special: Bool, vocabulary: Vocabulary) -> Int64:
        if vocabulary.counts is None:
            return np.bincount(ids[~special], minlength=vocabulary.size)[: vocabulary.size]
        found = np.zeros(vocabulary.size, np.int64)
        found[vocabulary.counts.ids] = np.diff(vocabulary.counts.thresholds, prepend=0)
        return found


@functools.lru_cache(maxsize=8)
def _all_but(size: int, excluded: tuple[int, ...], kind: str) -> Array:
    """Returns the other ids of a vocabulary, as numbers of a kind."""
    allowed = np.ones(size, np.bool_)
    allowed[list(excluded)] = False
    return np.flatnonzero(allowed).astype(kind)
