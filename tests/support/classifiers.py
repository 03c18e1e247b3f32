"""Small classifiers with weights that were drawn, saved as a fine-tuned model is."""

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import transformers

from schemas.label_kinds import CHOICE, CLASS, NUMBER, TAGS
from tests.support.labelled_builds import labelled
from tests.support.made_once import made_once
from trainer.exits.saved import Exits, exits_of, save_exits
from trainer.loader.open_corpus import open_local_corpus

_MODELS: Mapping[str, Any] = {
    TAGS: transformers.AutoModelForTokenClassification,
    CHOICE: transformers.AutoModelForMultipleChoice,
}


def config_of(model_type: str = "bert", **changes: Any) -> Any:
    """Returns the configuration of a classifier of four layers, 32 wide."""
    fields = {
        "hidden_size": 32,
        "num_hidden_layers": 4,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "vocab_size": 3072,
        "max_position_embeddings": 64,
        "type_vocab_size": 2,
        "pad_token_id": 0,
        "initializer_range": 0.4,
    }
    own: dict[str, Any] = {"albert": {"embedding_size": 16, "num_hidden_groups": 2}}
    fields |= own.get(model_type, {})
    return transformers.AutoConfig.for_model(model_type, **{**fields, **changes})


def classifier(
    model_type: str = "bert", *, kind: str = CLASS, seed: int = 1, **changes: Any
) -> Any:
    """Returns a classifier of `transformers`, in evaluation."""
    torch.manual_seed(seed)
    config = config_of(model_type, **changes)
    made: Any = _MODELS.get(kind, transformers.AutoModelForSequenceClassification)
    hf = made.from_config(config).eval()
    last = getattr(hf.classifier, "out_proj", hf.classifier)
    ids = _ids()[None] if kind == CHOICE else _ids()
    with torch.no_grad():
        _spread(last, hf(input_ids=ids).logits.reshape(-1, last.out_features))
    return hf


def _ids() -> torch.Tensor:
    """Returns rows of random ids."""
    return torch.randint(1, 3000, (32, 12), generator=torch.Generator().manual_seed(3))


def _spread(layer: Any, logits: torch.Tensor) -> None:
    """Changes a layer so that it says of some of these rows one class, of some another."""
    scale = 1.2 / logits.std(0).clamp(min=1e-6)
    layer.weight *= scale[:, None]
    layer.bias.copy_((layer.bias - logits.mean(0)) * scale)


def save_classifier(folder: Path, data: Path, hf: Any, width: int | None = None) -> Path:
    """Saves a classifier with the tokenizer of a build, and with exits if a width is given."""
    exits = None if width is None else exits_of(str(folder), hf.config, width)
    students = None if exits is None else sure_students(exits, hf)
    hf.save_pretrained(folder)
    for name, content in open_local_corpus(data).tokenizer_files().items():
        (folder / name).write_text(content, "utf-8")
    if exits is not None and students is not None:
        save_exits(folder, exits, students)
    return folder


def sure_students(exits: Exits, hf: Any, seed: int = 2) -> torch.nn.ModuleList:
    """Returns students that are sure of some rows and not of others.

    Args:
      exits: That they are.
      hf: Their teacher, as `transformers` has made it.
      seed: Of their weights.
    """
    torch.manual_seed(seed)
    students, ids = exits.made().eval(), _ids()
    borders = torch.arange(0, ids.numel() + 1, ids.shape[1], dtype=torch.int32)
    with torch.no_grad():
        states = hf(input_ids=ids, output_hidden_states=True).hidden_states[1:]
        for student, state in zip(students, states, strict=False):
            layer: Any = student.answer
            _spread(layer, student(state.flatten(0, 1), borders, ids.shape[1]))
    return students


@functools.cache
def saved_classifier(kind: str = "classify", model_type: str = "bert") -> Path:
    """Returns the folder of a classifier with exits for made-up records; only read it.

    Those of other kinds than "classify" and "pair" have no exits.
    """

    def make(folder: Path) -> None:
        data = labelled(kind)
        corpus = open_local_corpus(data)
        assert corpus.recipe.labelled is not None
        task = corpus.recipe.labelled
        changes: dict[str, Any] = {}
        if task.kind == NUMBER:
            changes = {"num_labels": 1, "problem_type": "regression"}
        if task.names:
            changes = {"id2label": dict(enumerate(task.names))}
            changes |= {"label2id": {name: number for number, name in enumerate(task.names)}}
        hf = classifier(model_type, kind=task.kind, **changes)
        save_classifier(folder, data, hf, 16 if task.kind == CLASS else None)

    return made_once(f"classifier-{kind}-{model_type}", make)


def records(path: Path) -> list[dict[str, Any]]:
    """Returns the lines of a file of predictions."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
