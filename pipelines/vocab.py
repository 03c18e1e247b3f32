"""`shardmill vocab`: trains a tokenizer on the inputs of a build."""

import argparse
import collections
import contextlib
import dataclasses
import itertools
import os
import sys
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.progress import track

from pipelines.folder.locks import hold_output_file, refuse_while_written
from pipelines.folder.owned import find
from pipelines.planning.run_arguments import add_input_options
from schemas.checked_json import DamagedError, parse_json
from schemas.errors import Parser, RunError, UsageError, about, one_sentence
from schemas.numbers import whole
from schemas.vocabulary import read_vocabulary
from schemas.wording import counted
from transforms.detect.content_checks import enabled_checks
from transforms.detect.encodings import check_encoding
from transforms.files.atomic_files import named_by_temporary, write_atomically
from transforms.files.inputs import FileRange, InputFile, plan_ranges
from transforms.files.paths import delete_files, exists, list_folder
from transforms.files.planned_file import FormatError, ReadError
from transforms.files.storage import is_local, open_file
from transforms.files.work_folder import read_bytes
from transforms.read.formats import read_range
from transforms.read.input_files import check_heads, check_unchanged, match_inputs
from transforms.records.labelled_records import record_fields
from transforms.tokens.sample_documents import DocumentSample
from transforms.tokens.train_tokenizer import Training, measure_coverage, train_tokenizer

_MAX_MIB: Mapping[str, int] = {"wordpiece": 256, "bpe": 256, "unigram": 16}
MAX_MIB = 1 << 20
MAX_TOKENS = 1 << 24
_MEASURED_BYTES = 4 << 20


def _parser() -> Parser:
    parser = Parser(
        "vocab",
        description="Train a tokenizer on text that is read, normalised and freed of duplicates "
        "as shardmill build does it. The result does not depend on how the text is divided into "
        "files.",
        epilog="Example: shardmill vocab --input 'TEXT/*.txt' --model wordpiece --size 30000 "
        "--output tokenizer.json",
    )
    source = add_input_options(parser)
    source.add_argument(
        "--text-field", default="text", metavar="NAME", help="JSON field or Parquet column (text)"
    )
    source.add_argument(
        "--max-mib",
        type=whole(1, MAX_MIB),
        metavar="N",
        help="train on a sample of this size if there is more text (256; for unigram, whose "
        "training is slow, 16)",
    )
    model = parser.add_argument_group("tokenizer")
    model.add_argument(
        "--model",
        required=True,
        choices=list(_MAX_MIB),
        metavar="M",
        help="wordpiece (BERT), bpe (byte-level, RoBERTa) or unigram (SentencePiece-like)",
    )
    model.add_argument(
        "--size",
        type=whole(1, MAX_TOKENS),
        required=True,
        metavar="N",
        help="tokens, special ones included",
    )
    model.add_argument(
        "--lowercase",
        action=argparse.BooleanOptionalAction,
        help="make text lower case (wordpiece: yes, and without accents; others: no)",
    )
    model.add_argument(
        "--min-frequency",
        type=whole(1),
        default=2,
        metavar="N",
        help="minimum count of a pair to be merged, and of a character to be in the vocabulary (2)",
    )
    model.add_argument(
        "--eod-token",
        metavar="TOKEN",
        help="add an end-of-document token, which gpt, transformer-xl and xlnet need, such as "
        "'<|endoftext|>' or '<eod>' (none)",
    )
    model.add_argument(
        "--sentinels",
        type=whole(0, MAX_TOKENS),
        default=0,
        metavar="N",
        help="add so many sentinels, <extra_id_0> and so on, as t5 needs them: 100 are usual (0)",
    )
    out = parser.add_argument_group("output")
    out.add_argument("--output", required=True, metavar="FILE", help="JSON file to write")
    out.add_argument("--overwrite", action="store_true", help="replace the file")
    return parser


@one_sentence
def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; returns its exit status."""
    options = _parser().parse_args(argv)
    lowercase = options.model == "wordpiece" if options.lowercase is None else options.lowercase
    try:
        _check_field(options.text_field)
        training = Training(
            model=options.model,
            size=options.size,
            lowercase=lowercase,
            min_frequency=options.min_frequency,
            eod_token=options.eod_token or "",
            sentinels=options.sentinels,
            show_progress=Console(stderr=True).is_terminal,
        )
        encoding = check_encoding(options.encoding or "utf-8")
        with about("--input"):
            files = match_inputs(options.input, options.format, encoding)
        check_heads(files, enabled_checks(options.format, options.encoding), options.text_field)
    except (FormatError, ValueError) as error:
        raise UsageError(str(error)) from error
    max_mib = _MAX_MIB[options.model] if options.max_mib is None else options.max_mib
    if options.output.rpartition("/")[2] in {"", ".", ".."}:
        raise UsageError(f"--output {options.output}: a folder; name the file to write")
    with hold_output_file(options.output, "vocab"):
        _check_output(options.output, overwrite=options.overwrite)
        return _train(options, training, files, max_mib)


def _train(
    options: argparse.Namespace, training: Training, files: Sequence[InputFile], max_mib: int
) -> int:
    """Trains a tokenizer into a file that is held."""
    corpus = read_corpus(
        plan_ranges(files, checks=enabled_checks(options.format, options.encoding)),
        options.text_field,
        max_mib << 20,
    )
    check_unchanged(files)
    if not corpus.documents:
        raise UsageError(
            f"{', '.join(options.input)}: no document in {counted(len(files), 'file')}"
        )
    try:
        text = train_tokenizer(corpus.documents, training)
    except ValueError as error:
        raise UsageError(f"--size {options.size}: {error}") from error
    _check_folder(options.output)
    try:
        write_atomically(options.output, text.encode())
    except Exception as error:
        raise UsageError(f"--output {options.output}: cannot be written: {error}") from error
    _report(corpus, text, training, options.output)
    return 0


def _check_output(path: str, *, overwrite: bool) -> None:
    """Makes sure, before the work is done, that the tokenizer can go where it shall.

    What runs that were killed left half written of this very file is deleted.
    """
    folder, slash, name = path.rpartition("/")
    _check_folder(path)
    try:
        there = exists(path)
        halves = [file.path for file in list_folder(f"{folder}{slash}" or ".")]
        delete_files(each for each in halves if named_by_temporary(_name(each)) == name)
    except (ValueError, OSError) as error:
        raise UsageError(f"--output {path}: {error}") from error
    if there and not overwrite:
        raise UsageError(f"{path} already exists; replace it with --overwrite")
    if there and not _is_tokenizer(path):
        raise UsageError(
            f"{path} is no tokenizer of `tokenizers`, and --overwrite replaces nothing else; name "
            "another file, or delete this one yourself"
        )


def _check_folder(path: str) -> None:
    """Refuses a file of a build or export, and a folder that another command is writing to."""
    if not is_local(path):
        return
    folder, name = os.path.split(path)
    refuse_while_written(folder or ".")
    found = None
    # A folder that cannot be identified is not ours.
    with contextlib.suppress(UsageError):
        found = find(folder or ".")
    if found is not None and name in found.files:
        raise UsageError(
            f"{path} belongs to what `shardmill {found.command}` made in {folder or '.'}, which "
            "would be damaged; name another file"
        )


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _is_tokenizer(path: str) -> bool:
    if is_local(path) and not (os.path.isfile(path) and not os.path.islink(path)):
        return False
    try:
        found = parse_json(read_bytes(path), path)
    except (DamagedError, OSError):
        return False
    return isinstance(found, dict) and {"model", "added_tokens", "version"} <= found.keys()


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


def _check_field(text_field: str) -> None:
    """Raises ValueError unless this names one field."""
    if record_fields(text_field):
        raise ValueError(
            f"--text-field {text_field}: a vocabulary is learned of one field; name the title's, "
            "or the query's"
        )


def read_corpus(ranges: Sequence[FileRange], text_field: str, max_bytes: int) -> Text:
    """Reads all documents, and keeps a sample.

    Raises:
      RunError: if a file cannot be read to its end.
    """
    sample = DocumentSample(max_bytes)
    tally: collections.Counter[str] = collections.Counter()
    console = Console(stderr=True)
    shown = track(
        ranges, "reading", console=console, transient=True, disable=not console.is_terminal
    )
    try:
        for part in shown:
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
