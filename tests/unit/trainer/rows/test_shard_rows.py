import dataclasses
import pickle
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from schemas.annotations import KINDS
from schemas.checked_json import DamagedError
from schemas.columns import (
    ANNOTATION_VALUES,
    ANNOTATIONS,
    DOCUMENTS,
    IGNORED,
    NO_SECOND,
    SENTENCES,
)
from schemas.errors import UsageError
from schemas.records import Array, Int64
from schemas.vocabulary import Vocabulary
from tests.oracles.streams import vocabulary
from tests.support import sample_builds
from tests.support.sample_builds import RECIPES, corpus, shard_paths
from trainer.loader.open_corpus import open_local_corpus
from trainer.rows.shard_rows import MappedShards
from transforms.arrays.randomness import rng_for
from transforms.build.corpus import Corpus
from transforms.objectives import OBJECTIVES
from transforms.objectives.recipe import Recipe

EVERY_RECIPE = pytest.mark.parametrize("recipe", RECIPES)
Row = Mapping[str, Any]
BERT_ROWS: list[Row] = [
    {
        "input_ids": [2, 10, 3, 11, 3],
        "second_segment_start": 3,
        "pair_relation": "random",
        "mlm_positions": [[1], [1, 3]],
        "mlm_input_ids": [[4], [4, 11]],
    },
    {
        "input_ids": [2, 12, 13, 3, 14, 3],
        "second_segment_start": 4,
        "pair_relation": "next",
        "mlm_positions": [[], [4]],
        "mlm_input_ids": [[], [4]],
    },
]


def opened(recipe: str) -> Corpus:
    return open_local_corpus(corpus(recipe))


def stored_rows(path: Path) -> list[dict[str, Any]]:
    """Reads rows; the relation of pairs that nothing is learned of is None."""
    return without_unlearned(sample_builds.stored_rows(path))


def without_unlearned(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for row in rows:
        if "stream" in row and "pair_relation" in row:
            row["pair_relation"] = None
    return rows


def mapped(paths: Sequence[Path], build: Corpus) -> MappedShards:
    return MappedShards(paths, build.recipe, build.vocabulary)


def annotated_in(shards: MappedShards, recipe: Recipe, row: Int64) -> Row:
    """Reads the annotated spans and the sentence starts of one row."""
    found: dict[str, Any] = {}
    for name in set(recipe.annotations) & set(KINDS):
        spans = zip(*(ends.row(0).tolist() for ends in shards.spans(row, name)), strict=True)
        found[ANNOTATIONS[name].name] = [{"start": start, "end": end} for start, end in spans]
    if SENTENCES in recipe.annotations:
        marks = shards.marks(row, SENTENCES, shards.rows(row).tokens)
        found["sentence_starts"] = np.flatnonzero(marks).tolist()
    if DOCUMENTS in recipe.annotations:
        marks = shards.marks(row, DOCUMENTS, shards.rows(row).tokens)
        found["document_starts"] = np.flatnonzero(marks).tolist()
    for name, values in (("stream", shards.stream), ("reversed", shards.reversed)):
        if values is not None:
            found[name] = values[row[0]].item()
    return found


def told_of(name: str, told: Array) -> Row:
    """Returns the columns of what is told of the tokens of a row."""
    assert (told[[0, -1]] == IGNORED).all()
    column = ANNOTATIONS[name].name
    if name not in ANNOTATION_VALUES:
        return {column: np.flatnonzero(told == 1).tolist()}
    named = told != IGNORED
    values = ANNOTATION_VALUES[name].name
    return {column: np.flatnonzero(named).tolist(), values: told[named].tolist()}


def rows_in(shards: MappedShards, recipe: Recipe, numbers: Sequence[int]) -> Sequence[Row]:
    """Reads rows back as plain Python, with the columns that they are stored with."""
    rows = np.array(numbers, np.int64)
    stored, words = shards.rows(rows), shards.word_starts(rows)
    found: list[dict[str, Any]] = []
    for at in range(len(rows)):
        row: dict[str, Any] = {
            "input_ids": stored.tokens.row(at).tolist(),
            "second_segment_start": int(stored.second_segment_start[at]),
        }
        if recipe.segment.streams and recipe.pair.relations:
            # Nothing is learned of these pairs.
            row["pair_relation"] = None
        elif recipe.pair.relations and recipe.pair.task is None:
            # The relation is told by the segments alone.
            lone = row["second_segment_start"] == len(row["input_ids"])
            row["pair_relation"] = NO_SECOND if lone else "next"
        elif stored.pair_label is not None:
            names = {label: name for name, label in recipe.pair.labels.items()}
            row["pair_relation"] = {IGNORED: "random", **names}[stored.pair_label[at]]
        if words is not None:
            row["word_starts"] = words.row(at).tolist()
        begin, end = stored.tokens.offsets[at : at + 2].tolist()
        for labels in recipe.labels:
            row.update(told_of(labels.name, stored.token_labels[labels.name][begin:end]))
        found.append({**row, **annotated_in(shards, recipe, rows[at : at + 1])})
    add_masks(shards, recipe, rows, found)
    for at, row in enumerate(found):
        row.update(edits_in(shards, recipe, rows[at : at + 1]))
    return found


def add_masks(
    shards: MappedShards, recipe: Recipe, rows: Int64, found: Sequence[dict[str, Any]]
) -> None:
    """Adds to rows what is stored of corruptions."""
    for number, corruption in enumerate(recipe.stored):
        copies = [shards.selected(rows, copy, number) for copy in range(recipe.copies)]
        seen = [type(positions)(ids, positions.offsets) for positions, ids in copies]
        for at, row in enumerate(found):
            name = corruption.targets.name
            row[f"{name}_positions"] = [positions.row(at).tolist() for positions, _ in copies]
            column = f"{name}_input_ids" if corruption.targets.holds_ids else f"{name}_ranks"
            row[column] = [ids.row(at).tolist() for ids in seen]
            if stages := corruption.select.stage_numbers(recipe.copies):
                row[f"{name}_stages"] = stages


def edits_in(shards: MappedShards, recipe: Recipe, row: Int64) -> Row:
    """Reads the edits of all copies of one row."""
    if recipe.rules.edits is None:
        return {}
    rules, lengths = recipe.rules.edits, shards.lengths[row].astype(np.int64)
    copies = [shards.edits(row, copy, lengths) for copy in range(recipe.copies)]
    found: Row = {"edits": [each.encoded().values.tolist() for each in copies]}
    if rules.part is not None:
        found = {"fragment_starts": [int(each.starts[0]) for each in copies]}
    if rules.ids:
        found["edit_ids"] = [each.ids.values.tolist() for each in copies]
    if rules.orders:
        orders = [each.orders for each in copies]
        found["sentence_orders"] = [each.values.tolist() for each in orders if each is not None]
    if rules.rotations:
        turned = [each.rotations for each in copies]
        found["rotations"] = [int(each[0]) for each in turned if each is not None]
    if rules.seeds:
        seeds = [each.seeds for each in copies]
        first, *others = [int(each[0]) for each in seeds if each is not None]
        assert others == [first + (copy << 32) for copy in range(1, recipe.copies)]
        found["noise_seed"] = first
    return found


def write(path: Path, table: pa.Table, rows_a_batch: int = 4096, **options: Any) -> Path:
    choice = pa.ipc.IpcWriteOptions(**options)
    with pa.ipc.new_file(str(path), table.schema, options=choice) as file:
        file.write_table(table, max_chunksize=rows_a_batch)
    return path


def bert(copies: int = 2) -> Recipe:
    return dataclasses.replace(OBJECTIVES["bert"], copies=copies)


def write_rows(
    path: Path, rows: Sequence[Row], recipe: Recipe, words: Vocabulary | None = None
) -> Path:
    schema = recipe.schema(words or vocabulary())
    return write(path, pa.Table.from_pylist(list(rows), schema=schema))


def table_of(recipe: str) -> pa.Table:
    with pa.ipc.open_file(str(shard_paths(corpus(recipe))[0])) as file:
        return file.read_all()


@EVERY_RECIPE
def test_rows_of_all_shards_are_those_that_pyarrow_reads(recipe: str) -> None:
    build = opened(recipe)
    paths = shard_paths(corpus(recipe))
    expected = [row for path in paths for row in stored_rows(path)]
    shards = mapped(paths, build)
    assert len(shards) == len(expected) > 0
    assert rows_in(shards, build.recipe, range(len(shards))) == expected


@EVERY_RECIPE
def test_lengths_are_those_of_all_rows(recipe: str) -> None:
    paths = shard_paths(corpus(recipe))
    shards = mapped(paths, opened(recipe))
    expected = [len(row["input_ids"]) for path in paths for row in stored_rows(path)]
    assert shards.lengths.tolist() == expected


@EVERY_RECIPE
def test_rows_come_in_the_order_given_and_as_often(recipe: str) -> None:
    build = opened(recipe)
    paths = shard_paths(corpus(recipe))
    expected = [row for path in paths for row in stored_rows(path)]
    wanted = rng_for(1, "rows").integers(0, len(expected), 50).tolist()
    wanted += [len(expected) - 1, 0, 0, *reversed(range(5))]
    found = rows_in(mapped(paths, build), build.recipe, wanted)
    assert found == [expected[number] for number in wanted]


@EVERY_RECIPE
def test_shards_are_one_table_in_the_order_given(recipe: str) -> None:
    build = opened(recipe)
    paths = [*shard_paths(corpus(recipe), "eval"), *shard_paths(corpus(recipe))[::-1]]
    expected = [row for path in paths for row in stored_rows(path)]
    shards = mapped(paths, build)
    assert rows_in(shards, build.recipe, range(len(shards))) == expected


@EVERY_RECIPE
def test_no_rows_of_some(recipe: str) -> None:
    build = opened(recipe)
    assert rows_in(mapped(shard_paths(corpus(recipe)), build), build.recipe, []) == []


@EVERY_RECIPE
@pytest.mark.parametrize("rows_a_batch", [1, 7])
def test_a_shard_of_several_record_batches(recipe: str, rows_a_batch: int, tmp_path: Path) -> None:
    build = opened(recipe)
    first, second = shard_paths(corpus(recipe))
    paths = [write(tmp_path / "many.arrow", table_of(recipe), rows_a_batch), second]
    shards = mapped(paths, build)
    expected = [*stored_rows(first), *stored_rows(second)]
    assert rows_in(shards, build.recipe, range(len(shards))) == expected


@EVERY_RECIPE
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_shard_without_rows_among_others(recipe: str, place: int, tmp_path: Path) -> None:
    build = opened(recipe)
    full = shard_paths(corpus(recipe))
    paths = list(full)
    paths.insert(place, write(tmp_path / "empty.arrow", table_of(recipe).slice(0, 0)))
    shards = mapped(paths, build)
    expected = [row for path in full for row in stored_rows(path)]
    assert rows_in(shards, build.recipe, range(len(shards))) == expected


@EVERY_RECIPE
def test_a_record_batch_without_rows_among_others(recipe: str, tmp_path: Path) -> None:
    build, table = opened(recipe), table_of(recipe)
    [whole] = table.to_batches()
    path = tmp_path / "shard.arrow"
    with pa.ipc.new_file(str(path), table.schema) as file:
        for batch in (whole.slice(0, 0), whole.slice(0, 5), whole.slice(5, 0), whole.slice(5)):
            file.write_batch(batch)
    shards = mapped([path], build)
    assert rows_in(shards, build.recipe, range(len(shards))) == without_unlearned(table.to_pylist())


@EVERY_RECIPE
def test_nothing_but_shards_without_rows(recipe: str, tmp_path: Path) -> None:
    build = opened(recipe)
    path = write(tmp_path / "empty.arrow", table_of(recipe).slice(0, 0))
    shards = mapped([path], build)
    assert len(shards) == 0
    assert shards.lengths.tolist() == []
    assert rows_in(shards, build.recipe, []) == []


@EVERY_RECIPE
def test_no_shards(recipe: str) -> None:
    build = opened(recipe)
    shards = mapped([], build)
    assert len(shards) == 0
    assert rows_in(shards, build.recipe, []) == []


@EVERY_RECIPE
def test_shards_travel(recipe: str) -> None:
    build = opened(recipe)
    shards = mapped(shard_paths(corpus(recipe)), build)
    message = pickle.dumps(shards)
    assert len(message) < 10_000
    travelled = pickle.loads(message)
    some = [3, 1, len(shards) - 1]
    assert rows_in(travelled, build.recipe, some) == rows_in(shards, build.recipe, some)


def test_what_is_read_outlives_the_shards() -> None:
    paths = shard_paths(corpus("bert"))
    stored = mapped(paths, opened("bert")).rows(np.arange(3))
    assert [stored.tokens.row(at).tolist() for at in range(3)] == [
        row["input_ids"] for row in stored_rows(paths[0])[:3]
    ]


def test_rows_without_masks_in_a_copy(tmp_path: Path) -> None:
    shards = MappedShards(
        [write_rows(tmp_path / "shard.arrow", BERT_ROWS, bert())], bert(), vocabulary()
    )
    assert rows_in(shards, bert(), [1, 0, 1]) == [BERT_ROWS[1], BERT_ROWS[0], BERT_ROWS[1]]


def test_a_shard_without_any_mask(tmp_path: Path) -> None:
    bare = [{**row, "mlm_positions": [[], []], "mlm_input_ids": [[], []]} for row in BERT_ROWS]
    shards = MappedShards([write_rows(tmp_path / "a.arrow", bare, bert())], bert(), vocabulary())
    assert rows_in(shards, bert(), [0, 1]) == bare


def test_ids_of_four_bytes(tmp_path: Path) -> None:
    words = vocabulary(70_000)
    rows = [{**row, "input_ids": [69_999, *row["input_ids"][1:]]} for row in BERT_ROWS]
    rows[0]["mlm_input_ids"] = [[69_998], [4, 65_536]]
    path = write_rows(tmp_path / "shard.arrow", rows, bert(), words)
    shards = MappedShards([path], bert(), words)
    assert shards.rows(np.array([0])).tokens.values.dtype == np.uint32
    assert rows_in(shards, bert(), [0, 1]) == rows


def test_relations_are_known_by_name(tmp_path: Path) -> None:
    # A file that was written by others may number its relations otherwise.
    recipe = bert()
    one = write_rows(tmp_path / "one.arrow", BERT_ROWS, recipe)
    other = write_rows(tmp_path / "other.arrow", BERT_ROWS[::-1], recipe)
    shards = MappedShards([one, other], recipe, vocabulary())
    assert recipe.pair.labels == {"next": 0, "random": 1}
    labels = shards.rows(np.arange(4)).pair_label
    assert labels is not None
    assert labels.tolist() == [1, 0, 0, 1]


def test_files_may_know_another_number_of_relations(tmp_path: Path) -> None:
    recipe = bert()
    both = write_rows(tmp_path / "both.arrow", BERT_ROWS, recipe)
    single = write_rows(tmp_path / "single.arrow", BERT_ROWS[1:], recipe)
    shards = MappedShards([both, single], recipe, vocabulary())
    assert rows_in(shards, recipe, [0, 1, 2]) == [*BERT_ROWS, BERT_ROWS[1]]


def without_a_column(path: Path, table: pa.Table) -> None:
    write(path, table.drop_columns(["pair_relation"]))


def of_other_ids(path: Path, table: pa.Table) -> None:
    rows = table.to_pylist()
    schema = OBJECTIVES["bert"].schema(vocabulary(70_000))
    write(path, pa.Table.from_pylist(rows, schema=schema))


def in_another_order(path: Path, table: pa.Table) -> None:
    write(path, table.select(table.column_names[::-1]))


def as_a_stream(path: Path, table: pa.Table) -> None:
    with pa.ipc.new_stream(str(path), table.schema) as file:
        file.write_table(table)


def without_its_end(path: Path, table: pa.Table) -> None:
    path.write_bytes(write(path, table).read_bytes()[:-1])


def without_its_second_half(path: Path, table: pa.Table) -> None:
    content = write(path, table).read_bytes()
    path.write_bytes(content[: len(content) // 2])


def without_its_middle(path: Path, table: pa.Table) -> None:
    content = write(path, table).read_bytes()
    path.write_bytes(content[:10_000] + content[30_000:])


def of_text(path: Path, table: pa.Table) -> None:
    path.write_bytes(b"no Arrow file at all\n" * 10)


def of_nothing(path: Path, table: pa.Table) -> None:
    path.write_bytes(b"")


def missing(path: Path, table: pa.Table) -> None:
    pass


def a_folder(path: Path, table: pa.Table) -> None:
    path.mkdir()


def of_an_unknown_relation(path: Path, table: pa.Table) -> None:
    rows = [{**table.slice(0, 1).to_pylist()[0], "pair_relation": "beside"}]
    write(path, pa.Table.from_pylist(rows, schema=table.schema))


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (without_a_column, "has other columns than its recipe; build it again"),
        (of_other_ids, "has other columns than its recipe; build it again"),
        (in_another_order, "has other columns than its recipe; build it again"),
        (as_a_stream, "is not a valid Arrow file: "),
        (without_its_end, "is not a valid Arrow file: "),
        (without_its_second_half, "is not a valid Arrow file: "),
        (without_its_middle, "is not a valid Arrow file: "),
        (of_text, "is not a valid Arrow file: "),
        (of_nothing, "is not a valid Arrow file: "),
        (missing, "cannot be opened: "),
        (a_folder, "cannot be opened: "),
        (of_an_unknown_relation, "beside"),
    ],
)
def test_a_file_of_another_kind_is_refused(
    spoil: Callable[[Path, pa.Table], None], told: str, tmp_path: Path
) -> None:
    path = tmp_path / "shard.arrow"
    spoil(path, table_of("bert"))
    with pytest.raises((UsageError, DamagedError)) as refused:
        mapped([shard_paths(corpus("bert"))[1], path], opened("bert"))
    assert str(refused.value).startswith(str(path))
    assert told in str(refused.value)


@EVERY_RECIPE
@pytest.mark.parametrize("codec", ["lz4", "zstd"])
@pytest.mark.parametrize("rows", [1, 1000])
def test_a_compressed_file_is_refused(recipe: str, codec: str, rows: int, tmp_path: Path) -> None:
    path = write(tmp_path / "shard.arrow", table_of(recipe).slice(0, rows), compression=codec)
    with pytest.raises(DamagedError) as refused:
        mapped([path], opened(recipe))
    assert str(refused.value) == f"{path} is compressed; shards are mapped, and must not be"


def test_nothing_is_copied_before_rows_are_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path / "shard.arrow", table_of("bert"), 10)
    before = pa.total_allocated_bytes()
    shards = mapped([path], opened("bert"))
    assert pa.total_allocated_bytes() - before < path.stat().st_size / 10
    ids: Array = shards.rows(np.arange(2)).tokens.values
    assert ids.flags.owndata
