"""Opens a model that was fine-tuned."""

import dataclasses
from typing import Any

import torch
import transformers

from schemas.errors import UsageError
from schemas.label_kinds import CHOICE, CLASS, NUMBER, SPAN, TAGS
from trainer.models.family import model_errors
from trainer.models.saved_folder import FINE_TUNED, check_fine_tuned
from trainer.models.task_families import TASK_FAMILIES

_KINDS = {
    "ForSequenceClassification": CLASS,
    "ForTokenClassification": TAGS,
    "ForMultipleChoice": CHOICE,
}
"""What models predict, by what the names of their classes end with."""
_LABELS = {CLASS: "a class", NUMBER: "a number", TAGS: "tags", CHOICE: "a choice", SPAN: "a span"}


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
        """Of the classes, by number; none without classes."""
        names = self.hf.config.id2label
        named = self.kind in {CLASS, TAGS}
        return tuple(names[number] for number in sorted(names)) if named else ()


def open_fine_tuned(folder: str) -> FineTuned:
    """Opens a folder that `from_pretrained` loads.

    Raises:
      UsageError: if there is no such model.
    """
    config = _config(folder)
    ending, kind = _kind(folder, config)
    # As in training, a sequence is not cut into chunks; the configuration stays as it is.
    chunks, config.chunk_size_feed_forward = config.chunk_size_feed_forward, 0
    with model_errors(folder):
        family = TASK_FAMILIES[config.model_type]
        hf = getattr(transformers, f"{family.name}{ending}").from_pretrained(
            folder, config=config, dtype=torch.float32
        )
    hf.config.chunk_size_feed_forward = chunks
    return FineTuned(folder, hf.eval(), kind)


def _config(folder: str) -> Any:
    check_fine_tuned(folder)
    with model_errors(folder):
        return transformers.AutoConfig.from_pretrained(folder)


def a_label(kind: str) -> str:
    """Returns how messages name a label of a kind."""
    return _LABELS[kind]


def _kind(folder: str, config: Any) -> tuple[str, str]:
    """Returns what the name of a model's class ends with, and what it predicts."""
    names = [str(name) for name in config.architectures or ()]
    ending = next((each for each in _KINDS for name in names if name.endswith(each)), None)
    if any(name.endswith("ForQuestionAnswering") for name in names):
        raise UsageError(
            f"answers are not predicted yet, and --model {folder} is {' or '.join(names)}; give a "
            "model of classes, numbers, tags or choices"
        )
    if config.model_type not in TASK_FAMILIES or ending is None:
        raise UsageError(
            f"--model {folder} is {' or '.join(names) or config.model_type}, and predictions are "
            f"made by models of type {', '.join(TASK_FAMILIES)} that were fine-tuned for classes, "
            f"numbers, tags or choices; {FINE_TUNED}"
        )
    if ending != "ForSequenceClassification":
        return ending, _KINDS[ending]
    problem = config.problem_type or ("regression" if config.num_labels == 1 else "")
    several = problem == "regression" and config.num_labels > 1
    if several or problem == "multi_label_classification":
        raise UsageError(
            f"--model {folder} predicts several labels at once ({problem}); {FINE_TUNED}"
        )
    return ending, NUMBER if problem == "regression" else CLASS
