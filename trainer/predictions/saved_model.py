"""Opens a fine-tuned model, with its exits if they are asked for."""

from collections.abc import Sequence

import numpy as np
import torch

from schemas.errors import UsageError
from schemas.label_kinds import CHOICE, CLASS, NUMBER, TAGS
from schemas.records import Int64
from trainer.exits.fine_tuned import a_label, open_fine_tuned
from trainer.exits.leaving import Left, PackedRows, borders_of, leave
from trainer.exits.saved import load_exits
from trainer.exits.stack import Stack
from trainer.exits.student import Student
from trainer.models.encoder import layer_flops


class SavedModel:
    """A fine-tuned model in use.

    Attributes:
      folder: Where it lies.
      kind: What it predicts, one of `schemas.label_kinds`.
      names: Of the classes, by number; none for a number.
      layers: How many it has.
      longest: Tokens of the longest row that it can be given.
    """

    def __init__(self, folder: str, *, speed: float | None, device: torch.device) -> None:
        """Loads it.

        Args:
          folder: That `from_pretrained` loads.
          speed: At which rows leave; None if they do not.
          device: To compute on.

        Raises:
          UsageError: if there is no such model, or it has no exits and needs them.
        """
        found = open_fine_tuned(folder)
        config = found.hf.config
        self.folder, self.kind, self.names = folder, found.kind, found.names
        self._speed = speed
        self._students: Sequence[Student] = ()
        if speed is not None:
            if self.kind != CLASS:
                raise UsageError(
                    f"--speed is for classes, and --model {folder} predicts {a_label(self.kind)}; "
                    "leave it out"
                )
            students = load_exits(folder, config)
            self._students = [*students.to(device)]
        self._stack = Stack(found.hf.to(device))
        self._config, self.layers = config, len(self._stack.layers)
        self.longest = self._stack.positions

    @property
    def outputs(self) -> int:
        """Logits of a row, or of a token."""
        return 1 if self.kind == CHOICE else int(self._config.num_labels)

    @property
    def of_tokens(self) -> bool:
        """Whether tokens are predicted, and not rows."""
        return self.kind == TAGS

    @property
    def has_exits(self) -> bool:
        """Whether rows may leave before the last layer."""
        return bool(self._students)

    def predict(self, rows: PackedRows) -> Left:
        """Returns the logits of rows or tokens, and how many layers each row was given."""
        with torch.no_grad():
            if self.kind in {CLASS, NUMBER}:
                return leave(self._stack, self._students, rows, self._speed or 0.0)
            borders, longest = borders_of(rows.lengths), int(rows.lengths.max())
            hidden = self._stack.embed(rows.ids[None], rows.types[None], rows.positions[None])
            *_, hidden = self._stack.states(hidden, borders, longest)
            of_rows = self.kind == CHOICE
            found = self._stack.choose(hidden, borders) if of_rows else self._stack.tag(hidden)
            return Left(found.float(), torch.full_like(rows.lengths, self.layers))

    def flops(self, lengths: Int64, layers: Int64 | None = None) -> float:
        """Returns the operations of rows of so many tokens that leave after so many layers.

        Without layers it returns those of the model without exits.

        These are the layers and the students; embeddings and the last classifier, which are small,
        are left out.
        """
        none, one = (layer_flops(self._config, context) for context in (0, 1))
        sizes = lengths.astype(np.float64)
        given = self.layers if layers is None else layers
        spent = 2 * sizes * (none + (one - none) * sizes) * given
        if self._students and layers is not None:
            empty, single = (self._students[0].flops(length) for length in (0, 1))
            exits = np.minimum(layers, len(self._students))
            spent += (empty + (single - empty) * sizes) * exits
        return float(spent.sum())
