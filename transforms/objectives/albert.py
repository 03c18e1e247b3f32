"""ALBERT: runs of masked words, and the order of two neighbouring segments."""

from transforms.corruption.ngrams import BudgetedNgrams
from transforms.objectives.corruption import Corruption
from transforms.objectives.recipe import Recipe
from transforms.pairs.order_segments import SentenceOrder
from transforms.windows.pack_windows import SentenceChunks

ALBERT = Recipe(
    name="albert",
    summary="Masked runs of one to three words, and sentence-order prediction.",
    source="Lan et al. 2020, 3.1; google-research/albert create_pretraining_data.py",
    segment=SentenceChunks(),
    pair=SentenceOrder(),
    corrupt=(Corruption(select=BudgetedNgrams()),),
    parity=(("pair.random_is_swapped", True),),
)
