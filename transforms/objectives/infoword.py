"""InfoWord: masked words, and n-grams contrasted with those of other rows. Experimental."""

from transforms.corruption.one_run import OneRun
from transforms.corruption.rewrite import MaskRandomKeep
from transforms.corruption.targets import ContrastedRun
from transforms.objectives.bert_wwm import WHOLE_WORDS
from transforms.objectives.corruption import Corruption
from transforms.objectives.recipe import Recipe
from transforms.windows.pack_windows import FullSentences

INFOWORD = Recipe(
    name="infoword",
    summary="Experimental: masked words, and identifying the n-gram that was removed from a row.",
    source="Kong et al. 2020, 4 (InfoWord); no reference code was published",
    segment=FullSentences(cross_documents=False),
    corrupt=(
        WHOLE_WORDS,
        Corruption(
            select=OneRun(), rewrite=MaskRandomKeep(mask=1, random=0), targets=ContrastedRun()
        ),
    ),
    max_seq_length=128,
)
