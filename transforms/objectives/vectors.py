"""Vectors of words: word2vec, fastText and GloVe. Rows are lines of words."""

import dataclasses

from transforms.labels.co_occurrences import CoOccurrences
from transforms.labels.context_words import BUCKETS, ContextWords
from transforms.labels.context_words import FASTTEXT as FASTTEXT_LAW
from transforms.labels.context_words import SKIPGRAM as PAIRS
from transforms.objectives.recipe import Recipe
from transforms.pairs.stream_rows import StreamRows
from transforms.windows.lay_out import Layout
from transforms.windows.line_rows import LineRows

CBOW = Recipe(
    name="cbow",
    summary="Vectors of words: a word from the mean of its neighbours, with negative samples.",
    source="Mikolov et al. 2013, arXiv 1301.3781 and 1310.4546; tmikolov/word2vec word2vec.c",
    segment=LineRows(),
    pair=StreamRows(),
    layout=Layout(prefix=(), between=(), suffix=()),
    corrupt=(),
    predict=ContextWords(),
    max_seq_length=1000,
    copies=1,
)

SKIPGRAM = dataclasses.replace(
    CBOW,
    name="skipgram",
    summary="Vectors of words: pairs of neighbours, with negative samples.",
    predict=ContextWords(architecture=PAIRS),
)

FASTTEXT = dataclasses.replace(
    CBOW,
    name="fasttext",
    summary="Vectors of words and of their character n-grams, which unknown words have too.",
    source="Bojanowski et al. 2017, arXiv 1607.04606; facebookresearch/fastText src",
    segment=LineRows(line_ends=True),
    predict=ContextWords(
        architecture=PAIRS,
        law=FASTTEXT_LAW,
        subsample=1e-4,
        min_n=3,
        max_n=6,
        buckets=BUCKETS,
    ),
    max_seq_length=1025,
)

GLOVE = dataclasses.replace(
    CBOW,
    name="glove",
    summary="Vectors of words from how often they stand near each other in the whole corpus.",
    source="Pennington et al. 2014; stanfordnlp/GloVe src/cooccur.c, src/glove.c",
    predict=CoOccurrences(),
)
