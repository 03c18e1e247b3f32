"""MASS and ProphetNet: fragments of a row, written from what is around them."""

import dataclasses

from transforms.denoise.denoise import Denoise
from transforms.denoise.fragment_target import Fragment
from transforms.denoise.fragments import BlockFragments, OneFragment
from transforms.objectives.recipe import Recipe
from transforms.windows.pack_windows import FullSentences
from transforms.windows.sentence_rows import SentenceRows

MASS = Recipe(
    name="mass",
    summary="A fragment of half of every sentence, masked and written at its own positions.",
    source="Song et al. 2019, 3; microsoft/MASS MASS-unsupNMT/src/trainer.py",
    segment=SentenceRows(),
    corrupt=(),
    denoise=Denoise(noise=(OneFragment(),), target=Fragment(hides_masks=True)),
    max_seq_length=128,
)

PROPHETNET = dataclasses.replace(
    MASS,
    name="prophetnet",
    summary="A fragment of every 64 tokens, masked and written at its own positions.",
    source="Qi et al. 2020, 3.2; microsoft/ProphetNet ProphetNet_En",
    segment=FullSentences(),
    denoise=Denoise(noise=(BlockFragments(),), target=Fragment()),
    max_seq_length=512,
)
