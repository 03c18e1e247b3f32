"""What batches say of themselves: their tasks, and which member of a mixture they are of."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from trainer.rows.layouts import Batch
from trainer.tasks.task import Task
from transforms.contract.modes import Mode

MEMBER = "member"
"""Batches of a mixture hold the number of their member under this key."""


def member_key(number: int) -> str:
    """Returns the key of labelled records of the member of this number."""
    return f"of_{number}"


def task_key(task: str) -> str:
    """Returns the key of a task, in batches that may not have all tasks of a model."""
    return f"has_{task}"


def batch_marks(
    tasks: Iterable[Task], member: int | None = None, mode: Mode | None = None
) -> dict[str, Tensor]:
    """Returns what batches hold besides, where they may not have all tasks of a model.

    That is a key for each task that they have.

    Args:
      tasks: Of the rows.
      member: Number of the member in its mixture, which they hold too; None if there is none.
      mode: The mode of attention of the batch, if there are several; it may leave out pairs.
    """
    if member is None and mode is None:
        return {}
    learned = [task for task in tasks if mode is None or mode.pairs or not task.of_pairs]
    marks = {task_key(task.name): torch.ones((), dtype=torch.int64) for task in learned}
    if member is None:
        return marks
    number = torch.tensor(member)
    if any(task.of_records for task in tasks):
        # Heads are those of members, which the keys of a batch say without its values.
        marks[member_key(member)] = number
    return {**marks, MEMBER: number}


def task_embedding(hf: Any) -> torch.nn.Embedding | None:
    """Returns the task embedding of a model (ERNIE 2.0), None if it has none."""
    return getattr(hf.base_model.embeddings, "task_type_embeddings", None)


def task_types(hf: Any, batch: Batch, input_ids: Tensor) -> dict[str, Tensor]:
    """Returns `task_type_ids` for a model with a task embedding: the number of the member.

    A model of a single recipe is given none, and takes 0.
    """
    if MEMBER not in batch or task_embedding(hf) is None:
        return {}
    return {"task_type_ids": batch[MEMBER].expand(input_ids.shape)}
