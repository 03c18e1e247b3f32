"""ELECTRA: clean examples of one or two segments, whose masks the trainer samples."""

from transforms.corruption.budgets import CappedBudget
from transforms.corruption.rewrite import MaskRandomKeep
from transforms.corruption.select import BudgetedUnits
from transforms.corruption.targets import FreshTokens
from transforms.objectives.corruption import Corruption
from transforms.objectives.recipe import Recipe
from transforms.pairs.halve_segments import HalvedChunk
from transforms.windows.drawn_chunks import DrawnChunks

ELECTRA = Recipe(
    name="electra",
    summary="Clean examples of one or two segments; tokens are masked and replaced in training.",
    source="Clark et al. 2020, 2-3; google-research/electra build_pretraining_dataset.py, "
    "pretrain/pretrain_helpers.py",
    segment=DrawnChunks(),
    pair=HalvedChunk(),
    corrupt=(
        Corruption(
            select=BudgetedUnits(budget=CappedBudget()),
            rewrite=MaskRandomKeep(mask=0.85, random=0.0),
            targets=FreshTokens(),
        ),
    ),
    copies=1,
)
