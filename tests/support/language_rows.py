"""Made-up rows for causal and permuted language models, as the loader lays them out."""

import dataclasses
import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from schemas.vocabulary import Vocabulary
from trainer.models.load import load_model
from trainer.rows.layouts import Batch
from trainer.seeding import seed_torch
from transforms.build.corpus import Corpus
from transforms.objectives import OBJECTIVES
from transforms.windows.recurrent_stream import RecurrentStream

IDS, EOD, PAD = 60, 3, 0
IGNORED = -100


def corpus_of(recipe: Any, **roles: int) -> Corpus:
    """Returns a corpus without rows: all that a model asks of one."""
    found = {"eod": EOD, **roles}
    vocabulary = Vocabulary(size=IDS, roles=found, names=dict.fromkeys(found, "?"), sha256="")
    return Corpus(
        folder="data", manifest=None, recipe=recipe, tokenizer_json="{}", vocabulary=vocabulary
    )


def causal(name: str = "gpt", *, keep_apart: bool = False, **changes: Any) -> Corpus:
    recipe = OBJECTIVES[name]
    predict: Any = recipe.predict
    predict = dataclasses.replace(predict, keep_apart=keep_apart)
    return corpus_of(dataclasses.replace(recipe, predict=predict, **changes))


def permuted(*, memory: int = 0, reuse_len: int = 8, streams: int = 1, length: int = 16) -> Corpus:
    segment = RecurrentStream(reuse_len=reuse_len, bi_data=streams == 2)
    recipe = dataclasses.replace(
        OBJECTIVES["xlnet"], segment=segment, memory=memory, max_seq_length=length
    )
    return corpus_of(recipe, cls=4, sep=5)


def saved_config(folder: Path, **fields: Any) -> str:
    """Writes a configuration, and returns its name."""
    path = folder / f"{fields['model_type']}.json"
    path.write_text(json.dumps(fields), "utf-8")
    return str(path)


GPT2 = {
    "model_type": "gpt2",
    "vocab_size": IDS + 4,
    "n_positions": 24,
    "n_embd": 16,
    "n_layer": 2,
    "n_head": 2,
    "resid_pdrop": 0.0,
    "embd_pdrop": 0.0,
    "initializer_range": 0.2,
}
GPT1 = {**GPT2, "model_type": "openai-gpt", "attn_pdrop": 0.0}
XLNET = {
    "model_type": "xlnet",
    "vocab_size": IDS + 4,
    "d_model": 16,
    "n_layer": 2,
    "n_head": 2,
    "d_inner": 24,
    "dropout": 0.0,
    "mem_len": None,
    "initializer_range": 0.2,
}
TRANSFORMER_XL = {**XLNET, "attn_type": "uni"}


def model_of(folder: Path, corpus: Corpus, longest: int = 17, **fields: Any) -> Any:
    """Makes a small model with weights that are the same every time."""
    seed_torch(5, "weights")
    return load_model(saved_config(folder, **fields), [corpus], longest)


def random_rows(count: int, length: int, seed: int = 0) -> Tensor:
    """Returns int64[count, length]: ids that are not special."""
    seed_torch(seed, "rows")
    return torch.randint(6, IDS, (count, length))


def packed(rows: Sequence[Tensor], tokens: int, longest: int = 16) -> Batch:
    """Lays out sequences, each with a token at its end that is predicted only."""
    lengths = [len(row) - 1 for row in rows]
    used = sum(lengths)
    borders = [0, *torch.tensor(lengths).cumsum(0).tolist()]
    filler = [*range(used + longest, tokens, longest), tokens] if used < tokens else []
    borders += filler + [tokens] * 3
    positions = torch.cat([torch.arange(b - a) for a, b in itertools.pairwise(borders)])
    ids, labels = torch.full((tokens,), PAD), torch.full((tokens + 5,), IGNORED)
    ids[:used] = torch.cat([row[:-1] for row in rows])
    labels[:used] = torch.cat([row[1:] for row in rows])
    at = torch.zeros(tokens + 5, dtype=torch.int64)
    at[:used] = torch.arange(used)
    return {
        "input_ids": ids[None],
        "position_ids": positions[None],
        "token_type_ids": torch.zeros(1, tokens, dtype=torch.int64),
        "cu_seqlens": torch.tensor(borders, dtype=torch.int32),
        "target_positions": at,
        "labels": labels,
        "num_tokens": torch.tensor(used),
    }


def padded(rows: Sequence[Tensor], length: int = 16, empty: int = 1) -> Batch:
    """Lays the same rows out side by side, with some lines that have no row."""
    shape = len(rows) + empty, length
    ids, labels, attended = (torch.full(shape, filler) for filler in (PAD, IGNORED, 0))
    attended[:, 0] = 1
    for line, row in enumerate(rows):
        ids[line, : len(row) - 1], labels[line, : len(row) - 1] = row[:-1], row[1:]
        attended[line, : len(row) - 1] = 1
    return {"input_ids": ids, "attention_mask": attended, "labels": labels}


def lanes(rows: Tensor, *, reset: bool | Sequence[bool] = True) -> Batch:
    """Lays out rows of lanes for next tokens; the last token of each is predicted only."""
    return {
        "input_ids": rows[:, :-1],
        "labels": rows[:, 1:],
        "reset": torch.tensor(reset).expand(len(rows)),
        "row_ids": torch.arange(len(rows)),
    }


def orders(rows: Tensor, *, reuse_len: int = 8, seed: int = 0, ranked: int = 4) -> Batch:
    """Lays out rows of lanes with a factorization order of some tokens of each half.

    The last three tokens but one are special, and have ranks too; one row has a target less.
    """
    seed_torch(seed, "orders")
    count, length = rows.shape
    ranks = torch.full((count, length), -1)
    special = torch.zeros(count, length, dtype=torch.int64)
    special[:, [length - 5, length - 2, length - 1]] = 1
    for row in range(count):
        for begin, end in ((0, reuse_len), (reuse_len, length)):
            at = [i for i in range(begin, end) if special[row, i]]
            free = [i for i in range(begin, end) if not special[row, i]]
            chosen = torch.randperm(len(free))[: ranked - (row == 0 and begin == 0)]
            at += [free[i] for i in chosen.tolist()]
            ranks[row, at] = torch.randperm(len(at))
    targets = (ranks >= 0) & (special == 0)
    most = int(targets.sum(1).max()) + 1
    positions, labels = torch.zeros(count, most, dtype=torch.int64), torch.full((count, most), -100)
    for row in range(count):
        at = targets[row].nonzero().flatten()
        positions[row, : len(at)], labels[row, : len(at)] = at, rows[row, at]
    types_of = torch.zeros_like(rows)
    types_of[:, length - 4 : -1], types_of[:, -1] = 1, 2
    return {
        "input_ids": rows,
        "token_type_ids": types_of,
        "ranks": ranks,
        "special_tokens_mask": special,
        "target_positions": positions,
        "labels": labels,
        "reset": torch.ones(count, dtype=torch.bool),
        "row_ids": torch.arange(count),
    }


def loss_of(model: Any, batch: Batch, state: Any = None) -> Tensor:
    """Returns the mean loss of a batch."""
    found = model(batch, state) if model.__dict__.get("stateful") else model(batch)
    terms = found[0] if isinstance(found, tuple) else found
    [(name, term)] = terms.items()
    loss: Tensor = term.loss / model.counts(batch)[name]
    return loss
