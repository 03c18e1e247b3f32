"""GPT: documents as one stream, from every token the next one."""

from transforms.labels.next_tokens import NextTokens
from transforms.objectives.recipe import Recipe
from transforms.pairs.stream_rows import StreamRows
from transforms.windows.lay_out import Layout
from transforms.windows.streams import DocumentStream

GPT = Recipe(
    name="gpt",
    summary="Next tokens: the documents of a shard as one stream, cut into rows.",
    source="Radford et al. 2019, 2; NVIDIA/Megatron-LM core/datasets/gpt_dataset.py",
    segment=DocumentStream(),
    pair=StreamRows(),
    layout=Layout(prefix=(), between=(), suffix=()),
    corrupt=(),
    predict=NextTokens(),
    max_seq_length=1024,
    copies=1,
)
