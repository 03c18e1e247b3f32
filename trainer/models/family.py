"""What a family of models does."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import torch
import transformers

from schemas.errors import UsageError
from trainer.models.trainable import TrainableModel
from transforms.build.corpus import Corpus


class Family(Protocol):
    """The models of one `model_type`.

    Attributes:
      subfolder: Where the configuration lies in a folder that a run has saved; "" at its top.
      has_pairs: Whether there are models for pairs of segments.
    """

    @property
    def subfolder(self) -> str: ...

    @property
    def has_pairs(self) -> bool: ...

    def first_position(self, config: Any) -> int:
        """Returns the position of the first token of a row."""
        ...

    def make(
        self,
        name: str,
        config: Any,
        corpora: Sequence[Corpus],
        longest: int,
        entity_embeddings: str | None,
    ) -> TrainableModel:
        """Makes a model of a configuration of `transformers`, ready to be trained.

        If the name is that of a folder, the weights are those saved there. See
        `trainer.models.load.load_model` for the other arguments.

        Raises:
          UsageError: if it cannot be made, or does not fit the data.
        """
        ...


@contextlib.contextmanager
def model_errors(name: str) -> Iterator[None]:
    """Raises whatever a library raises while it makes a model as a `UsageError`."""
    try:
        yield
    except UsageError:
        raise
    except Exception as error:
        # Configurations and files of weights are the user's; each library has errors of its own.
        what = f"{type(error).__name__}: {error}" if isinstance(error, KeyError) else str(error)
        raise UsageError(f"--model {name} cannot be made: {what[:600]}") from error


def configurations(model: torch.nn.Module) -> dict[str, Any]:
    """Returns the configurations of the models of `transformers` in a model, by their names."""
    return {
        name: part.config
        for name, part in model.named_children()
        if isinstance(part, transformers.PreTrainedModel)
    }
