"""`shardmill export`: rows in standard Hugging Face columns, or documents for Megatron-LM."""

import argparse
import dataclasses
import functools
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.export_folders import builds_in, refuse_ours
from pipelines.export_megatron import megatron_files, refuse_others
from pipelines.export_pairs import NAMED_PAIR_SCHEMA, named_pairs
from pipelines.folder.clearing import end_work
from pipelines.folder.corpus import open_corpus, open_shard
from pipelines.folder.locks import Locks
from pipelines.folder.prepare import Wanted, prepare
from pipelines.running.progress import track_shards
from schemas.co_occurrences import PairsEntry
from schemas.errors import Parser, RunError, UsageError, about, one_sentence
from schemas.exported import (
    EXPORT,
    EXPORT_VERSION,
    Export,
    ExportedFile,
    ExportIdentity,
    split_of,
)
from schemas.manifest_parts import ShardEntry
from schemas.numbers import whole
from schemas.sealed import sealed_json
from schemas.wording import counted
from transforms.build.corpus import Corpus
from transforms.build.standard_columns import standard_columns, standard_schema
from transforms.build.write_shard import HashingFile, write_hashed
from transforms.contract.stored import StoredBatch
from transforms.files.atomic_files import write_atomically
from transforms.files.storage import join
from transforms.files.work_folder import Note, digest_of, intact_notes, write_note, write_noted

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


MEGATRON = "megatron"


@dataclasses.dataclass(frozen=True)
class File:
    """A file of rows to write.

    Attributes:
      rows: That go into it.
      write: Writes it and its note.
    """

    rows: int
    write: Callable[[], Note]


def _parser() -> Parser:
    parser = Parser(
        "export",
        shows_progress=True,
        description="Write standard Hugging Face columns: input_ids, token_type_ids, "
        "attention_mask, labels (-100: ignored; only where masks are stored) and, for pairs, "
        "next_sentence_label (0: next, 1: random) or what the recipe asks of pairs. Tokens that a "
        "second corruption selects are in input_ids and labels too. One file a shard, rows not "
        "padded, with the tokenizer beside. gpt and transformer-xl: input_ids, attention_mask, "
        "labels (not shifted: models do that) and, where documents are kept apart, position_ids; a "
        "row of L inputs has L+1 tokens, and its last is the first of the next row. elmo: the "
        "same, and stream and reversed of each row. xlnet: perm_ranks and "
        "special_tokens_mask besides, of which a collator makes perm_mask and target_mapping "
        "(docs/format.md). glove: input_ids, and the pairs of words as text in "
        "cooccurrences. Recipes of a source and a target, such as t5 and bart: input_ids is the "
        "source and labels the target. Labelled records: input_ids, token_type_ids, attention_mask "
        "and labels, of span start_positions and end_positions (its last token).",
        epilog="A file holds all rows with their first copy, then all with their second, and so "
        "on. Of a stream every window is an export of its own, OUT/windows/W. Run the same command "
        "again to resume an export that was stopped, or to add the new windows of a stream.",
    )
    parser.add_argument("folder", metavar="DIR", help="output folder of shardmill build or follow")
    parser.add_argument(
        "--to",
        choices=[*FORMATS, MEGATRON],
        required=True,
        help="parquet, or stream: Arrow streams that `datasets` maps into memory; megatron: the "
        "documents of gpt as an indexed dataset, OUT/SPLIT_text_document.bin and .idx",
    )
    parser.add_argument(
        "--output", metavar="OUT", required=True, help="new folder, local or remote"
    )
    parser.add_argument(
        "--copies", default="all", metavar="C", help="all, first, or how many of them (all)"
    )
    parser.add_argument("--split", metavar="S", help="train or eval (every split)")
    for option, which in (("--from-window", "first"), ("--to-window", "last")):
        parser.add_argument(
            option,
            type=whole(),
            metavar="W",
            help=f"of a stream: the {which} window to export (the {which} there is)",
        )
    return parser


@one_sentence
def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; returns its exit status."""
    options = _parser().parse_args(argv)
    if os.path.realpath(options.output) == os.path.realpath(options.folder):
        raise UsageError(f"--output {options.output} is the build itself; name a new folder")
    folders = builds_in(options.folder, options.from_window, options.to_window)
    if "" not in folders:
        refuse_ours(options.output)
    with Locks("export") as locks:
        locks.add(options.output)
        for member, folder in folders.items():
            output = join(options.output, *member.split("/")) if member else options.output
            with locks.held(output):
                _export(open_corpus(folder), output, options, locks)
    return 0


def _export(corpus: Corpus, output: str, options: argparse.Namespace, locks: Locks) -> None:
    """Writes the shards of one recipe into a folder that is held."""
    copies = _copies(options.copies, corpus.recipe.copies)
    splits = [options.split] if options.split else list(corpus.splits)
    with about("--split"):
        shards = [shard for split in splits for shard in corpus.shards(split)]
    identity = ExportIdentity(
        source=corpus.checksum, format=options.to, copies=copies, splits=splits
    )
    files = _files(corpus, output, identity, shards)
    tokenizer = corpus.tokenizer_files()
    wanted = Wanted(
        command="export",
        identity=dataclasses.asdict(identity),
        files=frozenset({*files, *tokenizer, EXPORT}),
    )
    owner = digest_of(wanted.identity)
    finished = prepare(output, wanted, locks, overwrite=False)
    rows = 0
    if not finished:
        try:
            done = intact_notes(output, list(files))
            notes = [
                write_noted(output, name, content.encode(), owner)
                for name, content in tokenizer.items()
            ]
            for path, file in track_shards(list(files.items()), "exporting"):
                if path not in done:
                    done[path] = file.write()
                    rows += file.rows
            listed = [ExportedFile(**dataclasses.asdict(note)) for note in [*notes, *done.values()]]
            record = Export(format_version=EXPORT_VERSION, identity=identity, files=tuple(listed))
            write_atomically(join(output, EXPORT), sealed_json(record))
        except OSError as error:
            raise RunError(f"cannot write to {output}: {error}") from error
    end_work(output, wanted.files)
    total = sum(file.rows for file in files.values())
    found = "" if rows == total else f", {total - rows:,} of them already there"
    sys.stdout.write(f"{output}: {counted(total, 'row')} in {counted(len(files), 'file')}{found}\n")


def _files(
    corpus: Corpus, output: str, identity: ExportIdentity, shards: Sequence[ShardEntry]
) -> dict[str, File]:
    """Returns the files of rows to write, by their paths in the folder."""
    if identity.format != MEGATRON:
        form, copies = FORMATS[identity.format], identity.copies
        rows_of = {
            _target(shard.path, form): File(
                shard.rows * copies,
                functools.partial(export_shard, corpus, shard, output, copies, form),
            )
            for shard in shards
        }
        pairs = corpus.pairs if "train" in identity.splits else ()
        return rows_of | {
            _target(entry.path, form): File(
                0, functools.partial(export_pairs, corpus, entry, output, form)
            )
            for entry in pairs
        }
    refuse_others(corpus)
    rows = {split: sum(shard.rows for shard in corpus.shards(split)) for split in identity.splits}
    # A row is counted once, with its tokens.
    return {
        path: File(
            rows[split_of(path)] if path.endswith(".bin") else 0,
            functools.partial(_write_noted, output, path, write),
        )
        for path, write in megatron_files(corpus, identity.splits).items()
    }


def _copies(text: str, most: int) -> int:
    """Reads how many copies to write."""
    try:
        return whole(1, most)({"all": str(most), "first": "1"}.get(text, text))
    except argparse.ArgumentTypeError as error:
        wrong = f"--copies must be 'all', 'first' or in [1, {most}], got {text[:60]!r}"
        raise UsageError(wrong) from error


def _target(path: str, form: Format) -> str:
    return f"{path.removesuffix('.arrow')}.{form.suffix}"


def export_shard(corpus: Corpus, shard: ShardEntry, output: str, copies: int, form: Format) -> Note:
    """Writes the rows of one shard, after a note of what the file is.

    Args:
      corpus: The build.
      shard: Its shard.
      output: Folder of the export.
      copies: Of every example the first so many.
      form: Kind of file.
    """
    recipe = corpus.recipe
    target = _target(shard.path, form)
    with open_shard(corpus, shard, whole=True) as reader:
        # Every copy goes through all rows, so they are read once.
        batches = [
            _standard_views(corpus, reader.get_batch(number))
            for number in range(reader.num_record_batches)
        ]
    rows = (
        standard_columns(batch, copy, recipe, corpus.vocabulary)
        for copy in range(copies)
        for batch in batches
    )
    schema = standard_schema(recipe)

    def write(sink: HashingFile) -> None:
        form.write(pa.PythonFile(sink, mode="w"), schema, rows)

    return _write_noted(output, target, write)


def export_pairs(corpus: Corpus, entry: PairsEntry, output: str, form: Format) -> Note:
    """Writes the pairs of one shard with their words as text; see `export_shard`."""
    batches = named_pairs(corpus, entry)

    def write(sink: HashingFile) -> None:
        form.write(pa.PythonFile(sink, mode="w"), NAMED_PAIR_SCHEMA, batches)

    return _write_noted(output, _target(entry.path, form), write)


def _write_noted(output: str, path: str, write: Callable[[HashingFile], None]) -> Note:
    """Writes a file of the folder, after a note of what it is."""

    def note(sha256: str, size: int) -> None:
        write_note(output, Note(path=path, bytes=size, sha256=sha256))

    sha256, size = write_hashed(write, join(output, *path.split("/")), note)
    return Note(path=path, bytes=size, sha256=sha256)


def _standard_views(corpus: Corpus, batch: pa.RecordBatch) -> list[StoredBatch]:
    """Returns rows once for each corruption that standard columns can say, or once if none can."""
    views = StoredBatch.views(batch, corpus.recipe.rules, corpus.vocabulary)
    stored = corpus.recipe.stored
    standard = [view for view, each in zip(views, stored, strict=False) if each.targets.standard]
    return standard or list(views[:1])


if __name__ == "__main__":
    sys.exit(main())
