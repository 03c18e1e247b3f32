"""Made-up pairs for encoder-decoders, as the loader lays them out."""

import dataclasses
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tests.support.language_rows import IDS, corpus_of, saved_config
from trainer.models.load import load_model
from trainer.models.seq2seq import EncoderDecoder
from trainer.rows.layouts import Batch
from trainer.seeding import seed_torch
from transforms.build.corpus import Corpus
from transforms.objectives import OBJECTIVES

PAD, END, IGNORED = 0, 1, -100
ROOM = {"vocab_size": IDS + 4, "pad_token_id": PAD}
T5 = {
    **{"model_type": "t5", "d_model": 16, "d_kv": 4, "num_heads": 2, "d_ff": 24},
    **{"num_layers": 2, "num_decoder_layers": 3, "dropout_rate": 0.0, **ROOM},
}
BART = {
    **{"model_type": "bart", "d_model": 16, "encoder_layers": 2, "decoder_layers": 3},
    **{"encoder_attention_heads": 2, "decoder_attention_heads": 2, "encoder_ffn_dim": 24},
    **{"decoder_ffn_dim": 20, "max_position_embeddings": 32, "dropout": 0.0, "init_std": 0.2},
    **ROOM,
}
PROPHETNET = {
    **{"model_type": "prophetnet", "hidden_size": 16, "num_encoder_layers": 2},
    **{"num_decoder_layers": 2, "num_encoder_attention_heads": 2, "encoder_ffn_dim": 24},
    **{"num_decoder_attention_heads": 2, "decoder_ffn_dim": 20, "max_position_embeddings": 34},
    **{"dropout": 0.0, "attention_dropout": 0.0, "activation_dropout": 0.0, "init_std": 0.2},
    **ROOM,
}
KINDS: dict[str, dict[str, Any]] = {"t5": T5, "bart": BART, "prophetnet": PROPHETNET}


def paired(name: str = "t5", **changes: Any) -> Corpus:
    """Returns a corpus without rows: all that a model asks of one."""
    recipe = dataclasses.replace(OBJECTIVES[name], **{"max_seq_length": 32, **changes})
    return corpus_of(recipe, pad=PAD, sep=END, cls=2, mask=4)


def pair_model(folder: Path, corpus: Corpus | None = None, **fields: Any) -> EncoderDecoder:
    """Makes a small model with weights that are the same every time."""
    seed_torch(5, "weights")
    data = paired() if corpus is None else corpus
    model: EncoderDecoder = load_model(saved_config(folder, **fields), [data], 32)
    return model


def pairs(sources: list[int], targets: list[int], *, more: int = 0) -> dict[str, Tensor]:
    """Lays out pairs of these lengths, with `more` cells of padding on each line, and a line more.

    The lengths say what the tokens are, however they are padded.
    """
    longest, most = max(sources) + more, max(targets) + more
    lines = len(sources) + (more > 0)
    ids, labels = torch.full((lines, longest), PAD), torch.full((lines, most), IGNORED)
    given, attended = torch.full((lines, most), PAD), torch.zeros(lines, longest, dtype=torch.int64)
    attended[:, 0] = 1
    for line, (source, target) in enumerate(zip(sources, targets, strict=True)):
        seed_torch(line, "pair", source, target)
        ids[line, :source], attended[line, :source] = torch.randint(6, IDS, (source,)), 1
        labels[line, :target] = torch.randint(6, IDS, (target,))
        given[line, 1:target] = labels[line, : target - 1]
    cells = (labels.flatten() != IGNORED).nonzero().flatten()
    return {
        "input_ids": ids,
        "attention_mask": attended,
        "decoder_input_ids": given,
        "labels": labels,
        "target_positions": torch.cat([cells, torch.full((more,), -1)]),
    }


def mean_loss(model: EncoderDecoder, batch: Batch) -> Tensor:
    """Returns the mean loss of a batch."""
    [(name, term)] = model(batch).items()
    loss: Tensor = term.loss / model.counts(batch)[name]
    return loss
