"""`shardmill export`: standard Hugging Face columns, one file a shard."""

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.error import BeamError
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from pipelines.corpus import open_corpus, open_shard
from pipelines.mixture_folder import member_folders
from pipelines.output import join, list_files, read_text, remove_temporary
from pipelines.progress import track_shards
from schemas.errors import Parser, RunError, UsageError, one_sentence
from schemas.manifest import ShardEntry, checksum
from schemas.numbers import whole
from transforms.checks.stored import StoredBatch
from transforms.corpus import Corpus
from transforms.standard_columns import standard_columns, standard_schema
from transforms.write_shard import make_folder, temporary_name, write_atomically

IDENTITY = "export.json"
_ROW_GROUP = 8192


@dataclasses.dataclass(frozen=True)
class Format:
    """A kind of file to write.

    Attributes:
      suffix: Of its files.
      write: Writes record batches of a schema to an open file.
    """

    suffix: str
    write: Callable[[pa.PythonFile, pa.Schema, Iterator[pa.RecordBatch]], None]


def _write_parquet(
    sink: pa.PythonFile, schema: pa.Schema, batches: Iterator[pa.RecordBatch]
) -> None:
    with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch, row_group_size=_ROW_GROUP)


def _write_stream(
    sink: pa.PythonFile, schema: pa.Schema, batches: Iterator[pa.RecordBatch]
) -> None:
    with pa.ipc.new_stream(sink, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)


FORMATS: Mapping[str, Format] = {
    "parquet": Format("parquet", _write_parquet),
    "stream": Format("arrow", _write_stream),
}


def _parser() -> Parser:
    parser = Parser(
        "export",
        description="Write standard Hugging Face columns: input_ids, token_type_ids, "
        "attention_mask, labels (-100: ignored; only where masks are stored) and, for pairs, "
        "next_sentence_label (0: next, 1: random) or what the recipe asks of pairs. Tokens that a "
        "second corruption selects are in input_ids and labels too. One file a shard, rows not "
        "padded, with the tokenizer beside.",
        epilog="A file holds all rows with their first copy, then all with their second, and so "
        "on. An export that was stopped goes on when the same command is run again.",
    )
    parser.add_argument("folder", metavar="DIR", help="output folder of shardmill build")
    parser.add_argument(
        "--to",
        choices=list(FORMATS),
        required=True,
        help="parquet, or stream: Arrow streams that `datasets` maps into memory",
    )
    parser.add_argument(
        "--output", metavar="OUT", required=True, help="new folder, local or remote"
    )
    parser.add_argument(
        "--copies", default="all", metavar="C", help="all, first, or how many of them (all)"
    )
    parser.add_argument("--split", metavar="S", help="train or eval (every split)")
    return parser


@one_sentence
def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; returns its exit status."""
    options = _parser().parse_args(argv)
    for member, folder in member_folders(options.folder).items():
        output = join(options.output, member) if member else options.output
        _export(open_corpus(folder), output, options)
    return 0


def _export(corpus: Corpus, output: str, options: argparse.Namespace) -> None:
    """Writes the shards of one recipe."""
    copies = _copies(options.copies, corpus.recipe.copies)
    splits = [options.split] if options.split else list(corpus.splits)
    shards = [shard for split in splits for shard in corpus.shards(split)]
    identity = {
        "source": checksum(corpus.manifest),
        "format": options.to,
        "copies": copies,
        "splits": splits,
    }
    form = FORMATS[options.to]
    try:
        done = _prepare(output, identity)
        for name, content in corpus.tokenizer_files().items():
            write_atomically(join(output, name), content.encode())
        rows = sum(
            0 if target in done else export_shard(corpus, shard, join(output, target), copies, form)
            for shard, target in track_shards(
                [(shard, _target(shard, form)) for shard in shards], "exporting"
            )
        )
    except (OSError, BeamError) as error:
        raise RunError(f"--output {output}: cannot be written: {error}") from error
    total = sum(shard.rows for shard in shards) * copies
    found = "" if rows == total else f", {total - rows:,} of them found written"
    sys.stdout.write(f"{output}: {total:,} rows in {len(shards)} file(s){found}\n")


def _copies(text: str, most: int) -> int:
    """Reads how many copies to write."""
    try:
        return whole(1, most)({"all": str(most), "first": "1"}.get(text, text))
    except argparse.ArgumentTypeError as error:
        wrong = f"--copies must be 'all', 'first' or in [1, {most}], got {text[:60]!r}"
        raise UsageError(wrong) from error


def _target(shard: ShardEntry, form: Format) -> str:
    return f"{shard.path.removesuffix('.arrow')}.{form.suffix}"


def _prepare(output: str, identity: Mapping[str, Any]) -> set[str]:
    """Makes a folder ready, and returns the files that are finished there already.

    Raises:
      UsageError: if something else is there.
    """
    try:
        path = join(output, IDENTITY)
        there = FileSystems.exists(path)
    except ValueError as error:
        raise UsageError(f"--output {output}: {error}") from error
    if there:
        found = json.loads(read_text(path))
        if found != identity:
            raise UsageError(
                f"{output} holds another export ({_differences(identity, found)}); name another "
                "folder, or delete this one"
            )
    elif list_files(output):
        raise UsageError(
            f"--output {output} is not empty and holds no export; name a new or empty folder"
        )
    make_folder(output)
    write_atomically(path, json.dumps(identity, indent=2).encode())
    done = set()
    for split in identity["splits"]:
        make_folder(join(output, split))
        remove_temporary(output, [split])
        files = list_files(join(output, split))
        done |= {f"{split}/{FileSystems.split(path)[1]}" for path in files}
    return done


def _differences(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name} {found.get(name)!r} there, {value!r} here"
        for name, value in wanted.items()
        if found.get(name) != value
    )


def export_shard(corpus: Corpus, shard: ShardEntry, path: str, copies: int, form: Format) -> int:
    """Writes the rows of one shard, and returns how many.

    Args:
      corpus: The build.
      shard: Its shard.
      path: Final name of the file; it appears only when complete.
      copies: Of every example the first so many.
      form: Kind of file.
    """
    recipe = corpus.recipe
    pair, labels, masked = recipe.pair, recipe.labels, bool(recipe.stored)
    temporary = temporary_name(path)
    with open_shard(corpus, shard) as reader:
        # Every copy goes through all rows, so they are read once.
        batches = [
            _standard_views(corpus, reader.get_batch(number))
            for number in range(reader.num_record_batches)
        ]
    rows = (
        standard_columns(batch, copy, pair, labels, masked=masked)
        for copy in range(copies)
        for batch in batches
    )
    with FileSystems.create(temporary, compression_type=CompressionTypes.UNCOMPRESSED) as file:
        schema = standard_schema(pair, labels, masked=masked)
        form.write(pa.PythonFile(file, mode="w"), schema, rows)
    FileSystems.rename([temporary], [path])
    return shard.rows * copies


def _standard_views(corpus: Corpus, batch: pa.RecordBatch) -> list[StoredBatch]:
    """Returns rows once for each corruption that standard columns can say, or once if none can."""
    views = StoredBatch.views(batch, corpus.recipe, corpus.vocabulary)
    stored = corpus.recipe.stored
    standard = [view for view, each in zip(views, stored, strict=False) if each.targets.standard]
    return standard or list(views[:1])


if __name__ == "__main__":
    sys.exit(main())
