"""ERNIE 1.0: tokens, phrases and entities masked in stages, with pairs; and its dialogues."""

from transforms.corruption.bernoulli import BernoulliUnits, StagedUnits
from transforms.corruption.rewrite import MaskRandomKeep
from transforms.objectives.corruption import Corruption
from transforms.objectives.recipe import Recipe
from transforms.pairs.dialogue_reality import DialogueReality
from transforms.pairs.pair_segments import NextSentence
from transforms.windows.dialogues import DialogueTurns
from transforms.windows.lay_out import Layout
from transforms.windows.pack_windows import SentenceChunks

KNOWLEDGE = Corruption(select=StagedUnits(), rewrite=MaskRandomKeep(exclude=("pad",)))

ERNIE1 = Recipe(
    name="ernie1",
    summary="Masked tokens, then phrases, then entities, and next-sentence pairs.",
    source="Sun et al. 2019 (ERNIE 1.0), 3.2; PaddlePaddle/ERNIE, branch repro",
    segment=SentenceChunks(),
    pair=NextSentence(next_label=1),
    corrupt=(KNOWLEDGE,),
)

ERNIE1_DLM = Recipe(
    name="ernie1-dlm",
    summary="Masked tokens of real dialogues, and of dialogues with one turn replaced.",
    source="Sun et al. 2019 (ERNIE 1.0), 4.2.4; no reference code was published",
    segment=DialogueTurns(),
    pair=DialogueReality(),
    layout=Layout(between=(), suffix=()),
    corrupt=(Corruption(select=BernoulliUnits(), rewrite=MaskRandomKeep(exclude=("pad",))),),
)
