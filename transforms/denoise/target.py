"""What kinds of targets have in common."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from schemas.records import Array
from schemas.vocabulary import Vocabulary
from transforms.arrays.edits import Edits
from transforms.arrays.sequences import CleanRows
from transforms.contract.denoising import NO_FLOWS
from transforms.contract.part import Part


class OneTarget(Part):
    """A target of an encoder and a decoder; see `transforms.contract.denoising.Writes`.

    No token stands for its spans or is added to it, and its positions are 0, 1, 2 ...
    """

    marked: ClassVar[bool] = False
    sentinels: ClassVar[bool] = False
    own_positions: ClassVar[bool] = False

    @property
    def hides_masks(self) -> bool:
        return False

    @property
    def flows(self) -> Mapping[str, float]:
        return NO_FLOWS

    @property
    def end(self) -> tuple[str, ...]:
        return ()

    def completed(self, rows: CleanRows, edits: Edits, vocabulary: Vocabulary) -> Edits:
        return edits

    def tokens(self, vocabulary: Vocabulary) -> Array:
        return np.empty(0, vocabulary.id_type)
