"""`shardmill vocab`: trains a tokenizer on the inputs of a build, or counts their words."""

import argparse
import collections
import dataclasses
import itertools
import sys
from collections.abc import Sequence

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
from transforms.files.storage import open_file
from transforms.read.formats import read_range
from transforms.read.input_files import check_heads, check_unchanged, match_inputs
from transforms.tokens.sample_documents import DocumentSample
from transforms.tokens.train_tokenizer import Training, measure_coverage, train_tokenizer

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
    except (FormatError, ValueError) as error:
        raise UsageError(str(error)) from error
    max_mib = MAX_MIBS[options.model] if options.max_mib is None else options.max_mib
    with held_output(options.output, TOKENIZER, overwrite=options.overwrite):
        return _train(options, training, files, max_mib)


def _train(
    options: argparse.Namespace, training: Training, files: Sequence[InputFile], max_mib: int
) -> int:
    """Trains a tokenizer into a file that is held."""
    corpus = read_corpus(
        plan_ranges(
            files,
            checks=enabled_checks(options.format, options.encoding, options.document_separator),
            separator=options.document_separator or "",
        ),
        options.text_field,
        max_mib << 20,
    )
    check_unchanged(files)
    if not corpus.documents:
        raise UsageError(
            f"{', '.join(options.input)}: no document in {counted(len(files), 'file')}"
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


@dataclasses.dataclass(frozen=True)
class Text:
    """What there is to train on.

    Attributes:
      documents: Normalised texts, each once, in an order of their own.
      complete: Whether they are all of the corpus.
      tally: Counts of reading; "rejected.REASON" are rejected records.
    """

    documents: list[bytes]
    complete: bool
    tally: dict[str, int]


def read_corpus(ranges: Sequence[FileRange], text_field: str, max_bytes: int) -> Text:
    """Reads all documents, and keeps a sample.

    Raises:
      RunError: if a file cannot be read to its end.
    """
    sample = DocumentSample(max_bytes)
    tally: collections.Counter[str] = collections.Counter()
    try:
        for part in track_shards(ranges, "reading", _bytes_of):
            with open_file(part.path) as file:
                for batch in read_range(file, part, text_field):
                    tally.update(batch.tally)
                    tally.update(f"rejected.{record.reason}" for record in batch.rejected)
                    sample.add(batch.texts)
    except ReadError as error:
        raise RunError(str(error)) from error
    except OSError as error:
        raise RunError(f"{part.path} cannot be opened: {error}") from error
    documents = sample.documents()
    return Text(documents, sample.complete, dict(tally))


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
        f"{counted(corpus.tally['documents'], 'document')}, {corpus.tally['bytes'] / 1e6:,.1f} MB, "
        "duplicates left out",
        f"{coverage.characters / max(coverage.tokens, 1):.2f} characters a token; "
        f"{coverage.unknown / max(coverage.characters, 1):.4%} of the characters are {unk}",
    ]
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
