"""What is predicted of streams of sentences: from every word the next one, in both directions."""

import dataclasses
from typing import ClassVar

import numpy as np

from schemas.records import Array, Int64
from schemas.vocabulary import Vocabulary
from transforms.contract.attention import RECURRENT
from transforms.contract.oracle import Findings
from transforms.contract.part import Part
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch


@dataclasses.dataclass(frozen=True, kw_only=True)
class NextWords(Part):
    """From every token of a row but the last, the next word, or the end of its sentence.

    A row holds only the marker that a sentence begins with. Where that comes next, the marker that
    the sentence before ends with is predicted: with `<s>` and `</s>` for the two markers, `</s>`
    in a forward row and `<s>` in a reversed one.

    Source: allenai/bilm-tf bilm/data.py (_get_batch).
    """

    attention: ClassVar[str] = RECURRENT
    name: ClassVar[str] = "lm"
    of_next: ClassVar[bool] = True
    of_words: ClassVar[bool] = True
    of_labels: ClassVar[bool] = False
    keep_apart: ClassVar[bool] = False

    # Forward, </s> <s> the as 0 1 7: [7 1 7] becomes [7 0 7]. A reversed row has 0 for 1.
    def targets(self, following: Array, vocabulary: Vocabulary) -> Array:
        """Returns [T]: what is predicted where these tokens come next."""
        one, other = vocabulary.roles["cls"], vocabulary.roles["sep"]
        found = following.copy()
        found[following == one] = other
        found[following == other] = one
        return found

    def predicted(self, batch: StoredBatch, vocabulary: Vocabulary) -> tuple[Int64, Array]:
        keep = np.ones(len(batch.ids), np.bool_)
        keep[batch.offsets[:-1]] = False
        at = np.flatnonzero(keep)
        return at, self.targets(batch.ids[at], vocabulary)

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        return Findings({f"{self.name}.predictions": len(batch.ids) - len(batch)})
