"""Spans of random lengths, an exact number of tokens of each row; or tokens each on its own."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from schemas.records import Int64
from schemas.vocabulary import Vocabulary
from transforms.arrays.edits import Edits
from transforms.arrays.parts import MOST, rounded_parts
from transforms.arrays.ragged import offsets_of
from transforms.arrays.randomness import threshold
from transforms.checks.denoising import (
    examine_amounts,
    examine_runs,
    run_oracles,
    segment_oracles,
)
from transforms.contract.corrupting import Copies
from transforms.contract.denoising import REMOVED, NoiseBatch
from transforms.contract.oracle import Findings, Oracle
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch
from transforms.denoise.noise import OneNoise, check_part


@dataclasses.dataclass(frozen=True, kw_only=True)
class RandomSegments(OneNoise):
    """Text and spans in turn: the tokens of both are divided at random, each way as likely.

    A row begins with text and ends with a span. Rows of one token are left alone.

    Attributes:
      density: Part of the tokens that is taken away, rounded to a whole number of tokens.
      mean_length: Mean length of spans: it says how many there are.

    Randomness: 64 bits a span but one, for its length and for that of the text before it.
    Source: google-research/text-to-text-transfer-transformer t5/data/preprocessors.py:2646-2708,
      2930-3039 (random_spans_helper, random_spans_noise_mask).
    Differs: no token less with a density of one half, where the reference makes inputs and targets
      equally long.
    """

    kinds: ClassVar[tuple[str, ...]] = (REMOVED,)

    density: float = 0.15
    mean_length: float = 3.0

    def __post_init__(self) -> None:
        check_part("density", self.density)
        if not 1 <= self.mean_length <= MOST:
            raise ValueError(f"mean_length must be in [1, {MOST}], got {self.mean_length}")

    def apply(self, edits: Edits, batch: NoiseBatch, copies: Copies) -> Edits:
        from transforms.kernels.span_noise import segment_rows

        row_offsets = batch.examples.offsets
        amounts = _amounts(self.density, self.mean_length)
        offsets = offsets_of(np.repeat(amounts[1][np.diff(row_offsets)], len(copies)))
        spans = np.empty(offsets[-1], np.uint16), np.empty(offsets[-1], np.uint16)
        segment_rows((row_offsets, batch.rows), amounts, copies.keys, offsets, spans)
        return self.tokens_for(edits, offsets, *spans)

    def most_tokens(self, room: int) -> int:
        tokens, spans = _amounts(self.density, self.mean_length)
        sources = np.arange(MOST) - tokens + spans
        # Rows of so long sources are longer than all that are known.
        return MOST if sources[-1] < room else int(np.flatnonzero(sources <= room)[-1])

    def spans(self, tokens: int) -> int:
        return int(_amounts(self.density, self.mean_length)[1][tokens])

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        amounts = _amounts(self.density, self.mean_length)
        return examine_amounts(batch, amounts)

    def oracles(
        self, totals: Mapping[str, int], rules: RowRules, vocabulary: Vocabulary
    ) -> list[Oracle]:
        return segment_oracles(totals)


@functools.lru_cache(maxsize=8)
def _amounts(density: float, mean_length: float) -> tuple[Int64, Int64]:
    """Returns int64[65536]: tokens and spans to take away from rows of 0, 1, 2 ... tokens.

    Both are rounded to the nearest number, halves to the even one.
    """
    tokens = rounded_parts(density)
    spans = np.maximum(np.rint(tokens / mean_length).astype(np.int64), 1)
    return tokens, np.minimum(np.minimum(spans, tokens), np.arange(MOST) - tokens)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RandomTokens(OneNoise):
    """Each token on its own; those side by side are one span.

    Attributes:
      density: Probability of a token to be taken away.

    Randomness: 32 bits a token.
    Source: google-research/text-to-text-transfer-transformer t5/data/preprocessors.py:2015-2031
      (iid_denoising).
    Differs: where a row would have more spans than there are sentinels, its rest is left alone.
    """

    kinds: ClassVar[tuple[str, ...]] = (REMOVED,)

    density: float = 0.15

    def __post_init__(self) -> None:
        check_part("density", self.density)

    def apply(self, edits: Edits, batch: NoiseBatch, copies: Copies) -> Edits:
        from transforms.kernels.span_noise import draw_runs

        row_offsets = batch.examples.offsets
        most = np.minimum((np.diff(row_offsets) + 1) // 2, len(batch.tokens))
        room = int(most.sum()) * len(copies)
        spans = np.empty(room, np.uint16), np.empty(room, np.uint16)
        offsets = np.zeros(len(edits) + 1, np.int64)
        share = threshold(self.density)
        draw_runs((row_offsets, batch.rows), share, len(batch.tokens), copies.keys, offsets, spans)
        return self.tokens_for(edits, offsets, *(each[: offsets[-1]] for each in spans))

    def spans(self, tokens: int) -> int:
        """Returns as many as hardly any row exceeds: the mean and five standard deviations."""
        begun = self.density * (1 - self.density)
        most = tokens * begun + 1 + 5 * (tokens * begun * (1 - 3 * begun)) ** 0.5
        return min(int(most), (tokens + 1) // 2)

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        return examine_runs(batch, len(vocabulary.sentinels))

    def oracles(
        self, totals: Mapping[str, int], rules: RowRules, vocabulary: Vocabulary
    ) -> list[Oracle]:
        return run_oracles(totals, self.density)
