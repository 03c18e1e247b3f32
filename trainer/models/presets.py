"""Configurations by name."""

from collections.abc import Mapping
from typing import Any


def _bert(layers: int, hidden: int, **fields: Any) -> Mapping[str, Any]:
    return {
        "model_type": "bert",
        "num_hidden_layers": layers,
        "hidden_size": hidden,
        "num_attention_heads": hidden // 64,
        "intermediate_size": 4 * hidden,
        **fields,
    }


def _electra(hidden: int, embedding: int, generator_size: float) -> Mapping[str, Any]:
    return _bert(
        12,
        hidden,
        model_type="electra",
        embedding_size=embedding,
        generator_size=generator_size,
    )


def _ernie(layers: int, hidden: int) -> Mapping[str, Any]:
    return _bert(layers, hidden, model_type="ernie", use_task_id=True, task_type_vocab_size=16)


PRESETS: Mapping[str, Mapping[str, Any]] = {
    "bert-base": _bert(12, 768),
    "bert-large": _bert(24, 1024),
    "bert-small": _bert(4, 512),
    "bert-tiny": _bert(2, 128),
    "albert-base": _bert(
        12,
        768,
        model_type="albert",
        embedding_size=128,
        hidden_act="gelu_new",
        hidden_dropout_prob=0.0,
    ),
    "roberta-base": _bert(12, 768, model_type="roberta", type_vocab_size=1, layer_norm_eps=1e-5),
    "ernie-base": _ernie(12, 768),
    "ernie-tiny": _ernie(2, 128),
    "electra-base": _electra(768, 768, 1 / 3),
    "electra-small": _electra(256, 128, 1 / 4),
}
"""Devlin et al. 2019, Turc et al. 2019 (small, tiny), Liu et al. 2019, Lan et al. 2020 without
dropout, as its second version, Sun et al. 2020 (ERNIE 2.0), with room for 16 tasks, and Clark et
al. 2020, table 6, where `generator_size` is the width of the generator."""
