"""ERNIE-GEN: fragments that are gone from a row, generated with noise in what was generated before.

Differs: flows of words and of spans are the trainer's; a span is a whole word, whose tokens are
stored, where the paper takes n-grams of a lexicon.
"""

from schemas.columns import WORDS
from transforms.denoise.denoise import Denoise
from transforms.denoise.generated import GeneratedFragments, ScatteredFragments
from transforms.objectives.recipe import Recipe
from transforms.windows.pack_windows import FullSentences

ERNIE_GEN = Recipe(
    name="ernie-gen",
    summary="A quarter of every row in fragments, generated one by one with some noise.",
    source="Xiao et al. 2020, 3.2-3.4; PaddlePaddle/ERNIE, branch repro, ernie-gen",
    segment=FullSentences(cross_documents=False),
    corrupt=(),
    denoise=Denoise(noise=(ScatteredFragments(),), target=GeneratedFragments()),
    store=(WORDS,),
)
