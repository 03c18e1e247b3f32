"""SpanBERT: masked spans, predicted from their context and from their boundaries (SBO).

Differs: a sentence longer than a window is cut and kept, and the last document counts like others.
"""

from transforms.corruption.geometric import GeometricSpans
from transforms.corruption.rewrite import MaskRandomKeepRuns
from transforms.corruption.targets import MaskedSpans
from transforms.objectives.corruption import Corruption
from transforms.objectives.recipe import Recipe
from transforms.windows.pack_windows import FullSentences

SPANBERT = Recipe(
    name="spanbert",
    summary="Masked spans of one to ten words, also predicted from the span's boundaries (SBO).",
    source="Joshi et al. 2020, 3; facebookresearch/SpanBERT no_nsp_span_bert_dataset.py",
    segment=FullSentences(cross_documents=False),
    corrupt=(
        Corruption(select=GeometricSpans(), rewrite=MaskRandomKeepRuns(), targets=MaskedSpans()),
    ),
)
