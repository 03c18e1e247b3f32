"""The families of encoders that are fine-tuned, and how their models are made."""

import copy
import dataclasses
import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import torch
import transformers

from schemas.errors import UsageError
from trainer.models.family import BidirectionalFamily, Wanted, model_errors
from trainer.models.task_encoder import TaskEncoder
from trainer.tasks.label_kinds import labelled_task
from trainer.tasks.labelled import Classifiers, LabelTask
from transforms.build.corpus import Corpus

_SHOWN = 4
"""New weights that a notice names at most."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TaskFamily(BidirectionalFamily):
    """Encoders of one `model_type`, with the classifiers of `transformers`.

    Attributes:
      name: What the names of its classes begin with.
      backbone: Name of the encoder in its models.
      classifiers: Where the classifiers of rows are.
      after_padding: Positions begin after the padding token's id, and not at 0.
      subfolder: Where the configuration lies in a folder of a pretraining run.
    """

    name: str
    backbone: str
    classifiers: Classifiers
    after_padding: bool = False
    subfolder: str = ""

    @property
    def has_pairs(self) -> bool:
        return True

    def first_position(self, config: Any) -> int:
        return int(config.pad_token_id) + 1 if self.after_padding else 0

    def check(self, name: str, config: Any, corpus: Corpus) -> None:
        if getattr(config, "is_decoder", False):
            raise UsageError(f"--model {name} is a decoder; labels are predicted by an encoder")

    def make(self, wanted: Wanted) -> TaskEncoder:
        """Makes a model for each task; their encoder is that of the first one."""
        tasks = [_task_of(each) for each in wanted.corpora]
        names = wanted.names or ("",)
        notices: list[str] = []
        models = {
            name: self._model(wanted, task, corpus, notices)
            for name, task, corpus in zip(names, tasks, wanted.corpora, strict=True)
        }
        encoder = TaskEncoder(
            models,
            [task.head(self, wanted.config) for task in tasks],
            backbone=self.backbone,
            longest=wanted.longest,
            first_position=self.first_position(wanted.config),
        )
        encoder.notice = "; ".join(dict.fromkeys(notices))
        return encoder

    def _model(self, wanted: Wanted, task: LabelTask, corpus: Corpus, notices: list[str]) -> Any:
        """Makes the model of a task; adds what the user should know to the notices."""
        kind = getattr(transformers, f"{self.name}{task.model}")
        config = _config_of(wanted.config, task)
        with model_errors(wanted.name):
            if wanted.saved is None:
                return kind(config)
            folder = os.path.join(wanted.saved, self.subfolder)
            folder = folder if os.path.isdir(folder) else wanted.saved
            hf, info = kind.from_pretrained(
                folder,
                config=config,
                dtype=torch.float32,
                output_loading_info=True,
                ignore_mismatched_sizes=True,
            )
            new = {*info["missing_keys"], *(each[0] for each in info["mismatched_keys"])}
            if not _keeps_head(wanted, task, corpus, kind.__name__):
                new |= _renew_head(hf, kind(config), self.backbone)
        if new:
            shown = sorted(new)
            more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
            notices.append(f"new weights: {', '.join(shown[:_SHOWN])}{more}")
        return hf


def _task_of(corpus: Corpus) -> LabelTask:
    found = labelled_task(corpus.recipe)
    assert found is not None
    return found


def _config_of(config: Any, task: LabelTask) -> Any:
    """Returns a configuration with the classes and the problem of a task."""
    found = copy.deepcopy(config)
    # It says how many classes there are.
    labels = task.labels or tuple(f"LABEL_{number}" for number in range(task.outputs))
    found.id2label = dict(enumerate(labels))
    found.label2id = {label: number for number, label in enumerate(labels)}
    found.problem_type = task.problem
    return found


def _keeps_head(wanted: Wanted, task: LabelTask, corpus: Corpus, kind: str) -> bool:
    """Returns whether the classifier of a saved model, if it has one, is for the same classes.

    Raises:
      UsageError: if it is for them in another order.
    """
    config = wanted.config
    if kind not in (config.architectures or ()) or not task.labels:
        return True
    before = tuple(config.id2label[number] for number in sorted(config.id2label))
    if before != task.labels and sorted(before) == sorted(task.labels):
        raise UsageError(
            f"--model {wanted.name} has the classes {', '.join(before)}, and {corpus.folder} has "
            f"them in another order ({', '.join(task.labels)}); build it with "
            f"--labels {','.join(before)}"
        )
    return before == task.labels


def _renew_head(hf: Any, fresh: Any, backbone: str) -> set[str]:
    """Replaces all but the encoder of a model by that of a new one; returns its weights' names."""
    for name, part in fresh.named_children():
        if name != backbone:
            setattr(hf, name, part)
    return {name for name in hf.state_dict() if not name.startswith(f"{backbone}.")}


def _pooling(name: str, pooled: Any) -> TaskFamily:
    """Returns a family whose classifiers are given the pooled first token."""

    def classify(model: Any, first: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = model.classifier(model.dropout(pooled(model, first)))
        return found

    classifiers = Classifiers(rows=classify, choices=classify)
    return TaskFamily(name=name, backbone=name.lower(), classifiers=classifiers)


def _of_bert(model: Any, first: torch.Tensor) -> Any:
    return model.base_model.pooler(first[:, None])


def _of_albert(model: Any, first: torch.Tensor) -> Any:
    return model.base_model.pooler_activation(model.base_model.pooler(first))


def _roberta(name: str) -> TaskFamily:
    return TaskFamily(
        name=name,
        backbone="roberta",
        classifiers=Classifiers(
            rows=lambda model, first: model.classifier(first[:, None]),
            choices=lambda model, first: model.classifier(model.dropout(_of_bert(model, first))),
        ),
        after_padding=True,
    )


TASK_FAMILIES: Mapping[str, TaskFamily] = MappingProxyType(
    {
        "albert": _pooling("Albert", _of_albert),
        "bert": _pooling("Bert", _of_bert),
        "electra": TaskFamily(
            name="Electra",
            backbone="electra",
            classifiers=Classifiers(
                rows=lambda model, first: model.classifier(first[:, None]),
                choices=lambda model, first: model.classifier(
                    model.sequence_summary(first[:, None])
                ),
            ),
            subfolder="discriminator",
        ),
        "ernie": _pooling("Ernie", _of_bert),
        "roberta": _roberta("Roberta"),
        "xlm-roberta": _roberta("XLMRoberta"),
    }
)
"""By `model_type` of the configuration."""
