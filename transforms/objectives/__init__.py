"""The table of objectives: what is not in it does not exist. One file an objective.

May import: windows, pairs, corruption, denoise, labels, contract, text, schemas.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol, TypeVar

from transforms.objectives.albert import ALBERT
from transforms.objectives.annotated import ANNOTATED
from transforms.objectives.bart import BART
from transforms.objectives.bert import BERT
from transforms.objectives.bert_wwm import BERT_WWM, ROBERTA_WWM_EXT
from transforms.objectives.electra import ELECTRA
from transforms.objectives.elmo import ELMO
from transforms.objectives.ernie1 import ERNIE1, ERNIE1_DLM
from transforms.objectives.ernie2 import (
    ERNIE2,
    ERNIE2_CAPITALS,
    ERNIE2_DISCOURSE,
    ERNIE2_DISTANCE,
    ERNIE2_DOCUMENT,
    ERNIE2_KNOWLEDGE,
    ERNIE2_RELEVANCE,
    ERNIE2_REORDERING,
)
from transforms.objectives.ernie_gen import ERNIE_GEN
from transforms.objectives.ernie_thu import ERNIE_THU
from transforms.objectives.gpt import GPT
from transforms.objectives.infoword import INFOWORD
from transforms.objectives.labelled import CLASSIFY, RANK, REGRESS, SPAN, TAG
from transforms.objectives.mass import MASS, PROPHETNET
from transforms.objectives.mixture import Mixture
from transforms.objectives.recipe import Recipe
from transforms.objectives.roberta import ROBERTA
from transforms.objectives.span_sop import SPAN_SOP
from transforms.objectives.spanbert import SPANBERT
from transforms.objectives.structbert import STRUCTBERT
from transforms.objectives.t5 import PREFIX_LM, T5
from transforms.objectives.transformer_xl import TRANSFORMER_XL
from transforms.objectives.unilm import UNILM
from transforms.objectives.vectors import CBOW, FASTTEXT, GLOVE, SKIPGRAM
from transforms.objectives.xlnet import XLNET


class _Named(Protocol):
    @property
    def name(self) -> str: ...


_Value = TypeVar("_Value", bound=_Named)


def by_name(*values: _Value) -> Mapping[str, _Value]:
    """Returns recipes or mixtures by name; raises ValueError if two have the same."""
    table = {value.name: value for value in values}
    if len(table) < len(values):
        raise ValueError("two recipes have the same name")
    return MappingProxyType(table)


OBJECTIVES: Mapping[str, Recipe] = by_name(
    BERT,
    BERT_WWM,
    ROBERTA,
    ROBERTA_WWM_EXT,
    ALBERT,
    ERNIE1,
    ERNIE1_DLM,
    INFOWORD,
    STRUCTBERT,
    SPANBERT,
    SPAN_SOP,
    ERNIE2_KNOWLEDGE,
    ERNIE2_CAPITALS,
    ERNIE2_DISCOURSE,
    ERNIE2_DISTANCE,
    ERNIE2_DOCUMENT,
    ERNIE2_RELEVANCE,
    ERNIE2_REORDERING,
    ERNIE_THU,
    ELECTRA,
    UNILM,
    GPT,
    TRANSFORMER_XL,
    XLNET,
    T5,
    PREFIX_LM,
    BART,
    MASS,
    PROPHETNET,
    ERNIE_GEN,
    CBOW,
    SKIPGRAM,
    FASTTEXT,
    GLOVE,
    ELMO,
    ANNOTATED,
)

TASKS: Mapping[str, Recipe] = by_name(CLASSIFY, REGRESS, RANK, SPAN, TAG)
"""What is built of labelled records, to fine-tune a model; no objective has such a name."""

RECIPES: Mapping[str, Recipe] = MappingProxyType({**OBJECTIVES, **TASKS})
"""Everything that is built of one input."""

MIXTURES: Mapping[str, Mixture] = by_name(ERNIE2)
"""The mixtures that have a name of their own; no recipe has the same."""
