"""ERNIE of Tsinghua: BERT whose tokens are aligned with the entities of a knowledge base."""

import dataclasses

from transforms.corruption.budgets import RoundedBudget
from transforms.corruption.select import BudgetedUnits
from transforms.labels.entity_alignment import EntityAlignment
from transforms.objectives.bert import BERT
from transforms.objectives.corruption import Corruption

ERNIE_THU = dataclasses.replace(
    BERT,
    name="ernie-thu",
    summary="Masked tokens, next-sentence pairs, and the entity of a knowledge base that a token "
    "names.",
    source="Zhang et al. 2019; thunlp/ERNIE pretrain_data/, code/create_instances.py",
    corrupt=(Corruption(select=BudgetedUnits(budget=RoundedBudget(max_predictions=40))),),
    labels=(EntityAlignment(),),
    max_seq_length=256,
    copies=1,
)
