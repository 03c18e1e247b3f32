"""RoBERTa: full sentences, dynamic masks as stored copies."""

from transforms.corruption.budgets import RandomizedBudget
from transforms.corruption.rewrite import MaskRandomKeep
from transforms.corruption.select import BudgetedUnits
from transforms.corruption.units import TokenUnits
from transforms.objectives.corruption import Corruption
from transforms.objectives.recipe import Recipe
from transforms.windows.lay_out import Layout
from transforms.windows.pack_windows import FullSentences

ROBERTA = Recipe(
    name="roberta",
    summary="Masked tokens in full sentences of up to 512 tokens, without pairs.",
    source="Liu et al. 2019, 4.1-4.2; fairseq tasks/masked_lm.py, data/mask_tokens_dataset.py",
    segment=FullSentences(end_lines=True),
    layout=Layout(suffix=()),
    corrupt=(
        Corruption(
            select=BudgetedUnits(units=TokenUnits(special=True), budget=RandomizedBudget()),
            rewrite=MaskRandomKeep(exclude=("cls", "sep", "pad", "unk")),
        ),
    ),
)
