"""BART: a text with spans missing and its sentences in another order, to be restored."""

from transforms.denoise.arranging import DocumentRotation, SentencePermutation
from transforms.denoise.clean_row import CleanRow
from transforms.denoise.denoise import Denoise
from transforms.denoise.infilling import TextInfilling, TokenDeletion, TokenMasking
from transforms.objectives.recipe import Recipe
from transforms.windows.pack_windows import FullSentences

BART = Recipe(
    name="bart",
    summary="Spans of words infilled by one mask each, sentences in another order; to be restored.",
    source="Lewis et al. 2020, 2.2 and 4; fairseq data/denoising_dataset.py",
    segment=FullSentences(cross_documents=False),
    corrupt=(),
    denoise=Denoise(
        noise=(
            SentencePermutation(),
            TokenMasking(),
            TokenDeletion(),
            TextInfilling(),
            DocumentRotation(),
        ),
        target=CleanRow(),
    ),
    parity=(("denoise.noise.3.rounded_random", True),),
)
