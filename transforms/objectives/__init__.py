"""The table of objectives: what is not in it does not exist."""

from collections.abc import Mapping
from types import MappingProxyType

from transforms.objectives.albert import ALBERT
from transforms.objectives.bert import BERT
from transforms.objectives.bert_wwm import BERT_WWM, ROBERTA_WWM_EXT
from transforms.objectives.ernie1 import ERNIE1, ERNIE1_DLM
from transforms.objectives.infoword import INFOWORD
from transforms.objectives.recipe import Recipe
from transforms.objectives.roberta import ROBERTA


def by_name(*recipes: Recipe) -> Mapping[str, Recipe]:
    """Returns recipes by name; raises ValueError if two have the same."""
    table = {recipe.name: recipe for recipe in recipes}
    if len(table) < len(recipes):
        raise ValueError("two recipes have the same name")
    return MappingProxyType(table)


OBJECTIVES = by_name(
    BERT,
    BERT_WWM,
    ROBERTA,
    ROBERTA_WWM_EXT,
    ALBERT,
    ERNIE1,
    ERNIE1_DLM,
    INFOWORD,
)
