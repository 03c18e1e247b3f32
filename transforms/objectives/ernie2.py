"""The tasks of ERNIE 2.0, each with masked words in the same examples."""

from transforms.labels.token_labels import CapitalLetters, OtherSegments
from transforms.objectives.bert_wwm import WHOLE_WORDS
from transforms.objectives.ernie1 import KNOWLEDGE
from transforms.objectives.mixture import Member, Mixture
from transforms.objectives.recipe import Recipe
from transforms.pairs.discourse import DiscourseMarkers
from transforms.pairs.relevance import QueryTitles
from transforms.pairs.reorder_parts import SentenceReordering
from transforms.pairs.sentence_distance import SentenceDistance
from transforms.windows.pack_windows import FullSentences, SentenceChunks

ERNIE2_KNOWLEDGE = Recipe(
    name="ernie2-knowledge",
    summary="ERNIE 2.0: masked tokens, then phrases, then entities, without pairs.",
    source="Sun et al. 2020, ERNIE 2.0, 4.2.1; its code is not public",
    segment=FullSentences(),
    corrupt=(KNOWLEDGE,),
)

ERNIE2_DISTANCE = Recipe(
    name="ernie2-distance",
    summary="ERNIE 2.0: pairs that are adjacent, of one document, or of two; masked words.",
    source="Sun et al. 2020, ERNIE 2.0, 4.2.2; its code is not public",
    segment=SentenceChunks(),
    pair=SentenceDistance(),
    corrupt=(WHOLE_WORDS,),
)

ERNIE2_REORDERING = Recipe(
    name="ernie2-reordering",
    summary="ERNIE 2.0: sentence reordering: texts with permuted parts; masked words.",
    source="Sun et al. 2020, ERNIE 2.0, 4.2.2; its code is not public",
    segment=SentenceChunks(),
    pair=SentenceReordering(),
    corrupt=(WHOLE_WORDS,),
)

ERNIE2_CAPITALS = Recipe(
    name="ernie2-capitals",
    summary="ERNIE 2.0: which tokens of lower-cased text have upper-case letters; masked words.",
    source="Sun et al. 2020, ERNIE 2.0, 4.2.1; its code is not public",
    segment=FullSentences(),
    corrupt=(WHOLE_WORDS,),
    labels=(CapitalLetters(),),
)

ERNIE2_DOCUMENT = Recipe(
    name="ernie2-document",
    summary="ERNIE 2.0: which tokens other segments of the document have too; masked words.",
    source="Sun et al. 2020, ERNIE 2.0, 4.2.1; its code is not public",
    segment=FullSentences(cross_documents=False),
    corrupt=(WHOLE_WORDS,),
    labels=(OtherSegments(),),
    max_seq_length=128,
)

ERNIE2_DISCOURSE = Recipe(
    name="ernie2-discourse",
    summary="ERNIE 2.0: pairs whose discourse marker is removed and predicted; masked words.",
    source="Sun et al. 2020, ERNIE 2.0, 4.2.3; its code is not public",
    segment=SentenceChunks(),
    pair=DiscourseMarkers(),
    corrupt=(WHOLE_WORDS,),
)

ERNIE2_RELEVANCE = Recipe(
    name="ernie2-relevance",
    summary="ERNIE 2.0: queries with titles that were clicked, shown, or neither; masked words.",
    source="Sun et al. 2020, ERNIE 2.0, 4.2.3; its code is not public",
    segment=SentenceChunks(short_rate=0.0),
    pair=QueryTitles(),
    corrupt=(WHOLE_WORDS,),
    max_seq_length=128,
)

ERNIE2 = Mixture(
    name="ernie2",
    summary="ERNIE 2.0: three of its tasks of tokens, two of structure and one of meaning.",
    source="Sun et al. 2020, ERNIE 2.0, 4.2; its code is not public",
    members=tuple(
        map(
            Member,
            (
                ERNIE2_KNOWLEDGE,
                ERNIE2_CAPITALS,
                ERNIE2_DOCUMENT,
                ERNIE2_REORDERING,
                ERNIE2_DISTANCE,
                ERNIE2_DISCOURSE,
            ),
        )
    ),
    left_out=((ERNIE2_RELEVANCE, "JSON lines of a query, a title and a label, and no other text"),),
)
