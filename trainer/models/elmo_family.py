"""The family of ELMo."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import torch

from trainer.models.character_ids import character_table
from trainer.models.elmo import Elmo, ElmoNetwork
from trainer.models.family import Wanted, model_errors
from transforms.build.corpus import Corpus
from transforms.contract.attention import RECURRENT


class ElmoFamily:
    """Models of type "elmo", whose configuration is `trainer.models.elmo_config.ElmoConfig`."""

    subfolder = ""
    has_pairs = False
    attention: Sequence[str] = (RECURRENT,)
    attention_dropout = ""
    fields: Mapping[str, Any] = MappingProxyType({})

    def complete(self, config: Any, token_types: int) -> None:
        pass

    def first_position(self, config: Any) -> int:
        return 0

    def positions(self, config: Any) -> int | None:
        return None

    def segments(self, config: Any) -> int | None:
        return None

    def check(self, name: str, config: Any, corpus: Corpus) -> None:
        pass

    def make(self, wanted: Wanted) -> Elmo:
        """Makes the model, with the characters of the words of the data."""
        corpus = wanted.only_build()
        hf = wanted.made(ElmoNetwork)
        table = character_table(corpus.tokenizer_json, corpus.vocabulary)
        with model_errors(wanted.name):
            # torch looks nothing up in a table of uint16.
            return Elmo(hf, torch.from_numpy(table.astype(np.int16)))
