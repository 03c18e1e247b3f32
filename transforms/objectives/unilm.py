"""UniLM: masked tokens, seen in one of four ways."""

from transforms.contract.modes import Mode
from transforms.corruption.mixed_ngrams import MixedNgrams
from transforms.objectives.corruption import Corruption
from transforms.objectives.recipe import Recipe
from transforms.pairs.pair_segments import NextSentence
from transforms.windows.pack_windows import SentenceChunks

UNILM = Recipe(
    name="unilm",
    summary="Masked tokens, predicted from both sides, from the left, from the right, or as the "
    "continuation of a first segment; next-sentence pairs.",
    source="Dong et al. 2019, 2.3-2.4; microsoft/unilm unilm-v1/src",
    segment=SentenceChunks(),
    pair=NextSentence(),
    corrupt=(Corruption(select=MixedNgrams()),),
    modes=(
        Mode(name="bidirectional", share=2, pairs=True),
        Mode(
            name="left_to_right",
            first_sees=("before", "before"),
            second_sees=("before", "before"),
            first_type=2,
            second_type=2,
        ),
        Mode(
            name="right_to_left",
            first_sees=("after", "after"),
            second_sees=("after", "after"),
            first_type=3,
            second_type=3,
        ),
        Mode(
            name="sequence_to_sequence",
            share=2,
            first_sees=("all", "none"),
            second_sees=("all", "before"),
            first_type=4,
            second_type=5,
        ),
    ),
    parity=(("pair.same_document", True),),
)
