"""Transformer-XL: next tokens in rows that follow one another, with a memory of those before."""

import dataclasses

from transforms.objectives.gpt import GPT

TRANSFORMER_XL = dataclasses.replace(
    GPT,
    name="transformer-xl",
    summary="Next tokens in consecutive rows, with a memory of the rows before.",
    source="Dai et al. 2019, 3.2; kimiyoung/transformer-xl pytorch/data_utils.py",
    max_seq_length=150,
    order="lanes",
    memory=150,
)
