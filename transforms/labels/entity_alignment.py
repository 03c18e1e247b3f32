"""Alignment of tokens with the entities that they name."""

import dataclasses
from typing import ClassVar

import numpy as np
import pyarrow as pa

from schemas.columns import ENTITY_IDS
from schemas.records import Array, Bool
from schemas.vocabulary import Vocabulary
from schemas.windows import Examples
from transforms.arrays.ragged import offsets_of
from transforms.contract.oracle import Findings, breach, gather
from transforms.contract.rules import RowRules
from transforms.contract.stored import StoredBatch
from transforms.labels.token_labels import TokenLabels
from transforms.windows.examples import take_rows


@dataclasses.dataclass(frozen=True, kw_only=True)
class EntityAlignment(TokenLabels):
    """The entity that each token names: at the first token of an entity with an id its number.

    The entities come from `--entities`, `--gazetteer` or `--annotations`; those without an id do
    not count. An entity whose first token was cut off is not aligned with what is left of it.

    Attributes:
      min_entities: Rows in which fewer tokens are aligned are left out, and counted.

    Source: Zhang et al. 2019, 3.4; thunlp/ERNIE pretrain_data/create_insts.py,
      code/create_instances.py.
    Differs: only the first token of an entity is aligned, as a comment there says. The code aligns
      the first, third, fifth, ... token instead. (The paper leaves out rows of fewer than 3
      entities, the code those of fewer than 5 aligned tokens.)
    """

    name: ClassVar[str] = ENTITY_IDS
    label_type: ClassVar[pa.DataType] = pa.int32()
    needs: ClassVar[frozenset[str]] = frozenset({ENTITY_IDS})

    min_entities: int = 5

    def __post_init__(self) -> None:
        if self.min_entities < 0:
            raise ValueError(f"min_entities must be at least 0, got {self.min_entities}")

    @property
    def meaning(self) -> str:
        return "Number of the entity that begins here, a line of entities.txt; elsewhere -100."

    def finish(self, examples: Examples) -> Examples:
        aligned = np.diff(offsets_of(examples.annotations[self.name] > 0)[examples.offsets])
        return take_rows(examples, np.flatnonzero(aligned >= self.min_entities))

    def labels(self, marks: Array, special: Bool, ignored: int) -> Array:
        """Returns int32[T]: the number of the entity, `ignored` where there is none."""
        return np.where(marks > 0, marks.astype(np.int64) - 1, ignored).astype(np.int32)

    def examine(self, batch: StoredBatch, rules: RowRules, vocabulary: Vocabulary) -> Findings:
        """Checks that enough tokens are aligned, and with entities that there are."""
        marks = batch.annotations[self.name]
        aligned = np.diff(offsets_of(marks > 0)[batch.offsets])
        unknown = batch.rows_of_tokens(marks > vocabulary.entities)
        return gather(
            [
                Findings({f"labels.{self.name}.tokens": int(aligned.sum())}),
                breach("a token is aligned with an entity that entities.txt has not", unknown),
                breach(
                    f"a row has fewer than {self.min_entities} tokens aligned with entities",
                    aligned < self.min_entities,
                ),
            ]
        )
