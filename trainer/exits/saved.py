"""Exits beside the model that they were made for: exits.json and exits.safetensors."""

import dataclasses
import json
import os
from pathlib import Path
from typing import Annotated, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from schemas.checked_json import DamagedError, PositiveCount, not_negative, read_json_file
from schemas.errors import UsageError
from trainer.exits.sizes import HEADS
from trainer.exits.student import Student

RECORD, WEIGHTS = "exits.json", "exits.safetensors"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Exits:
    """Content of exits.json: which exits a model has. They are on all layers but the last.

    Attributes:
      layers: Of the model.
      hidden_size: Of its hidden states.
      classes: That it tells apart.
      width: Of the students.
      dropout: Share of the weights of attention that training drops.
    """

    layers: PositiveCount
    hidden_size: PositiveCount
    classes: PositiveCount
    width: PositiveCount
    dropout: Annotated[float, not_negative] = 0.0

    def __post_init__(self) -> None:
        if self.width % HEADS:
            raise ValueError(f"width must be a multiple of {HEADS}, got {self.width}")

    def made(self) -> torch.nn.ModuleList:
        """Returns the students, with weights drawn from torch's generator."""
        return torch.nn.ModuleList(
            Student(self.hidden_size, self.classes, self.width, self.dropout)
            for _ in range(self.layers - 1)
        )


def exits_of(name: str, config: Any, width: int) -> Exits:
    """Returns the exits that a model can have.

    Args:
      name: Its folder.
      config: Its configuration.
      width: Of the students.

    Raises:
      UsageError: if it can have none.
    """
    layers, classes = int(config.num_hidden_layers), int(config.num_labels)
    if layers < 2:
        raise UsageError(
            f"--model {name} has one layer, and exits are on all layers but the last; give a model "
            "of more layers"
        )
    if classes < 2:
        raise UsageError(
            f"--model {name} has no classes to be sure of: exits are for shardmill train on rows "
            "of classify with two classes or more"
        )
    return Exits(
        layers=layers,
        hidden_size=int(config.hidden_size),
        classes=classes,
        width=width,
        dropout=float(config.hidden_dropout_prob),
    )


def save_exits(folder: str | os.PathLike[str], exits: Exits, students: torch.nn.ModuleList) -> None:
    """Writes exits beside a model."""
    text = json.dumps(dataclasses.asdict(exits), indent=2) + "\n"
    Path(folder, RECORD).write_text(text, "utf-8")
    save_file(students.state_dict(), os.path.join(folder, WEIGHTS))


def load_exits(folder: str | os.PathLike[str], config: Any) -> torch.nn.ModuleList:
    """Loads what `save_exits` wrote beside a model, ready to be used.

    Args:
      folder: Of the model.
      config: Its configuration.

    Returns:
      A `Student` for each layer but the last.

    Raises:
      UsageError: if there are no exits.
      DamagedError: if they cannot be read, or are of another model.
    """
    record, weights = Path(folder, RECORD), Path(folder, WEIGHTS)
    try:
        exits = read_json_file(record, Exits)
    except FileNotFoundError as error:
        raise UsageError(
            f"--model {folder} has no exits, which --speed needs; make them with shardmill distil, "
            "or leave out --speed"
        ) from error
    except OSError as error:
        raise UsageError(f"{record} cannot be read: {error.strerror}") from error
    there = exits.layers, exits.hidden_size, exits.classes
    if there != (config.num_hidden_layers, config.hidden_size, config.num_labels):
        raise DamagedError(f"{record} is of another model than the one beside it")
    students = exits.made()
    try:
        students.load_state_dict(load_file(weights))
    except (OSError, RuntimeError, SafetensorError) as error:
        what = " ".join(str(error).split())
        raise DamagedError(f"{weights} cannot be read: {what[:300]}") from error
    return students.eval()
