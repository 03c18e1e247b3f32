"""`shardmill vocab`: trains a tokenizer on the inputs of a build, or counts their words."""

import argparse
import collections
import dataclasses
import itertools
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from pipelines.planning.filter_arguments import FilterOptions
from pipelines.planning.separators import check_separator
from pipelines.planning.vocab_arguments import MAX_MIBS, check_field, parse_vocab_options
from pipelines.running.progress import track_shards, working
from pipelines.vocab_output import TOKENIZER, held_output, write_output
from schemas.errors import RunError, UsageError, about
from schemas.program import one_sentence
from schemas.terminal import console, is_quiet
from schemas.vocabulary import read_vocabulary
from schemas.wording import counted
from transforms.detect.content_checks import enabled_checks
from transforms.detect.encodings import check_encoding
from transforms.files.inputs import FileRange, InputFile, plan_ranges
from transforms.files.planned_file import FormatError, ReadError
from transforms.read.input_files import check_heads, check_unchanged, match_inputs
from transforms.read.read_documents import RangeReader, Reader
from transforms.tokens.sample_documents import DocumentSample
from transforms.tokens.train_tokenizer import Training, measure_coverage, train_tokenizer

if TYPE_CHECKING:
    from pipelines.planning.filters import Filtering

_MEASURED_BYTES = 4 << 20


@one_sentence
def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; returns its exit status."""
    options, words = parse_vocab_options(argv)
    if words is not None:
        # What runs on runners takes longer to import than all else here.
        from pipelines.count_words import count_words

        return count_words(words)
    return _train_tokenizer(options)


def _train_tokenizer(options: argparse.Namespace) -> int:
    lowercase = options.model == "wordpiece" if options.lowercase is None else options.lowercase
    try:
        check_field(options.text_field)
        training = Training(
            model=options.model,
            size=options.size,
            lowercase=lowercase,
            min_frequency=options.min_frequency,
            eod_token=options.eod_token or "",
            sentinels=options.sentinels,
            show_progress=console(stderr=True).is_terminal and not is_quiet(),
        )
        encoding = check_encoding(options.encoding or "utf-8")
        with about("--input"):
            files = match_inputs(options.input, options.format, encoding)
        check_separator(options.document_separator, files)
        checks = enabled_checks(options.format, options.encoding, options.document_separator)
        check_heads(files, checks, options.text_field)
        filtering = _filtering(options.filters)
    except (FormatError, ValueError) as error:
        raise UsageError(str(error)) from error
    max_mib = MAX_MIBS[options.model] if options.max_mib is None else options.max_mib
    with held_output(options.output, TOKENIZER, overwrite=options.overwrite):
        return _train(options, training, files, filtering, max_mib)


def _filtering(options: FilterOptions) -> "Filtering | None":
    """Returns the filters that were asked for, None if there is none."""
    if not options.given:
        return None
    # They take longer to import than a vocabulary without them.
    from pipelines.planning.filters import filtering_of

    return filtering_of(options)


def _train(
    options: argparse.Namespace,
    training: Training,
    files: Sequence[InputFile],
    filtering: "Filtering | None",
    max_mib: int,
) -> int:
    """Trains a tokenizer into a file that is held."""
    ranges = plan_ranges(
        files,
        checks=enabled_checks(options.format, options.encoding, options.document_separator),
        separator=options.document_separator or "",
    )
    reader = RangeReader(text_field=options.text_field, labels=False)
    if filtering is None:
        corpus = read_corpus(ranges, reader, max_mib << 20)
    else:
        corpus = _read_filtered(filtering, ranges, reader, max_mib << 20, options.output)
    check_unchanged(files)
    if not corpus.documents:
        raise UsageError(
            corpus.nothing
            or f"{', '.join(options.input)}: no document in {counted(len(files), 'file')}"
        )
    megabytes = sum(map(len, corpus.documents)) / 1e6
    try:
        with working(f"training {training.model} on {megabytes:,.1f} MB of text"):
            text = train_tokenizer(corpus.documents, training)
    except ValueError as error:
        raise UsageError(f"--size {options.size}: {error}") from error
    write_output(options.output, text)
    _report(corpus, text, training, options.output)
    return 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Text:
    """What there is to train on.

    Attributes:
      documents: Normalised texts, each once, in an order of their own.
      complete: Whether they are all of the corpus.
      count: Documents of the corpus, duplicates among them.
      bytes: Of their texts.
      tally: Counts of reading; "rejected.REASON" are rejected records.
      dropped: What filters left out, a line each.
      nothing: What is wrong if that is everything, else "".
    """

    documents: list[bytes]
    complete: bool
    count: int
    bytes: int
    tally: Mapping[str, int]
    dropped: Sequence[str] = ()
    nothing: str = ""


def read_corpus(ranges: Sequence[FileRange], reader: Reader, max_bytes: int) -> Text:
    """Reads all documents, and keeps a sample.

    Raises:
      RunError: if a file cannot be read to its end.
    """
    sample = DocumentSample(max_bytes)
    tally: collections.Counter[str] = collections.Counter()
    count = size = 0
    try:
        for part in track_shards(ranges, "reading", _bytes_of):
            for read in reader.read([part]):
                if isinstance(read, pa.RecordBatch):
                    texts = read.column("text").to_pylist()
                    count, size = count + len(texts), size + sum(map(len, texts))
                    sample.add(texts)
                elif isinstance(read, dict):
                    tally.update(read)
                else:
                    tally[f"rejected.{read.reason}"] += 1
    except ReadError as error:
        raise RunError(str(error)) from error
    documents = sample.documents()
    return Text(documents=documents, complete=sample.complete, count=count, bytes=size, tally=tally)


def _read_filtered(
    filtering: "Filtering",
    ranges: Sequence[FileRange],
    reader: Reader,
    max_bytes: int,
    output: str,
) -> Text:
    """Reads the documents that filters keep; see `read_corpus`."""
    from pipelines.filtered_vocabulary import filtered_reader
    from pipelines.report.dropped import all_dropped, vocabulary_lines
    from pipelines.running.count_folder import count_folder
    from pipelines.running.runners import choose_runner

    runner, text_bytes = choose_runner((), 1), int(sum(map(_bytes_of, ranges)))
    with count_folder(output) as folder:
        kept, near = filtered_reader(filtering, reader, ranges, text_bytes, runner, folder)
        corpus = read_corpus(ranges, kept, max_bytes)
    return dataclasses.replace(
        corpus,
        dropped=tuple(vocabulary_lines(corpus.tally, near)),
        nothing=all_dropped(corpus.tally),
    )


def _bytes_of(part: FileRange) -> float:
    """Returns how much of a file a range is, about."""
    end = part.size if part.end is None else part.end
    return float((end or 1) - part.begin)


def _report(corpus: Text, tokenizer_json: str, training: Training, output: str) -> None:
    """Prints what was trained, and how it does on the text."""
    vocabulary = read_vocabulary(tokenizer_json)
    size, unk = vocabulary.size, vocabulary.names["unk"]
    totals = itertools.accumulate(map(len, corpus.documents))
    measured = sum(total <= _MEASURED_BYTES for total in totals)
    coverage = measure_coverage(tokenizer_json, corpus.documents[: max(measured, 1)], unk)
    megabytes = sum(map(len, corpus.documents)) / 1e6
    kind = "all" if corpus.complete else "a sample"
    rejected = {name: n for name, n in corpus.tally.items() if name.startswith("rejected.")}
    there = len(vocabulary.sentinels)
    sentinels = f", {counted(there, 'sentinel')} among them" if there else ""
    lines = [
        f"{output}: {training.model}, {counted(size, 'token')}{sentinels}",
        f"trained on {counted(len(corpus.documents), 'document')}, {megabytes:,.1f} MB: {kind} of "
        f"{counted(corpus.count, 'document')}, {corpus.bytes / 1e6:,.1f} MB, "
        "duplicates left out",
        f"{coverage.characters / max(coverage.tokens, 1):.2f} characters a token; "
        f"{coverage.unknown / max(coverage.characters, 1):.4%} of the characters are {unk}",
    ]
    lines += corpus.dropped
    if size < training.size:
        lines.append(f"the text gives no more: {training.size:,} tokens were asked for")
    if rejected:
        reasons = ", ".join(f"{name.partition('.')[2]} {n}" for name, n in sorted(rejected.items()))
        lines.append(
            f"{counted(sum(rejected.values()), 'record was', 'records were')} rejected: {reasons}"
        )
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
