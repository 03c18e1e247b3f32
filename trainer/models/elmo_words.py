"""Words from their characters: filters over characters, highway layers, a projection (ELMo)."""

import math
from typing import Any

import torch
from torch import Tensor

from trainer.models.character_ids import CHARACTERS


class WordEncoder(torch.nn.Module):
    """Reads the characters of a word.

    Source: allenai/bilm-tf bilm/training.py (_build_word_char_embeddings), initial values
      included. The filler behind a word is a character like any other.
    """

    def __init__(self, config: Any) -> None:
        super().__init__()
        width = sum(number for _, number in config.filters)
        self.characters = torch.nn.Embedding(CHARACTERS, config.character_size)
        filters = [
            torch.nn.Conv1d(config.character_size, number, size) for size, number in config.filters
        ]
        self.filters = torch.nn.ModuleList(filters)
        self.highways = torch.nn.ModuleList(_Highway(width) for _ in range(config.highways))
        self.projection = torch.nn.Linear(width, config.hidden_size)
        torch.nn.init.uniform_(self.characters.weight, -1.0, 1.0)
        for each in filters:
            torch.nn.init.uniform_(each.weight, -0.05, 0.05)
            if each.bias is not None:
                torch.nn.init.zeros_(each.bias)
        torch.nn.init.normal_(self.projection.weight, std=math.sqrt(1 / width))
        torch.nn.init.zeros_(self.projection.bias)

    def forward(self, characters: Tensor) -> Tensor:
        """Returns float[W, d] for the characters int64[W, 50] of words."""
        found = self.characters(characters).transpose(1, 2)
        parts = [each(found).amax(dim=2).relu() for each in self.filters]
        words = torch.cat(parts, dim=1)
        for highway in self.highways:
            words = highway(words)
        found = self.projection(words)
        assert isinstance(found, Tensor)
        return found


class _Highway(torch.nn.Module):
    """A layer that a part of its input passes unchanged; most of it in the beginning."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.change = torch.nn.Linear(width, width)
        self.gate = torch.nn.Linear(width, width)
        for each in (self.change, self.gate):
            torch.nn.init.normal_(each.weight, std=math.sqrt(1 / width))
        torch.nn.init.zeros_(self.change.bias)
        torch.nn.init.constant_(self.gate.bias, -2.0)

    def forward(self, words: Tensor) -> Tensor:
        gate = torch.sigmoid(self.gate(words))
        return gate * torch.relu(self.change(words)) + (1 - gate) * words
