"""BERT: masked tokens and next-sentence pairs."""

from transforms.objectives.recipe import Recipe
from transforms.pairs.pair_segments import NextSentence
from transforms.windows.pack_windows import SentenceChunks

BERT = Recipe(
    name="bert",
    summary="Masked tokens and next-sentence pairs.",
    source="Devlin et al. 2019, 3.1; google-research/bert create_pretraining_data.py",
    segment=SentenceChunks(),
    pair=NextSentence(),
    max_seq_length=128,
    parity=(("pair.same_document", True),),
)
