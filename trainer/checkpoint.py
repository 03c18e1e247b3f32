"""A checkpoint: a saved step of a run, read and compared with its checksums."""

import contextlib
import dataclasses
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from schemas.checked_json import DamagedError
from schemas.errors import UsageError
from trainer.checkpoint_files import STATE, Meta, check_files, read_meta


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A saved step.

    Attributes:
      path: Its folder.
      meta: Content of its checkpoint.json.
      advice: What to do if it is damaged.
    """

    path: Path
    meta: Meta
    advice: str

    @property
    def step(self) -> int:
        return self.meta.step

    def check(self) -> None:
        """Compares all its files with their checksums.

        Raises:
          DamagedError: naming the first that is not as it was written, and what to do.
        """
        with _advised(self.advice):
            check_files(self.path, self.meta)

    def load(
        self, model: torch.nn.Module, optimizer: torch.optim.Optimizer
    ) -> Mapping[str, torch.Tensor]:
        """Loads the saved state into a model and its optimizer.

        Returns:
          What the model remembers of all lanes, see `trainer.memory`; {} if it does not.

        Raises:
          DamagedError: if it cannot be read, or is of another model.
        """
        with self._reading():
            tensors = self.tensors()
            model.load_state_dict(tensors["model"])
            optimizer.load_state_dict(tensors["optimizer"])
            lanes: Mapping[str, torch.Tensor] = tensors.get("lanes", {})
            return lanes

    def tensors(self) -> dict[str, Any]:
        """Returns the saved state of model, optimizer and lanes, on the CPU.

        Raises:
          DamagedError: if it cannot be read.
        """
        with self._reading():
            return torch.load(self.path / STATE, map_location="cpu", weights_only=True)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        """Raises whatever torch raises for a saved state as a `DamagedError`."""
        try:
            yield
        except DamagedError:
            raise
        except Exception as error:
            what = " ".join(str(error).split()) or type(error).__name__
            raise DamagedError(
                f"{self.path / STATE} cannot be read: {what}; {self.advice}"
            ) from error


def read_checkpoint(path: Path, advice: str = "name another checkpoint") -> Checkpoint:
    """Opens a checkpoint; `advice` says what to do if it is damaged.

    Raises:
      DamagedError: if it is damaged, or none.
      UsageError: if there is nothing.
    """
    if not os.path.lexists(path):
        raise UsageError(f"{path} is no checkpoint of `shardmill train`: there is nothing")
    with _advised(advice):
        return Checkpoint(path, read_meta(path), advice)


@contextlib.contextmanager
def _advised(advice: str) -> Iterator[None]:
    """Adds to the message of a `DamagedError` what to do."""
    try:
        yield
    except DamagedError as error:
        raise DamagedError(f"{error}; {advice}") from error
