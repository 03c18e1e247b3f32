"""ELMo: the next word, in a forward and in a reversed stream of sentences."""

from transforms.labels.next_words import NextWords
from transforms.objectives.recipe import Recipe
from transforms.pairs.stream_rows import StreamRows
from transforms.windows.lay_out import Layout
from transforms.windows.sentence_streams import SentenceStreams

ELMO = Recipe(
    name="elmo",
    summary="Next words of sentences, forward and reversed, with a state that rows go on with.",
    source="Peters et al. 2018; allenai/bilm-tf bilm/data.py",
    segment=SentenceStreams(),
    pair=StreamRows(),
    layout=Layout(prefix=(), between=(), suffix=()),
    corrupt=(),
    predict=NextWords(),
    max_seq_length=20,
    copies=1,
    order="lanes",
)
