"""What batches of every recipe with an encoder and a decoder hold, against its rows as they lie."""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from schemas.checked_json import DamagedError
from schemas.errors import UsageError
from tests.oracles.edits import stored_edits, wanted_sequences
from tests.support.sample_builds import (
    RECIPES,
    copy_of,
    corpus,
    shard_paths,
    stored_rows,
)
from trainer.loader.batches import ArrowBatches
from trainer.loader.open_corpus import open_local_corpus
from transforms.objectives import OBJECTIVES

NAMES = [name for name in RECIPES if OBJECTIVES[name].attention == "encoder_decoder"]
EVERY = pytest.mark.parametrize("recipe", NAMES)
TOKENS = 4096
Pair = tuple[list[int], list[int], list[int]]


def loader(recipe: str, **options: Any) -> ArrowBatches:
    fields = {"batch_tokens": TOKENS, "layout": "pairs", "seed": 3, "checksums": False, **options}
    return ArrowBatches(corpus(recipe), **fields)


@functools.cache
def rows_of(recipe: str) -> list[dict[str, Any]]:
    return [row for path in shard_paths(corpus(recipe)) for row in stored_rows(path)]


def pairs_in(batches: ArrowBatches) -> Iterator[tuple[int, Pair]]:
    """Yields the rows of an epoch: number, source, target and input of the decoder."""
    for batch in batches:
        for line, row in enumerate(batch["row_ids"].tolist()):
            if row < 0:
                continue
            source = batch["input_ids"][line][batch["attention_mask"][line] > 0]
            written = batch["labels"][line] != -100
            # What is written stands at the beginning of the line.
            assert written.tolist() == sorted(written.tolist(), reverse=True)
            label, given = batch["labels"][line], batch["decoder_input_ids"][line]
            yield row, (source.tolist(), label[written].tolist(), given[written].tolist())


def test_there_are_some() -> None:
    assert "t5" in NAMES


@EVERY
def test_an_epoch_takes_a_stored_copy(recipe: str) -> None:
    batches, vocabulary = loader(recipe), open_local_corpus(corpus(recipe)).vocabulary
    # One more than there are copies.
    for epoch in range(4):
        found = dict(pairs_in(batches))
        copies = batches.corpus.recipe.copies
        assert len(found) == len(rows_of(recipe))
        for number, row in enumerate(rows_of(recipe)):
            wanted = wanted_sequences(row, epoch % copies, batches.corpus.recipe, vocabulary)
            assert found[number] == wanted


@pytest.mark.parametrize("recipe", ["mass", "prophetnet"])
def test_fragments_keep_their_positions(recipe: str) -> None:
    batches, rows = loader(recipe), rows_of(recipe)
    mask = batches.corpus.vocabulary.mask
    for batch in batches:
        places = torch.full(batch["labels"].shape, -1)
        used = batch["target_positions"] >= 0
        places.flatten()[batch["target_positions"][used]] = batch["target_places"][used]
        for line, number in enumerate(batch["row_ids"].tolist()):
            if number < 0:
                continue
            row = rows[number]
            spans = stored_edits(row, 0, batches.corpus.recipe)
            at = [position for start, end, _ in spans for position in range(start, end)]
            count = len(at)
            # The token before stands at the position before.
            found = batch["decoder_position_ids"][line, :count].tolist()
            assert found == [position - 1 for position in at]
            assert batch["decoder_input_ids"][line, :count].tolist() == [
                row["input_ids"][position] for position in found
            ]
            assert places[line, :count].tolist() == [
                position - start for start, end, _ in spans for position in range(start, end)
            ]
            if recipe == "mass":
                ids, seen = batch["input_ids"][line], batch["cross_attention_mask"][line]
                assert torch.equal(seen, batch["attention_mask"][line] * (ids != mask))
        assert recipe == "mass" or "cross_attention_mask" not in batch


@EVERY
def test_fresh_noise_is_drawn_by_row_and_epoch(recipe: str) -> None:
    batches, smaller = (loader(recipe, copies="dynamic", batch_tokens=n) for n in (4096, 1500))
    epochs = [dict(pairs_in(batches)) for _ in range(2)]
    # However rows are put together.
    assert epochs == [dict(pairs_in(smaller)) for _ in range(2)]
    same = sum(epochs[0][row] == epochs[1][row] for row in epochs[0])
    assert same < len(epochs[0]) / 4
    # Noise takes away what it would have at build time: as much, within a tenth.
    stored = dict(pairs_in(loader(recipe)))
    sizes = [sum(len(pair[0]) for pair in each.values()) for each in (epochs[0], stored)]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.1)


@EVERY
def test_all_tokens_are_counted_and_hardly_any_cell_is_padding(recipe: str) -> None:
    found = np.zeros(2, np.int64)
    for batch in loader(recipe):
        written = int((batch["labels"] != -100).sum())
        assert int((batch["target_positions"] >= 0).sum()) == written
        tokens = int((batch["attention_mask"].sum(1) * (batch["row_ids"] >= 0)).sum()) + written
        assert int(batch["num_tokens"]) == tokens
        if (batch["row_ids"] >= 0).all():
            found += tokens, batch["input_ids"].numel() + batch["decoder_input_ids"].numel()
    # There are few rows, whose lengths may differ much.
    assert found[0] > 0.75 * found[1] > 0


def test_full_rows_of_t5_are_not_padded() -> None:
    batch = next(
        batch
        for batch in loader("t5")
        if len(batch["row_ids"]) == 6 == (batch["row_ids"] >= 0).sum()
    )
    assert batch["decoder_input_ids"].shape == (4096 // 626, 114)
    assert bool((batch["attention_mask"] == 1).all())
    assert bool((batch["labels"] != -100).all())
    assert int(batch["num_tokens"]) == 626 * (4096 // 626)


def test_a_share_of_the_tokens_is_predicted() -> None:
    batches = loader("t5")
    assert batches.target_share == pytest.approx(114 / 626, abs=0.01)
    assert batches.context == pytest.approx(512, rel=0.05)


def test_batches_too_small_for_a_pair_are_refused() -> None:
    with pytest.raises(
        UsageError, match=r"batch_tokens must be at least 626, the longest source and t"
    ):
        loader("t5", batch_tokens=625)


def test_another_layout_is_refused() -> None:
    with pytest.raises(UsageError, match="layout must be pairs for t5, got 'packed'"):
        loader("t5", layout="packed")


def test_damaged_edits_are_refused(tmp_path: Path) -> None:
    folder = copy_of("t5", tmp_path / "damaged")
    path = shard_paths(folder)[0]
    with pa.ipc.open_file(str(path)) as file:
        table = file.read_all()
    rows = table.to_pylist()
    code = rows[0]["edits"][0]
    # Bytes that skip 1,984 tokens each, and a span.
    code[:-1] = [251] * (len(code) - 1)
    with pa.ipc.new_file(str(path), table.schema) as file:
        file.write(pa.RecordBatch.from_pylist(rows, schema=table.schema))
    with pytest.raises(DamagedError, match="has damaged edits; run shardmill verify"):
        list(ArrowBatches(folder, checksums=False, batch_tokens=TOKENS, layout="pairs"))
