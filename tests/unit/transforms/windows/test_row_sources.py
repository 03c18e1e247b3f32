import dataclasses
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest

from schemas.columns import SOURCE
from schemas.documents import document_batch, of_source
from schemas.records import ShardId
from schemas.windows import Examples
from tests.oracles.openings import opened_lines
from tests.support.synthetic_builds import lines_of_documents, settings_for
from transforms.build.build_examples import build_examples
from transforms.build.examine import examine
from transforms.contract.oracle import gather
from transforms.objectives import OBJECTIVES
from transforms.records.shard_text import join_documents
from transforms.windows.row_sources import with_sources

OF_TEXT = sorted(name for name, recipe in OBJECTIVES.items() if not recipe.pair.records)


def test_a_row_is_of_the_source_of_its_first_token_of_text() -> None:
    marks = np.array([0, 4, 4, 0, 1, 4, 1, 0, 0], np.uint16)
    rows = Examples(
        ids=np.zeros(9, np.uint16),
        special=marks == 0,
        offsets=np.array([0, 3, 8, 9]),
        second_segment_start=np.array([3, 5, 1]),
        annotations={SOURCE: marks, "capitals": np.zeros(9, np.uint8)},
    )
    found = with_sources(rows)
    assert found.values[SOURCE].to_pylist() == [3, 0, 65535]
    assert list(found.annotations) == ["capitals"]


def test_rows_of_documents_without_sources_are_as_they_were() -> None:
    rows = Examples(
        ids=np.zeros(1, np.uint16),
        special=np.zeros(1, np.bool_),
        offsets=np.array([0, 1]),
        second_segment_start=np.array([1]),
    )
    assert with_sources(rows) is rows


@pytest.mark.parametrize("name", OF_TEXT)
def test_rows_of_every_recipe_say_their_source(name: str) -> None:
    plain = dataclasses.replace(OBJECTIVES[name], max_seq_length=64)
    recipe = dataclasses.replace(plain, store=(*plain.store, "source"))
    documents: Sequence[Sequence[str]] = lines_of_documents(30)
    for openings in plain.openings.values():
        documents = opened_lines(documents, openings)
    texts = ["".join(f"{line}\n" for line in lines).encode() for lines in documents]
    batches = [of_source(document_batch(texts[number::2]), number) for number in (1, 0)]
    shard = ShardId("train", 0, 1)
    text = join_documents(batches, deduplicate=True)
    settings = settings_for(recipe)
    rows = list(build_examples(text, settings, shard))
    findings = gather(examine(batch, recipe, settings.vocabulary) for batch in rows)
    assert not findings.breaches
    total = sum(batch.num_rows for batch in rows)
    counts = [findings.counts[f"source.{number}.rows"] for number in (0, 1)]
    assert all(counts)
    assert sum(counts) == total
    # What is stored besides does not change.
    without = list(build_examples(text, settings_for(plain), shard))
    assert pa.Table.from_batches(rows).drop_columns("source") == pa.Table.from_batches(without)
