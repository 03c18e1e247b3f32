"""A prefix of any length, and the rest of the row."""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from schemas.edits import NOTHING
from schemas.vocabulary import Vocabulary
from transforms.arrays.edits import Edits
from transforms.checks.denoising import examine_prefixes, prefix_oracles
from transforms.contract.corrupting import Copies
from transforms.contract.denoising import CONTINUED, NoiseBatch
from transforms.contract.oracle import Findings, Oracle
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch
from transforms.denoise.noise import OneNoise


@dataclasses.dataclass(frozen=True, kw_only=True)
class PrefixSplit(OneNoise):
    """The source is the begin of a row, and what is taken away is the rest; both have a token.

    Randomness: 32 bits a copy of a row: all lengths are as likely.
    Source: google-research/text-to-text-transfer-transformer t5/data/preprocessors.py:2034-2050,
      3043-3074 (prefix_lm, random_prefix_noise_mask).
    """

    kinds: ClassVar[tuple[str, ...]] = (CONTINUED,)

    def apply(self, edits: Edits, batch: NoiseBatch, copies: Copies) -> Edits:
        from transforms.kernels.span_noise import draw_prefixes

        offsets = batch.examples.offsets
        starts = np.empty(len(edits), np.uint16)
        draw_prefixes((offsets, batch.rows), copies.keys, starts)
        ends = np.repeat(np.diff(offsets), len(copies)).astype(np.uint16)
        fills = np.full(len(edits), NOTHING, np.uint8)
        ones = np.arange(len(edits) + 1)
        return dataclasses.replace(edits, offsets=ones, starts=starts, ends=ends, fills=fills)

    def most_tokens(self, room: int) -> int:
        return room + 1

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        return examine_prefixes(batch, rules.max_seq_length)

    def oracles(
        self, totals: Mapping[str, int], rules: RowRules, vocabulary: Vocabulary
    ) -> list[Oracle]:
        return prefix_oracles(totals, rules.max_seq_length)
