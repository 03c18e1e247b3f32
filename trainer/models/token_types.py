"""Types of tokens: which ones a model is given, and those of modes of attention that it lacks."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from transforms.contract.modes import Mode


def has_one_type(config: Any) -> bool:
    """Returns whether a configuration has one type of tokens, as RoBERTa's do."""
    return int(config.type_vocab_size) < 2


def known_types(config: Any, types: Tensor) -> Tensor:
    """Returns the types of tokens that a fine-tuned model is given: 0 if it has no other.

    Args:
      config: Of the model.
      types: int64, of any shape; 1 where tokens are of a second text.

    Source: Liu et al. 2019, RoBERTa: two texts are told apart by the separators alone.
    """
    return torch.zeros_like(types) if has_one_type(config) else types


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
