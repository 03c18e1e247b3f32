"""T5: spans are replaced by sentinels, and written after them; and a prefix to be continued."""

import dataclasses

from transforms.denoise.denoise import Denoise
from transforms.denoise.prefix import PrefixSplit
from transforms.denoise.random_spans import RandomSegments
from transforms.denoise.removed_spans import Continuation, RemovedSpans
from transforms.objectives.recipe import Recipe
from transforms.pairs.stream_rows import StreamRows
from transforms.windows.joined_documents import DocumentPieces, JoinedDocuments
from transforms.windows.lay_out import Layout

T5 = Recipe(
    name="t5",
    summary="Spans of three tokens on average, replaced by sentinels and written after them.",
    source="Raffel et al. 2020, 3.1.4; t5/data/preprocessors.py (span_corruption)",
    segment=JoinedDocuments(),
    pair=StreamRows(),
    layout=Layout(prefix=(), between=(), suffix=()),
    corrupt=(),
    denoise=Denoise(noise=(RandomSegments(),), target=RemovedSpans()),
)

PREFIX_LM = dataclasses.replace(
    T5,
    name="prefix-lm",
    summary="Parts of documents, cut at any place: the first part is read, the second written.",
    source="Raffel et al. 2020, 3.2.3; t5/data/preprocessors.py (prefix_lm)",
    segment=DocumentPieces(),
    denoise=Denoise(noise=(PrefixSplit(),), target=Continuation()),
)
