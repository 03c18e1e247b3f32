"""StructBERT: masked tokens, shuffled trigrams, and three relations of segments."""

from transforms.corruption.rewrite import ShuffleTokens
from transforms.corruption.targets import MaskedTokens
from transforms.corruption.trigrams import ShuffledTrigrams
from transforms.objectives.corruption import Corruption
from transforms.objectives.recipe import Recipe
from transforms.pairs.structure_pairs import SentenceStructure
from transforms.windows.pack_windows import SentenceChunks

STRUCTBERT = Recipe(
    name="structbert",
    summary="Masked tokens, shuffled trigrams to be restored, and three relations of segments.",
    source="Wang et al. 2020, 2.1-2.2; alibaba/AliceMind data_plug.py make_structbert_loaders",
    segment=SentenceChunks(),
    pair=SentenceStructure(),
    corrupt=(
        Corruption(),
        Corruption(
            select=ShuffledTrigrams(),
            rewrite=ShuffleTokens(),
            targets=MaskedTokens(name="wso"),
        ),
    ),
)
