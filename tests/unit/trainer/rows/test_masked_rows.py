"""What is drawn for a row in training follows from seed, epoch and row."""

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest

from schemas.records import Int64
from tests.support.synthetic_builds import build_folder
from trainer.loader.batches import ArrowBatches
from trainer.rows.masked_rows import MaskedRows, RowSource
from transforms.objectives import OBJECTIVES


def seen_of(masked: MaskedRows) -> list[tuple[list[int], list[int]]]:
    """Returns for each row what is seen, and where something is predicted."""
    offsets = masked.rows.tokens.offsets
    found = []
    for begin, end in itertools.pairwise(offsets.tolist()):
        inside = (masked.targets >= begin) & (masked.targets < end)
        targets: Int64 = masked.targets[inside]
        assert (masked.labels[inside] == masked.rows.tokens.values[targets]).all()
        found.append((masked.seen[begin:end].tolist(), (targets - begin).tolist()))
    return found


def opened(folder: Path, copies: str) -> tuple[RowSource, int]:
    """Returns the source of rows of a build, and how many rows there are."""
    batches = ArrowBatches(folder, batch_tokens=1024, copies=copies, rank=0, world_size=1)
    return batches._source, len(batches.lengths)


@pytest.mark.parametrize("copies", ["cycle", "dynamic"])
@pytest.mark.parametrize("name", ["roberta", "bert-wwm", "ernie1", "structbert"])
def test_a_row_is_the_same_in_any_batch(name: str, copies: str, tmp_path: Path) -> None:
    recipe = dataclasses.replace(OBJECTIVES[name], copies=3, max_seq_length=48)
    build_folder(tmp_path / "data", recipe, documents=20)
    source, count = opened(tmp_path / "data", copies)
    epochs = []
    for epoch in range(3):
        whole = seen_of(source.draw(np.arange(count), epoch, 0))
        some = np.array([count - 1, 2, 7, 3])
        assert seen_of(source.draw(some, epoch, 5)) == [whole[row] for row in some.tolist()]
        epochs.append(whole)
    assert epochs[0] != epochs[1] != epochs[2]
    assert any(targets for _, targets in epochs[0])
