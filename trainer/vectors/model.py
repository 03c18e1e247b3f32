"""What a way of training vectors is: the protocols between the run and what it learns."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from schemas.records import Array, Int64
from trainer.vectors.options import VectorsOptions
from trainer.vectors.progress import Progress
from transforms.build.corpus import Corpus

Setting: TypeAlias = str | int | float
Float32 = npt.NDArray[np.float32]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """What there is to learn, and how.

    Attributes:
      corpus: The build.
      options: As given; see `settings` for what decides the result.
      settings: All numbers that decide the result, by name: `dim`, `epochs`, `lr`, `seed`, and
        those of the method.
      words: What every id stands for.
      counts: int64[V]; how often each id occurs.
      threads: Of the CPU.
      cuda: Train on a GPU.
    """

    corpus: Corpus
    options: VectorsOptions
    settings: Mapping[str, Setting]
    words: list[str]
    counts: Int64
    threads: int
    cuda: bool

    def number(self, name: str) -> int:
        """Returns a setting that is a whole number."""
        return int(self.settings[name])

    @property
    def lr(self) -> float:
        """Learning rate at the begin."""
        return float(self.settings["lr"])


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Ngrams:
    """Vectors of n-grams.

    Attributes:
      min_n: Characters of the shortest.
      max_n: Of the longest.
      buckets: How many there may be.
      numbers: int32[B]; the buckets that a word of the list has, ascending.
      vectors: float32[B, D].
    """

    min_n: int
    max_n: int
    buckets: int
    numbers: Array
    vectors: Float32


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Learned:
    """The result.

    Attributes:
      words: By descending count.
      vectors: float32[W, D]; for each word.
      ngrams: Of which unknown words are made; None if there are none.
    """

    words: list[str]
    vectors: Float32
    ngrams: Ngrams | None = None


class Model(Protocol):
    """Vectors while they are trained.

    Attributes:
      unit: What is counted: "words" or the like.
      size: How many of them an epoch has.
      arrays: All that training changes, by name: saved after each epoch, and filled in place when a
        run is resumed.
    """

    unit: str
    size: int

    @property
    def arrays(self) -> Mapping[str, Array]: ...

    def epoch(self, number: int, progress: Progress) -> float:
        """Goes once over the data; returns the mean loss.

        Args:
          number: Of the epoch, from 0 on; its draws follow from it and the seed.
          progress: Is told now and then how many units are done, and the loss and learning rate.
        """
        ...

    def learned(self) -> Learned:
        """Returns the vectors as they are now."""
        ...


class Method(Protocol):
    """How vectors are learned from what a recipe predicts.

    Attributes:
      options: Names of fields of `VectorsOptions` that are for this method, beside the shared ones.
      epochs: By default.
      gpu: Whether it can be trained on one.
    """

    options: ClassVar[frozenset[str]]
    epochs: ClassVar[int]
    gpu: ClassVar[bool]

    def settings(self, predict: Any, options: VectorsOptions) -> dict[str, Setting]:
        """Returns what decides the result, `lr` among it, with the recipe's defaults.

        Args:
          predict: `Recipe.predict`, of the class that this method is for.
          options: As given.

        Raises:
          ValueError: if some do not go together.
        """
        ...

    def model(self, task: Task) -> Model:
        """Makes a model as it is before the first epoch.

        Raises:
          UsageError: if there is nothing to learn.
        """
        ...
