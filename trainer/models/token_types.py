"""Gives a model that was saved without them the token types of modes of attention."""

from collections.abc import Sequence
from typing import Any

import torch

from transforms.contract.modes import Mode


def add_token_types(hf: Any, modes: Sequence[Mode]) -> str:
    """Adds the token types of modes to an encoder of `transformers` that lacks some of them.

    The type of a first segment begins as a copy of type 0, that of a second one as a copy of
    type 1, so at first the model computes what it computed before.

    Args:
      hf: The model; its configuration then has the types as well.
      modes: Of the data; nothing is done if there are none.

    Returns:
      A note for the user; "" if nothing was done.

    Source: microsoft/unilm unilm-v1/src/pytorch_pretrained_bert/modeling.py, from_pretrained.
    """
    old = hf.base_model.embeddings.token_type_embeddings
    first = {mode.first_type for mode in modes}
    wanted = sorted(first.union(mode.second_type for mode in modes))
    added = [each for each in wanted if each >= old.num_embeddings]
    if not added:
        return ""
    rows = torch.arange(added[-1] + 1)
    # Types between those of modes are never used.
    rows[old.num_embeddings :] = 0
    rows[[each for each in added if each not in first]] = 1
    new = torch.nn.Embedding(len(rows), old.embedding_dim)
    new.weight.data.copy_(old.weight.data[rows])
    hf.base_model.embeddings.token_type_embeddings = new
    hf.config.type_vocab_size = len(rows)
    return f"token types {added[0]} to {added[-1]} begin as copies of 0 and 1"
