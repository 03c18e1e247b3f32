"""Configurations by name, and which names a model may have; without torch."""

import os
from collections.abc import Mapping
from typing import Any

from schemas.errors import UsageError
from schemas.wording import nearest


def _bert(layers: int, hidden: int, **fields: Any) -> Mapping[str, Any]:
    return {
        "model_type": "bert",
        "num_hidden_layers": layers,
        "hidden_size": hidden,
        "num_attention_heads": hidden // 64,
        "intermediate_size": 4 * hidden,
        **fields,
    }


def _albert(layers: int, hidden: int) -> Mapping[str, Any]:
    return _bert(
        layers,
        hidden,
        model_type="albert",
        embedding_size=128,
        hidden_act="gelu_new",
        hidden_dropout_prob=0.0,
    )


def _roberta(layers: int, hidden: int) -> Mapping[str, Any]:
    return _bert(layers, hidden, model_type="roberta", type_vocab_size=1, layer_norm_eps=1e-5)


def _electra(
    hidden: int, embedding: int, generator_size: float, layers: int = 12
) -> Mapping[str, Any]:
    return _bert(
        layers,
        hidden,
        model_type="electra",
        embedding_size=embedding,
        generator_size=generator_size,
    )


def _ernie(layers: int, hidden: int) -> Mapping[str, Any]:
    return _bert(layers, hidden, model_type="ernie", use_task_id=True, task_type_vocab_size=16)


def _gpt(layers: int, hidden: int, **fields: Any) -> Mapping[str, Any]:
    return {
        "model_type": "gpt2",
        "n_layer": layers,
        "n_embd": hidden,
        "n_head": hidden // 64,
        "n_positions": 1024,
        **fields,
    }


def _xlnet(layers: int, hidden: int, **fields: Any) -> Mapping[str, Any]:
    return {
        "model_type": "xlnet",
        "n_layer": layers,
        "d_model": hidden,
        "n_head": hidden // 64,
        "d_inner": 4 * hidden,
        **fields,
    }


def _t5(layers: int, hidden: int, **fields: Any) -> Mapping[str, Any]:
    return {
        "model_type": "t5",
        "num_layers": layers,
        "d_model": hidden,
        "num_heads": hidden // 64,
        "d_kv": 64,
        "d_ff": 4 * hidden,
        **fields,
    }


def _bart(layers: int, hidden: int, **fields: Any) -> Mapping[str, Any]:
    return {
        "model_type": "bart",
        "encoder_layers": layers,
        "decoder_layers": layers,
        "d_model": hidden,
        "encoder_attention_heads": hidden // 64,
        "decoder_attention_heads": hidden // 64,
        "encoder_ffn_dim": 4 * hidden,
        "decoder_ffn_dim": 4 * hidden,
        **fields,
    }


def _prophetnet(layers: int, hidden: int) -> Mapping[str, Any]:
    return {
        "model_type": "prophetnet",
        "num_encoder_layers": layers,
        "num_decoder_layers": layers,
        "hidden_size": hidden,
        "num_encoder_attention_heads": hidden // 64,
        "num_decoder_attention_heads": hidden // 64,
        "encoder_ffn_dim": 4 * hidden,
        "decoder_ffn_dim": 4 * hidden,
    }


def _elmo(width: int, cells: int, most: int, **fields: Any) -> Mapping[str, Any]:
    """Returns ELMo with the reference's filters of up to so many characters."""
    return {
        "model_type": "elmo",
        "hidden_size": width,
        "cell_size": cells,
        "filters": [[size, max(32, 1 << (size + 3))] for size in range(1, most + 1)],
        **fields,
    }


PRESETS: Mapping[str, Mapping[str, Any]] = {
    "bert-base": _bert(12, 768),
    "bert-large": _bert(24, 1024),
    "bert-small": _bert(4, 512),
    "bert-tiny": _bert(2, 128),
    "albert-base": _albert(12, 768),
    "albert-tiny": _albert(2, 128),
    "roberta-base": _roberta(12, 768),
    "roberta-tiny": _roberta(2, 128),
    "ernie-base": _ernie(12, 768),
    "ernie-tiny": _ernie(2, 128),
    "electra-base": _electra(768, 768, 1 / 3),
    "electra-small": _electra(256, 128, 1 / 4),
    "electra-tiny": _electra(128, 128, 1 / 2, layers=2),
    "gpt1": _gpt(12, 768, model_type="openai-gpt", n_positions=512),
    "gpt2": _gpt(12, 768),
    "gpt2-medium": _gpt(24, 1024),
    "gpt-tiny": _gpt(2, 128),
    "xlnet-base": _xlnet(12, 768),
    "xlnet-tiny": _xlnet(2, 128),
    "transformer-xl-base": _xlnet(
        16, 410, n_head=10, d_inner=2100, ff_activation="relu", attn_type="uni"
    ),
    "transformer-xl-tiny": _xlnet(2, 128, ff_activation="relu", attn_type="uni"),
    "t5-base": _t5(12, 768),
    "t5-small": _t5(6, 512),
    "t5-tiny": _t5(2, 128),
    "bart-base": _bart(6, 768),
    "bart-tiny": _bart(2, 128),
    "mass-base": _bart(6, 768),
    "prophetnet-large": _prophetnet(12, 1024),
    "prophetnet-tiny": _prophetnet(2, 128),
    "elmo": _elmo(512, 4096, 7),
    "elmo-small": _elmo(128, 1024, 7, highways=1),
    "elmo-tiny": _elmo(32, 64, 3, highways=1, character_size=8, negatives=256),
}
"""Devlin et al. 2019, Turc et al. 2019 (small, tiny), Liu et al. 2019, Lan et al. 2020 without
dropout, as its second version, Sun et al. 2020 (ERNIE 2.0), with room for 16 tasks, and Clark et
al. 2020, table 6, where `generator_size` is the width of the generator. The tiny ones but BERT's
are no published sizes.

Radford et al. 2018, 4.1 (gpt1), Radford et al. 2019, table 2, with the heads of openai/gpt-2 (gpt2,
gpt2-medium), Yang et al. 2019, A.4.1, as published (xlnet-base), and
kimiyoung/transformer-xl run_wt103_base.sh (transformer-xl-base). The tiny ones are no published
sizes.

Raffel et al. 2020, 3.1 and 3.7 (t5-base, t5-small; feed-forward parts of version 1.0), Lewis et al.
2020, 4, with 1,024 positions (bart-base), microsoft/MASS masked_s2s.py, transformer_mass_base
(mass-base), and Qi et al. 2020, 3.1 (prophetnet-large).

allenai/bilm-tf bin/train_elmo.py (elmo), and the small model that AllenNLP released,
elmo_2x1024_128_2048cnn_1xhighway (elmo-small)."""


def check_name(name: str) -> None:
    """Refuses the name of a model that is neither known, nor a path, nor module:callable."""
    if name in PRESETS or ":" in name or os.path.isfile(name) or os.path.isdir(name):
        return
    raise UsageError(
        f"--model {name!r} is neither a file, a folder nor module:callable; "
        f"{nearest(name, PRESETS)}"
    )
