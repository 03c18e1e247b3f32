"""Opens a model that was fine-tuned for rows: a class or a number for each."""

import dataclasses
import os
from pathlib import Path
from typing import Any

import torch
import transformers

from schemas.errors import UsageError
from schemas.label_kinds import CLASS, NUMBER
from trainer.models.family import model_errors
from trainer.models.task_families import TASK_FAMILIES

_CLASSIFIER = "ForSequenceClassification"
_ADVICE = "give RUN/best/hf of a model that shardmill train has fine-tuned"


@dataclasses.dataclass(frozen=True, eq=False)
class FineTuned:
    """A fine-tuned model.

    Attributes:
      folder: Where it lies.
      hf: Of `transformers`, in evaluation, on the CPU.
      kind: What it predicts, one of `schemas.label_kinds`.
    """

    folder: str
    hf: Any
    kind: str

    @property
    def names(self) -> tuple[str, ...]:
        """Of the classes, by number; none for a number."""
        names = self.hf.config.id2label
        return tuple(names[number] for number in sorted(names)) if self.kind == CLASS else ()


def open_fine_tuned(folder: str) -> FineTuned:
    """Opens a folder that `from_pretrained` loads.

    Raises:
      UsageError: if there is no such model.
    """
    config = _config(folder)
    kind = _kind(folder, config)
    # As in training, a sequence is not cut into chunks; the configuration stays as it is.
    chunks, config.chunk_size_feed_forward = config.chunk_size_feed_forward, 0
    with model_errors(folder):
        hf = transformers.AutoModelForSequenceClassification.from_pretrained(
            folder, config=config, dtype=torch.float32
        )
    hf.config.chunk_size_feed_forward = chunks
    return FineTuned(folder, hf.eval(), kind)


def _config(folder: str) -> Any:
    if not os.path.isdir(folder):
        raise UsageError(f"--model {folder} is no folder; {_ADVICE}")
    if not os.path.exists(os.path.join(folder, "config.json")):
        inside = sorted(path.parent.name for path in Path(folder).glob("*/config.json"))
        several = f", but several, such as {Path(folder, inside[0])}" if inside else ""
        raise UsageError(f"--model {folder} holds no model{several}; {_ADVICE}")
    with model_errors(folder):
        return transformers.AutoConfig.from_pretrained(folder)


def _kind(folder: str, config: Any) -> str:
    """Returns what a model predicts."""
    names = [str(name) for name in config.architectures or ()]
    if config.model_type not in TASK_FAMILIES or not any(
        name.endswith(_CLASSIFIER) for name in names
    ):
        raise UsageError(
            f"--model {folder} is {' or '.join(names) or config.model_type}, and predictions are "
            f"made by fine-tuned classifiers of type {', '.join(TASK_FAMILIES)}; {_ADVICE}"
        )
    problem = config.problem_type or ("regression" if config.num_labels == 1 else "")
    several = problem == "regression" and config.num_labels > 1
    if several or problem == "multi_label_classification":
        raise UsageError(f"--model {folder} predicts several labels at once ({problem}); {_ADVICE}")
    return NUMBER if problem == "regression" else CLASS
