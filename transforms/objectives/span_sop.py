"""Masked spans in pairs whose order is to be told: parts of SpanBERT and ALBERT together."""

from transforms.corruption.geometric import GeometricSpans
from transforms.corruption.rewrite import MaskRandomKeepRuns
from transforms.objectives.recipe import Corruption, Recipe
from transforms.pairs.order_segments import SentenceOrder
from transforms.windows.pack_windows import SentenceChunks

# Runs share their fate: a token left in sight inside a span would help to guess its neighbours.
SPAN_SOP = Recipe(
    name="span-sop",
    summary="Masked spans of one to ten words, and pairs whose order is to be told.",
    source="Joshi et al. 2020, 3.1 (spans); Lan et al. 2020, 3.1 (order), as a composition",
    segment=SentenceChunks(),
    pair=SentenceOrder(),
    corrupt=(Corruption(select=GeometricSpans(), rewrite=MaskRandomKeepRuns()),),
)
