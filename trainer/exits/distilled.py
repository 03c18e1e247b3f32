"""A fine-tuned classifier that teaches students on its layers."""

import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import kl_div

from trainer.exits.saved import Exits, save_exits
from trainer.exits.stack import Stack
from trainer.models.encoder import layer_flops
from trainer.rows.layouts import Batch
from trainer.tasks.losses import LossTerm, Rate


class Distilled(torch.nn.Module):
    """A frozen classifier, and the students that learn what it says of rows.

    It is a `trainer.models.trainable.TrainableModel`. There is a term of the loss for every
    student, "exit_1" and so on: the divergence of the student's classes from the teacher's, KL
    (teacher || student). Its accuracy is the share of rows in which both name the same class.
    Labels are not looked at. "agreement" is the mean share over all students.

    Source: autoliuweijie/FastBERT run_fastbert.py:113-128 (KLDivLoss with the teacher as target,
      "batchmean", summed over students); Liu et al. 2020, FastBERT, 3.2.
    Differs: the teacher has no dropout while students learn, so that it is what it is in use.

    Attributes:
      hf: The teacher; not changed.
      students: Of all layers but the last.
    """

    layout, stateful, notice = "packed", False, ""
    loaded_by = "from_pretrained, and shardmill predict --speed"
    main_figures: Mapping[str, str] = MappingProxyType({"": "agreement"})

    def __init__(self, hf: Any, exits: Exits, longest: int) -> None:
        """Wraps a teacher, and draws students from torch's generator.

        Args:
          hf: The teacher, of a type in `trainer.models.task_families.TASK_FAMILIES`.
          exits: That it gets.
          longest: Maximum tokens of a row.
        """
        super().__init__()
        self.hf = hf.requires_grad_(requires_grad=False).eval()
        self.students = exits.made()
        self._stack, self._exits, self._longest = Stack(hf), exits, longest

    @property
    def positions(self) -> int:
        """Tokens of the longest row that it can be given."""
        return self._stack.positions

    def train(self, mode: bool = True) -> "Distilled":
        """Sets the students to training, or to evaluation; the teacher stays in evaluation."""
        super().train(mode)
        self.hf.eval()
        return self

    def counts(self, batch: Batch) -> dict[str, Tensor]:
        rows = (batch["row_ids"] >= 0).sum()
        return {_name(number): rows for number in range(len(self.students))}

    def forward(self, batch: Batch) -> dict[str, LossTerm]:
        borders, real = batch["cu_seqlens"], batch["row_ids"] >= 0
        types, positions = batch["token_type_ids"], batch["position_ids"]
        with torch.no_grad():
            given = self._stack.embed(batch["input_ids"], types, positions)
            states = list(self._stack.states(given, borders, self._longest))
            teacher = self._stack.classify(states[-1], borders).float().log_softmax(-1)
        return {
            _name(number): divergence(student(state[0], borders, self._longest), teacher, real)
            for number, (student, state) in enumerate(zip(self.students, states[:-1], strict=True))
        }

    def save_pretrained(self, folder: str | os.PathLike[str]) -> None:
        """Writes the teacher as it was, and the exits beside it."""
        self.hf.save_pretrained(folder)
        save_exits(folder, self._exits, self.students)

    def flops_per_token(self, context: float, targets: float) -> float:
        """Returns the operations of a token: 2 for a multiply-add; backward of students alone."""
        config, width = self.hf.config, self._exits.width
        student = config.hidden_size * width + 2 * width**2
        teacher = config.num_hidden_layers * layer_flops(config, context)
        return float(2 * teacher + 6 * len(self.students) * student)


def divergence(logits: Tensor, teacher: Tensor, real: Tensor) -> LossTerm:
    """Returns the summed KL (teacher || student), and how often both name the same class.

    Args:
      logits: float[S, N]; of the student.
      teacher: float32[S, N]; logarithms of the teacher's probabilities.
      real: bool[S]; where there is a row.
    """
    student = logits.float().log_softmax(-1)
    each = kl_div(student, teacher, reduction="none", log_target=True).sum(-1)
    same = (student.detach().argmax(-1) == teacher.argmax(-1)) & real
    agreement = Rate("agreement", same.sum(), real.sum())
    return LossTerm(each.where(real, 0.0).sum(), same.sum(), rates=(agreement,))


def _name(number: int) -> str:
    """Returns the name of the exit of a layer, counted from 0; names count from 1."""
    return f"exit_{number + 1}"
