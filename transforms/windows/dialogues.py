"""Dialogues: windows of turns, of which one may come from another dialogue."""

import dataclasses
from typing import ClassVar

import numpy as np

from schemas.records import Tokens
from schemas.vocabulary import Vocabulary
from schemas.windows import Packing
from schemas.wording import counted
from transforms.arrays.ragged import offsets_of, range_indices
from transforms.checks.dialogues import examine_turns
from transforms.contract.oracle import Findings
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch
from transforms.windows.pack_windows import insert_separators
from transforms.windows.packer import Packer

MIN_TURNS = 2
MAX_TURNS = 16


@dataclasses.dataclass(frozen=True, kw_only=True)
class DialogueTurns(Packer):
    """Consecutive turns of one dialogue, with a separator after each; a turn is a line of the text.

    A dialogue is cut into windows of `turns` turns, and a rest of one turn more into two windows
    with at least two turns each. Where an example is too long its longest turn loses tokens at its
    end until it is as long as the next, then both, and of equal ones the last first. A dialogue of
    one turn makes no example. Token types are the roles of the speakers: 0 for the first, third,
    ... turn of an example (Q), 1 for the others (R).

    Attributes:
      turns: Maximum number of turns of an example, 3 to 16.

    Source: Sun et al. 2019, 4.2.4 (ERNIE 1.0, dialogue language model).
    Differs: no reference code was published. Speakers take turns, so examples are Q-R-Q, and Q-R
      where only two turns are left; the paper also has Q-R-R and Q-Q-R.
    """

    for_pairs: ClassVar[bool] = True
    dialogue: ClassVar[bool] = True

    turns: int = 3

    def __post_init__(self) -> None:
        if not MIN_TURNS < self.turns <= MAX_TURNS:
            raise ValueError(f"turns must be in [{MIN_TURNS + 1}, {MAX_TURNS}], got {self.turns}")

    def pack(
        self, tokens: Tokens, capacity: int, vocabulary: Vocabulary, rng: np.random.Generator
    ) -> Packing:
        if capacity < 2 * self.turns:
            raise ValueError(
                f"a sequence has room for {counted(capacity, 'token')}, and {self.turns} turns "
                f"with their separators need {2 * self.turns} or more"
            )
        items = insert_separators(
            _turns_of(tokens, capacity), vocabulary.sep, after_lines=True, after_documents=False
        )
        count = len(items.sentence_offsets) - 1
        left = np.repeat(items.document_offsets[1:], np.diff(items.document_offsets))
        left = left - np.arange(count)
        sizes = np.where(left == self.turns + 1, self.turns - 1, np.minimum(left, self.turns))
        return Packing(items, np.arange(count) + sizes, np.full(count, capacity, np.int64))

    @property
    def inner_roles(self) -> tuple[str, ...]:
        return ("sep",)

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        return examine_turns(batch, vocabulary.sep, MIN_TURNS, self.turns)


def _turns_of(tokens: Tokens, most: int) -> Tokens:
    """Makes items of lines instead of sentences, and takes away what a line has beyond `most`."""
    last = tokens.ends_line.copy()
    last[tokens.document_offsets[1:] - 1] = True
    borders = np.append(0, tokens.sentence_offsets[1:][last])
    lengths = np.minimum(np.diff(borders), most)
    chosen = range_indices(borders[:-1], lengths)
    return dataclasses.replace(
        tokens,
        **tokens.take(chosen).columns,
        sentence_offsets=offsets_of(lengths),
        document_offsets=offsets_of(last)[tokens.document_offsets],
        ends_line=np.ones(len(lengths), np.bool_),
    )
