import pyarrow as pa
import pyarrow.dataset
import pytest

from schemas.shards import as_dataset, open_shard
from tests.support.sample_builds import RECIPES, corpus, shard_paths, stored_rows


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_shard_is_mapped_and_not_copied(recipe: str) -> None:
    path = shard_paths(corpus(recipe))[0]
    before = pa.total_allocated_bytes()
    table = open_shard(path)
    assert pa.total_allocated_bytes() - before < table.nbytes / 100
    assert table.to_pylist() == stored_rows(path)


@pytest.mark.parametrize("recipe", RECIPES)
def test_shards_are_a_data_set_in_the_order_given(recipe: str) -> None:
    pytest.importorskip("datasets")
    paths = shard_paths(corpus(recipe))[::-1]
    data = as_dataset(paths)
    assert data.to_list() == [row for path in paths for row in stored_rows(path)]
    assert as_dataset(paths[0]).to_list() == stored_rows(paths[0])


def test_data_sets_of_other_shards_have_other_fingerprints() -> None:
    pytest.importorskip("datasets")
    first, second = shard_paths(corpus("bert"))
    assert as_dataset(first)._fingerprint != as_dataset(second)._fingerprint
    assert as_dataset(first)._fingerprint == as_dataset(str(first))._fingerprint


def test_pyarrow_reads_the_folder_with_filters() -> None:
    folder = corpus("bert")
    data = pyarrow.dataset.dataset(str(folder / "train"), format="ipc")
    rows = [row for path in shard_paths(folder) for row in stored_rows(path)]
    found = data.to_table(filter=pyarrow.dataset.field("pair_relation") == "random")
    expected = [row for row in rows if row["pair_relation"] == "random"]
    assert found.num_rows == len(expected) > 0
    assert data.count_rows() == len(rows)
