"""StructBERT: masked tokens, shuffled trigrams, and the structure of two segments."""

from transforms.corruption.shuffle import ShuffleTrigrams
from transforms.corruption.trigrams import TrigramWindows
from transforms.objectives.recipe import Corruption, Recipe
from transforms.pack_windows import SentenceChunks
from transforms.structure_pairs import SentenceStructure
from transforms.targets import MaskedTokens

STRUCTBERT = Recipe(
    name="structbert",
    summary="Masked tokens, shuffled trigrams, and pairs whose B is next, previous or random.",
    source="Wang et al. 2020, 2.2; alibaba/AliceMind sofa/models/plug/data_plug.py",
    segment=SentenceChunks(),
    pair=SentenceStructure(),
    corrupt=(
        Corruption(),
        Corruption(
            select=TrigramWindows(),
            rewrite=ShuffleTrigrams(),
            targets=MaskedTokens(name="wso"),
        ),
    ),
)
