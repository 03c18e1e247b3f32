"""Masked spans and sentence-order prediction: parts of SpanBERT and ALBERT together."""

from transforms.corruption.geometric import GeometricSpans
from transforms.corruption.rewrite import MaskRandomKeepRuns
from transforms.objectives.corruption import Corruption
from transforms.objectives.recipe import Recipe
from transforms.pairs.order_segments import SentenceOrder
from transforms.windows.pack_windows import SentenceChunks

# A run is rewritten as a whole: a visible token inside a span would give its neighbours away.
SPAN_SOP = Recipe(
    name="span-sop",
    summary="Masked spans of one to ten words, and sentence-order prediction.",
    source="Joshi et al. 2020, 3.1 (spans); Lan et al. 2020, 3.1 (order), as a composition",
    segment=SentenceChunks(),
    pair=SentenceOrder(),
    corrupt=(Corruption(select=GeometricSpans(), rewrite=MaskRandomKeepRuns()),),
)
