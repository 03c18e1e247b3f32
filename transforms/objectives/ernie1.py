"""ERNIE 1.0: tokens, phrases and entities masked in stages, and next-sentence pairs."""

from transforms.corruption.bernoulli import StagedUnits
from transforms.corruption.rewrite import MaskRandomKeep
from transforms.objectives.recipe import Corruption, Recipe
from transforms.pack_windows import SentenceChunks
from transforms.pair_segments import NextSentence

ERNIE1 = Recipe(
    name="ernie1",
    summary="Masked tokens, then phrases, then entities, and next-sentence pairs.",
    source="Sun et al. 2019 (ERNIE 1.0), 3.2; PaddlePaddle/ERNIE, branch repro",
    segment=SentenceChunks(),
    pair=NextSentence(next_label=1),
    corrupt=(Corruption(select=StagedUnits(), rewrite=MaskRandomKeep(exclude=("pad",))),),
)
