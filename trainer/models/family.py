"""How the architectures of `transformers` are put together, as far as training needs to know."""

import contextlib
import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
import transformers
from torch import Tensor

from schemas.errors import UsageError

_ABOUT = frozenset(
    {
        *["_name_or_path", "architectures", "dtype", "id2label", "label2id", "problem_type"],
        *["output_attentions", "output_hidden_states", "return_dict", "torch_dtype"],
        *["transformers_version", "use_cache"],
    }
)
"""Fields of configurations that change nothing of what is trained."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Family:
    """How an architecture of `transformers` is trained.

    Attributes:
      masked_lm: Class for examples without pairs.
      pairs: Class for pairs of sentences, or None if there is none.
      backbone: Name of the encoder in both.
      head: Finds the vocabulary's head in both.
      pooled: Makes of the first tokens of rows what pairs are judged by, given the model for pairs.
      answer: Finds the layer in it that judges pairs.
      after_padding: Positions begin after the padding token's id, and not at 0.
      layers: Finds the layers, each with weights of its own and an `intermediate.dense`; None if
        there are no such.
    """

    masked_lm: str
    pairs: str | None
    backbone: str
    head: Callable[[Any], torch.nn.Module]
    pooled: Callable[[Any, Tensor], Tensor]
    answer: Callable[[Any], torch.nn.Module]
    after_padding: bool = False
    layers: Callable[[Any], Sequence[Any]] | None = None

    def relation(self, model: Any, first: Tensor) -> Tensor:
        """Judges pairs by the first tokens of rows."""
        judged: Tensor = self.answer(model)(self.pooled(model, first))
        return judged


def _bert_head(model: Any) -> torch.nn.Module:
    return model.cls.predictions


def _bert_pooled(model: Any, first: Tensor) -> Tensor:
    return model.base_model.pooler(first[:, None])


def _bert_answer(model: Any) -> torch.nn.Module:
    return model.cls.seq_relationship


def _layers(model: Any) -> Any:
    return model.base_model.encoder.layer


def _albert_head(model: Any) -> torch.nn.Module:
    return model.predictions


def _albert_pooled(model: Any, first: Tensor) -> Tensor:
    base = model.base_model
    return base.pooler_activation(base.pooler(first))


def _albert_answer(model: Any) -> torch.nn.Module:
    return model.sop_classifier


def _roberta_head(model: Any) -> torch.nn.Module:
    return model.lm_head


def _nothing_pooled(model: Any, _first: Tensor) -> Tensor:
    raise TypeError(f"{type(model).__name__} has no head for pairs")


def _no_answer(model: Any) -> torch.nn.Module:
    raise TypeError(f"{type(model).__name__} has no head for pairs")


FAMILIES: Mapping[str, Family] = {
    "albert": Family(
        masked_lm="AlbertForMaskedLM",
        pairs="AlbertForPreTraining",
        backbone="albert",
        head=_albert_head,
        pooled=_albert_pooled,
        answer=_albert_answer,
    ),
    "bert": Family(
        masked_lm="BertForMaskedLM",
        pairs="BertForPreTraining",
        backbone="bert",
        head=_bert_head,
        pooled=_bert_pooled,
        answer=_bert_answer,
        layers=_layers,
    ),
    "ernie": Family(
        masked_lm="ErnieForMaskedLM",
        pairs="ErnieForPreTraining",
        backbone="ernie",
        head=_bert_head,
        pooled=_bert_pooled,
        answer=_bert_answer,
        layers=_layers,
    ),
    "roberta": Family(
        masked_lm="RobertaForMaskedLM",
        pairs=None,
        backbone="roberta",
        head=_roberta_head,
        pooled=_nothing_pooled,
        answer=_no_answer,
        after_padding=True,
        layers=_layers,
    ),
    "xlm-roberta": Family(
        masked_lm="XLMRobertaForMaskedLM",
        pairs=None,
        backbone="roberta",
        head=_roberta_head,
        pooled=_nothing_pooled,
        answer=_no_answer,
        after_padding=True,
        layers=_layers,
    ),
}
"""By `model_type` of the configuration."""


@contextlib.contextmanager
def made(name: str) -> Iterator[None]:
    """Makes whatever a library says of a model that it cannot make a `UsageError`.

    Args:
      name: Of the model, as the user gave it.
    """
    try:
        yield
    except UsageError:
        raise
    except Exception as error:
        # Configurations and files of weights are the user's; each library has errors of its own.
        what = f"{type(error).__name__}: {error}" if isinstance(error, KeyError) else str(error)
        raise UsageError(f"--model {name} cannot be made: {what[:600]}") from error


def configuration(model: torch.nn.Module) -> dict[str, Any]:
    """Returns what the configurations of `transformers` in a model say of what it computes.

    Models of the same shapes may still differ in heads of attention, activations or dropout.
    """
    configs = {
        name: part.config.to_dict()
        for name, part in model.named_children()
        if isinstance(part, transformers.PreTrainedModel)
    }
    fields = {
        f"{name}.{key}" if len(configs) > 1 else key: value
        for name, config in configs.items()
        for key, value in config.items()
        if key not in _ABOUT
    }
    # As it is read again from a checkpoint.
    found: dict[str, Any] = json.loads(json.dumps(fields, default=str))
    return found
