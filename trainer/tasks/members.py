"""What batches of a mixture say of themselves: which member they are of, and its tasks."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from trainer.rows.layouts import Batch
from trainer.tasks.task import Task

MEMBER = "member"
"""Batches of a mixture hold the number of their member under this key."""


def task_key(task: str) -> str:
    """Returns the key that a batch of a mixture has for each task of its member."""
    return f"has_{task}"


def member_marks(member: int, tasks: Iterable[Task]) -> dict[str, Tensor]:
    """Returns what the batches of a member hold besides: its number, and a key for each task."""
    marks = {task_key(task.name): torch.ones((), dtype=torch.int64) for task in tasks}
    return {**marks, MEMBER: torch.tensor(member)}


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
