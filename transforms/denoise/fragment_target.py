"""The target that is the fragments of a row, each token at its own position."""

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from schemas.edits import EACH
from schemas.records import Int64
from schemas.vocabulary import Vocabulary, check_roles
from transforms.arrays.edits import Edits
from transforms.arrays.ragged import Ragged
from transforms.arrays.sequences import CleanRows, Sequences, measured, sources
from transforms.checks.fragments import examine_fragments
from transforms.checks.rewriting import Shares, examine_rewriting, rewriting_oracles
from transforms.contract.denoising import FRAGMENTS
from transforms.contract.oracle import Findings, Oracle
from transforms.contract.rules import RowLayout, RowRules
from transforms.contract.stored import StoredBatch
from transforms.corruption.random_ids import EvenIds
from transforms.corruption.rewrite import check_shares
from transforms.denoise.target import OneTarget
from transforms.denoise.token_noise import TokenNoise


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fragment(OneTarget):
    """What is taken away; for each token the decoder is given the one before it in the row.

    Example, mask M, the row <s> a b c d </s> and the fragment b c: source <s> a M M d </s>, target
    b c, decoder input a b, at the positions 1 2.

    Attributes:
      mask: Probability of a token of a fragment to be the mask token for the encoder.
      random: Probability to be a random token; what remains is kept.
      exclude: Roles of special tokens that are never sampled.
      hides_masks: The decoder does not attend to the masks of a source, which the encoder sees.

    Randomness: 64 bits a token, of the seed that is stored of the row, and the number of the copy.
    Source: microsoft/MASS MASS-unsupNMT/src/trainer.py:735-841; microsoft/ProphetNet
      ProphetNet_En/prophetnet/ngram_s2s_model.py:692-706 (positions of the row).
    """

    kind: ClassVar[str] = FRAGMENTS
    start: ClassVar[str] = "sep"
    own_positions: ClassVar[bool] = True
    marked: ClassVar[bool] = True
    required_roles: ClassVar[tuple[str, ...]] = ("mask",)

    mask: float = 0.8
    random: float = 0.1
    exclude: tuple[str, ...] = ()
    hides_masks: bool = False

    def __post_init__(self) -> None:
        check_roles(self.exclude)
        check_shares(self.mask, self.random)

    def lengths(self, rows: Int64, edits: Edits) -> Int64:
        taken = measured(rows, edits)[:, 1]
        return np.stack([np.repeat(rows, len(edits) // max(len(rows), 1)), taken], axis=1)

    def completed(self, rows: CleanRows, edits: Edits, vocabulary: Vocabulary) -> Edits:
        """Returns edits with the ids that the encoder sees at their tokens."""
        return self._made(rows, edits, vocabulary)[1]

    def sequences(
        self, rows: CleanRows, edits: Edits, layout: RowLayout, vocabulary: Vocabulary
    ) -> Sequences:
        return self._made(rows, edits, vocabulary)[0]

    def _made(
        self, rows: CleanRows, edits: Edits, vocabulary: Vocabulary
    ) -> tuple[Sequences, Edits]:
        """Returns source and target, and edits with the ids that the encoder sees."""
        none = np.empty(0, rows.ids.dtype)
        positions = edits.taken
        begins = np.repeat(rows.offsets[:-1], len(edits) // max(len(rows), 1))
        flat = np.repeat(begins, positions.lengths) + positions.values
        target = Ragged(rows.ids[flat], positions.offsets)
        shares = self._shares(vocabulary)
        noise = TokenNoise(shares.mask, shares.random, vocabulary.mask, shares.allowed)
        ids = Ragged(noise.applied(target, edits), target.offsets)
        shown = dataclasses.replace(edits, fills=np.full_like(edits.fills, EACH), ids=ids)
        made = Sequences(
            source=sources(rows, shown, none, none),
            target=target,
            decoder_input=rows.ids[flat - 1],
            positions=positions.values - np.uint16(1),
            target_positions=positions.values,
        )
        return made, shown

    def _shares(self, vocabulary: Vocabulary) -> Shares:
        return Shares(self.mask, self.random, EvenIds(exclude=self.exclude).allowed(vocabulary))

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        made, shown = self._made(batch.clean, batch.edits, vocabulary)
        assert made.target_positions is not None
        selected = Ragged(made.target_positions, made.target.offsets)
        seen = dataclasses.replace(batch, selected=selected, seen=shown.ids.values)
        return examine_fragments(batch, made) + examine_rewriting(
            seen, self._shares(vocabulary), vocabulary
        )

    def oracles(
        self, totals: Mapping[str, int], rules: RowRules, vocabulary: Vocabulary
    ) -> list[Oracle]:
        return rewriting_oracles(totals, self._shares(vocabulary), vocabulary)
