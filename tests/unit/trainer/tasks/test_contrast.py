"""The runs of a batch, told apart: what is in a batch, and what it costs."""

import dataclasses
import functools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.support.sample_builds import corpus
from tests.support.training_runs import LEARN, learner, records, tiny_config, train
from trainer.loader.batches import ArrowBatches
from trainer.loader.open_corpus import open_local_corpus
from trainer.models.encoder import Encoder
from trainer.models.load import load_model
from trainer.rows.layouts import Batch, Packed
from trainer.rows.masked_rows import MaskedRows
from trainer.rows.stored_rows import Rows
from trainer.seeding import seed_torch
from trainer.tasks.contrast import ContrastTask
from transforms.arrays.ragged import Ragged
from transforms.build.corpus import Corpus
from transforms.objectives.infoword import INFOWORD


@functools.cache
def opened() -> Corpus:
    return open_local_corpus(corpus("infoword"))


def batches(copies: str = "cycle") -> ArrowBatches:
    return ArrowBatches(opened(), batch_tokens=1024, copies=copies, seed=4, checksums=False)


def tiny(folder: Path, **changes: Any) -> Encoder:
    path = tiny_config(folder, **changes)
    config = json.loads(path.read_text("utf-8"))
    config.update(hidden_dropout_prob=0.0, max_position_embeddings=130)
    path.write_text(json.dumps(config), "utf-8")
    seed_torch(0, "contrast")
    model: Encoder = load_model(str(path), [opened()], 128)
    return model


def test_literal_arrays() -> None:
    tokens = Ragged.from_lengths(
        np.array([2, 10, 11, 3, 2, 12, 3, 2, 10, 11, 3]), np.array([4, 3, 4])
    )
    rows = Rows(tokens=tokens, second_segment_start=np.array([4, 3, 4]), pair_label=None)
    more = {"ngram": np.array([1, 2, 8, 9])}
    masked = MaskedRows(rows, tokens.values, np.array([5]), tokens.values[[5]], more)
    layout = Packed(
        tokens=12, targets=2, rows=3, longest=6, pad=0, pair_label=None, capacities={"ngram": 6}
    )
    assert layout.sequences == 5
    found = ContrastTask("ngram", 4).packed(masked, layout)
    runs = [2, 10, 11, 3, 2, 10, 11, 3, *[0] * 8]
    assert found["ngram_input_ids"].tolist() == [runs]
    assert found["ngram_position_ids"].tolist() == [[0, 1, 2, 3] * 4]
    assert found["ngram_cu_seqlens"].tolist() == [0, 4, 8, 12, *[16] * 6]
    assert found["ngram_rows"].tolist() == [0, 2, -1, -1, -1]
    assert found["ngram_kinds"].tolist() == [0, 0, -1, -1, -1]


def encoded(model: Encoder, ids: list[int]) -> Tensor:
    """What the model of Hugging Face makes of the first token of one sequence, by itself."""
    length = len(ids)
    hidden: Tensor = model.hf.base_model(
        input_ids=torch.tensor([ids]),
        position_ids=torch.arange(length)[None] + model._first_position,
        cu_seqlens=torch.tensor([0, length], dtype=torch.int32),
        max_seqlen=length,
    ).last_hidden_state
    return hidden[0, 0]


def slowly(model: Encoder, batch: Batch) -> tuple[float, int, int]:
    """Returns loss, right guesses and rows, a row after the other."""
    ids, borders = batch["input_ids"][0].tolist(), batch["cu_seqlens"].tolist()
    runs_ids, runs_at = batch["ngram_input_ids"][0].tolist(), batch["ngram_cu_seqlens"].tolist()
    rows = [row for row in batch["ngram_rows"].tolist() if row >= 0]
    runs = [runs_ids[runs_at[n] : runs_at[n + 1]] for n in range(len(rows))]
    gaps = [encoded(model, ids[borders[row] : borders[row + 1]]) for row in rows]
    firsts = [encoded(model, run) for run in runs]
    loss, right = 0.0, 0
    for number, gap in enumerate(gaps):
        scores = {
            other: float(gap @ firsts[other]) / math.sqrt(len(gap))
            for other in range(len(rows))
            if other == number or runs[other] != runs[number]
        }
        loss += math.log(sum(map(math.exp, scores.values()))) - scores[number]
        right += max(scores, key=lambda other: scores[other]) == number
    return loss, right, len(rows)


@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_the_loss_is_that_of_rows_one_by_one(family: str, tmp_path: Path) -> None:
    model = tiny(tmp_path, model_type=family, initializer_range=0.3).eval()
    batch = next(iter(batches()))
    with torch.no_grad():
        part, (loss, right, count) = model(batch)["ngram"], slowly(model, batch)
    assert count == int(model.counts(batch)["ngram"]) > 5
    assert float(part.loss) == pytest.approx(loss, rel=1e-4)
    assert int(part.correct) == right


def test_the_loss_begins_near_the_logarithm_of_the_rows(tmp_path: Path) -> None:
    model = tiny(tmp_path).eval()
    batch = next(iter(batches("dynamic")))
    count = int(model.counts(batch)["ngram"])
    assert float(model(batch)["ngram"].loss.detach()) / count == pytest.approx(
        math.log(count), rel=0.1
    )


def test_the_gap_is_masked_and_the_run_is_what_stood_there() -> None:
    mask = opened().vocabulary.mask
    for batch in batches():
        ids, borders = batch["input_ids"][0], batch["cu_seqlens"]
        runs, at = batch["ngram_input_ids"][0], batch["ngram_cu_seqlens"]
        for number, row in enumerate(batch["ngram_rows"].tolist()):
            if row >= 0:
                text = runs[at[number] + 1 : at[number + 1] - 1]
                masked = (ids[borders[row] : borders[row + 1]] == mask).sum()
                assert 1 <= len(text) <= 16
                assert int(masked) >= len(text)
                assert mask not in text


def test_a_contrasted_run_is_no_first_corruption() -> None:
    with pytest.raises(ValueError, match="cannot be the targets of the first corruption"):
        dataclasses.replace(INFOWORD, corrupt=INFOWORD.corrupt[1:])


@pytest.mark.slow
def test_every_part_is_learned(tmp_path: Path) -> None:
    model = learner(tmp_path, layers=1)
    options = (*LEARN, "--lr", "3e-3", "--steps", "80", "--batch-tokens", "1024")
    assert train(corpus("infoword"), model, tmp_path / "run", *options) == 0
    found = records(tmp_path / "run")
    for part in ("mlm", "ngram"):
        first, last = (
            np.mean([record[f"loss_{part}"] for record in some])
            for some in (found[:10], found[-10:])
        )
        assert last < 0.9 * first
