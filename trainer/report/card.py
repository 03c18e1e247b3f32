"""Model cards: README.md beside a model, as the Hugging Face hub reads it.

Only what is known is said: neither a language nor a licence is made up.
"""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from schemas.model_files import CARD, PLOT
from schemas.pages.template import template_of
from trainer.report.about import AboutData
from trainer.report.loss_plot import loss_plot
from trainer.report.snapshot import Snapshot, figure_text, figure_title

_CONFIG = "config.json"
_PIPELINES: Mapping[str, str] = {
    "ForMaskedLM": "fill-mask",
    "ForPreTraining": "fill-mask",
    "LMHeadModel": "text-generation",
    "ForSequenceClassification": "text-classification",
    "ForTokenClassification": "token-classification",
    "ForQuestionAnswering": "question-answering",
    "ForMultipleChoice": "multiple-choice",
}
"""What the hub calls the use of a model, by what the name of its class ends with."""
_NO_PIPELINE = frozenset({"ElectraForPreTraining"})
"""Classes that predict something else than their names say."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Loading:
    """How a model is loaded.

    Attributes:
      module: That has the class.
      name: Of the class.
      method: That loads a folder.
      tokenizer: Whether `AutoTokenizer` loads the tokenizer beside it.
      library: Name of the library for the hub; "" if the class is not of one that it knows.
    """

    module: str
    name: str
    method: str
    tokenizer: bool
    library: str

    @property
    def pipeline(self) -> str:
        """What the hub calls the use of the model; "" if it has no name for it."""
        if not self.library or self.name in _NO_PIPELINE:
            return ""
        return next((use for end, use in _PIPELINES.items() if self.name.endswith(end)), "")


def write_card(folder: Path, snapshot: Snapshot, *, task: str, loaded_by: str) -> None:
    """Writes the card of a model, and the plot of its loss, unless the folder has a card.

    Args:
      folder: That the model was saved into.
      snapshot: Of its run.
      task: That the model is of, if the run learns several and each has a model of its own.
      loaded_by: See `trainer.models.trainable.TrainableModel`.
    """
    if (folder / CARD).exists():
        return
    plot = loss_plot(snapshot.log, task) if snapshot.log is not None else None
    if plot is not None:
        (folder / PLOT).write_text(plot, "utf-8")
    config = _config(folder)
    card = template_of("trainer.report", "model_card.md.j2").render(
        run=snapshot,
        task=task,
        data=_data(snapshot, task),
        figures=_figures(snapshot, task),
        loading=_loading(folder, config, loaded_by),
        kind=config.get("model_type", ""),
        files=sorted(path.name for path in folder.iterdir()),
        plot=PLOT if plot is not None else "",
    )
    (folder / CARD).write_text(card, "utf-8")


def _config(folder: Path) -> Mapping[str, Any]:
    """Returns the configuration of a model; {} if it has none."""
    path = folder / _CONFIG
    found = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return found if isinstance(found, dict) else {}


def _loading(folder: Path, config: Mapping[str, Any], loaded_by: str) -> Loading | None:
    """Returns how the model of a folder is loaded; None if it is not known."""
    import transformers

    tokenizer = (folder / "tokenizer_config.json").is_file()
    for name in config.get("architectures") or ():
        if hasattr(transformers, name):
            return Loading(
                module="transformers",
                name=name,
                method="from_pretrained",
                tokenizer=tokenizer,
                library="transformers",
            )
    module, _, method = loaded_by.rpartition(".")
    module, _, name = module.rpartition(".")
    if not (module and name.isidentifier()):
        return None
    return Loading(module=module, name=name, method=method, tokenizer=False, library="")


def _data(snapshot: Snapshot, task: str) -> Mapping[str, AboutData]:
    """Returns the data of a model by the names of members, that of a task alone if there is one."""
    data = snapshot.about.data if snapshot.about is not None else {}
    return {"": data[task]} if task in data else data


def _figures(snapshot: Snapshot, task: str) -> list[tuple[str, str]]:
    """Returns title and value of the last evaluation's figures, of a task those of its own."""
    found = snapshot.figures()
    if task and any(name.startswith(f"{task}/") for name in found):
        found = {
            name.removeprefix(f"{task}/"): value
            for name, value in found.items()
            if name.startswith(f"{task}/")
        }
    return [(figure_title(name), figure_text(name, value)) for name, value in found.items()]
