"""GloVe: vectors whose products are the logarithms of counts of pairs."""

from typing import ClassVar

from schemas.errors import UsageError
from trainer.vectors.model import Model, Setting, Task
from trainer.vectors.options import VectorsOptions
from transforms.labels.co_occurrences import CoOccurrences


class Glove:
    """Learns vectors from counts of pairs: see `trainer.vectors.model.Method`.

    Source: Pennington et al. 2014, "GloVe"; stanfordnlp/GloVe src/glove.c, whose defaults these
      are.
    """

    options: ClassVar[frozenset[str]] = frozenset({"x_max", "alpha"})
    epochs: ClassVar[int] = 25
    gpu: ClassVar[bool] = False

    def settings(self, predict: CoOccurrences, options: VectorsOptions) -> dict[str, Setting]:
        """Returns the law of weights and the learning rate; counts are those of the build."""
        return {
            "lr": 0.05 if options.lr is None else options.lr,
            "x_max": 100.0 if options.x_max is None else options.x_max,
            "alpha": 0.75 if options.alpha is None else options.alpha,
        }

    def model(self, task: Task) -> Model:
        """Makes the vectors at random."""
        from trainer.vectors.glove_model import GloveModel

        model = GloveModel(task)
        if not model.size:
            raise UsageError(
                f"--data {task.corpus.folder} has no pair of words, of which nothing can be "
                "learned; build it of lines with several words of the list"
            )
        return model
