"""Clean text with all that is known of its tokens: training samples the masks of any objective."""

from schemas.columns import SENTENCES, WORDS
from transforms.objectives.recipe import Recipe
from transforms.windows.pack_windows import FullSentences

ANNOTATED = Recipe(
    name="annotated",
    summary="Clean full sentences with words, entities, phrases and sentence boundaries; "
    "`train --objective` samples the masks.",
    source="Liu et al. 2019, 4.1, dynamic masking",
    segment=FullSentences(),
    corrupt=(),
    store=(WORDS, "entities", "phrases", SENTENCES),
    copies=1,
)
