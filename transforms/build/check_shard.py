"""Reads one shard file and checks everything that its content shows."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from schemas.arrow_columns import numpy_of
from schemas.manifest_parts import ShardEntry
from schemas.records import ShardId
from schemas.wording import counted
from transforms.build.build_examples import BuildSettings
from transforms.build.examine import examine, examine_neighbours
from transforms.build.replay import replay
from transforms.contract.oracle import Findings, gather
from transforms.contract.stored import StoredBatch
from transforms.files.checked_files import UnreadableError, read_checked
from transforms.files.storage import join


@dataclasses.dataclass(frozen=True)
class Problem:
    """Something that is wrong.

    Attributes:
      check: Name of the check that found it.
      sentence: What is wrong, where.
    """

    check: str
    sentence: str


@dataclasses.dataclass(frozen=True)
class ShardReport:
    """What one shard holds.

    Attributes:
      problems: What is wrong with it.
      counts: Its statistics; empty if it could not be read.
      readable: Whether its rows were examined.
    """

    problems: Sequence[Problem]
    counts: Mapping[str, int] = dataclasses.field(default_factory=dict)
    readable: bool = False


def check_shard(
    folder: str, entry: ShardEntry, settings: BuildSettings, *, replayed: bool
) -> ShardReport:
    """Checks a shard file against its entry in the manifest, and its rows against the recipe.

    Args:
      folder: Of the build.
      entry: What the manifest says of the shard.
      settings: Recipe, seed and tokenizer of the build.
      replayed: Draw the masks again and compare.
    """
    recipe, vocabulary = settings.recipe, settings.vocabulary
    try:
        path = join(folder, *entry.path.split("/"))
        content = read_checked(path, entry.path, entry.bytes, entry.sha256)
        batches = open_batches(content, entry.path, recipe.schema(vocabulary))
    except UnreadableError as error:
        return ShardReport([Problem(*error.args)])
    found: list[Findings] = []
    begin = 0
    last = None
    for batch in filter(len, batches):
        examined = examine(batch, recipe, vocabulary).from_row(begin)
        found.append(examined)
        if last is not None and not examined.breaches:
            seam = pa.concat_batches([last, batch.slice(0, 1)])
            found.append(examine_neighbours(seam, recipe, vocabulary).from_row(begin - 1))
        begin += batch.num_rows
        last = batch.slice(batch.num_rows - 1)
    findings = gather(found)
    if (recipe.segment.streams > 1 or recipe.labelled) and not findings.breaches:
        rows = [StoredBatch.of(batch, recipe.rules, vocabulary) for batch in filter(len, batches)]
        shard = (
            part.examine_shard(rows, entry.drawn, recipe.rules) for part in recipe.shared_parts
        )
        findings = gather([findings, *shard])
    problems = [*_counts(batches, findings.counts, entry), *_breaches(findings, entry)]
    if replayed and not findings.breaches:
        stream = settings.stream(shard_id(entry.path))
        differences = replay(batches, recipe, vocabulary, stream, entry.drawn)
        problems.extend(Problem("replay", f"{entry.path}: {each}") for each in differences)
    return ShardReport(problems, findings.counts, readable=True)


def shard_id(path: str) -> ShardId:
    """Returns the shard that a path such as "train/shard-00003-of-00032.arrow" names."""
    split, name = path.split("/")
    _, index, _, count = name.removesuffix(".arrow").split("-")
    return ShardId(split, int(index), int(count))


def open_batches(content: pa.Buffer, name: str, schema: pa.Schema) -> list[pa.RecordBatch]:
    """Returns the record batches of a file, which are views of it, after a look at every value.

    Args:
      content: Of the file.
      name: What it is called in its folder.
      schema: That it must have.

    Raises:
      UnreadableError: if it is no valid Arrow file of this schema, or has nulls.
    """
    try:
        reader = pa.ipc.open_file(pa.BufferReader(content))
        if not reader.schema.equals(schema):
            raise UnreadableError("schema", f"{name}: {_schema_difference(reader, schema)}")
        batches = [reader.get_batch(number) for number in range(reader.num_record_batches)]
        for batch in batches:
            batch.validate(full=True)
            if any(column.null_count for column in batch.columns):
                raise UnreadableError("schema", f"{name}: there are nulls in it")
            if not all(_lies_in(content, column) for column in batch.columns):
                problem = "it is compressed; shards are mapped into memory, and must not be"
                raise UnreadableError("schema", f"{name}: {problem}")
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        problem = f"it is not a valid Arrow file: {' '.join(str(error).split())}"
        raise UnreadableError("schema", f"{name}: {problem}") from error
    return batches


def _lies_in(content: pa.Buffer, column: pa.Array) -> bool:
    """Returns whether all that a column consists of is a view of a file's content."""
    indices = column.indices if isinstance(column, pa.DictionaryArray) else column
    return all(
        0 <= buffer.address - content.address <= content.size - buffer.size
        for buffer in indices.buffers()
        if buffer is not None and buffer.size
    )


def _schema_difference(reader: pa.ipc.RecordBatchFileReader, schema: pa.Schema) -> str:
    """Says where a file's schema departs from the recipe's."""
    if reader.schema.names != schema.names:
        return f"its columns are {reader.schema.names}, the recipe's {schema.names}"
    fields = zip(reader.schema, schema, strict=True)
    found, wanted = next(pair for pair in fields if not pair[0].equals(pair[1]))
    return f"column {found.name} is {found.type}, the recipe's is {wanted.type}"


def _counts(
    batches: Sequence[pa.RecordBatch], statistics: Mapping[str, int], entry: ShardEntry
) -> list[Problem]:
    """Compares rows, tokens, the longest row and the statistics with the entry."""
    offsets = [numpy_of(batch.column("input_ids").offsets) for batch in batches]
    found = {
        "rows": sum(batch.num_rows for batch in batches),
        "tokens": sum(int(each[-1]) - int(each[0]) for each in offsets),
        "max_length": max((int(np.diff(each).max(initial=0)) for each in offsets), default=0),
    }
    problems = [
        Problem("counts", f"{entry.path}: {name} is {count}, the manifest says {wanted}")
        for name, count in found.items()
        if count != (wanted := getattr(entry, name))
    ]
    for name in sorted({*statistics, *entry.statistics}):
        count, wanted = statistics.get(name), entry.statistics.get(name)
        if count != wanted:
            sentence = f"{entry.path}: statistic {name} is {count}, the manifest says {wanted}"
            problems.append(Problem("statistics", sentence))
    return problems


def _breaches(findings: Findings, entry: ShardEntry) -> list[Problem]:
    return [
        Problem(
            "invariants",
            f"{entry.path}: {name}, in {counted(count, 'row')}, first row "
            f"{findings.first_rows[name]}",
        )
        for name, count in findings.breaches.items()
    ]
