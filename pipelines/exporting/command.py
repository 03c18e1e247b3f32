"""`shardmill export`: the rows of a build in formats of other loaders."""

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence

from pipelines.exporting.folders import builds_in, refuse_ours
from pipelines.exporting.formats import FORMATS
from pipelines.exporting.hub import Repository, open_repository
from pipelines.exporting.splits import Splits
from pipelines.exporting.write_export import write_export
from pipelines.folder.corpus import open_corpus
from pipelines.folder.locks import Locks
from schemas.config_file import config_text
from schemas.errors import UsageError, about
from schemas.exported import ExportIdentity
from schemas.numbers import whole
from schemas.parser import Parser
from schemas.program import one_sentence
from transforms.build.corpus import Corpus
from transforms.files.storage import is_local, join

_ELSEWHERE = ("output", "push_to_hub", "private", "from_window", "to_window")
"""Where the export goes; and which windows, of each of which the saved options name the folder."""


def _parser() -> Parser:
    parser = Parser(
        "export",
        shows_progress=True,
        description="Write rows for other loaders, with the tokenizer and a dataset card. "
        "All formats but megatron hold standard Hugging Face columns: input_ids, token_type_ids, "
        "attention_mask, labels (-100: ignored; only where masks are stored) and, for pairs, "
        "next_sentence_label (0: next, 1: random) or what the recipe asks of pairs. Tokens that a "
        "second corruption selects are in input_ids and labels too. Rows are not "
        "padded. gpt and transformer-xl: input_ids, attention_mask, "
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
        choices=[*FORMATS],
        required=True,
        help="; ".join(f"{name}: {each.summary}" for name, each in FORMATS.items()),
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
    parser.add_argument(
        "--push-to-hub",
        metavar="NAME",
        help="upload the finished export, with its card, to this dataset repository of the Hugging "
        "Face hub (USER/NAME), which is made if there is none; the token is that of HF_TOKEN or "
        "`hf auth login`",
    )
    parser.add_argument(
        "--private", action="store_true", help="with --push-to-hub: a new repository is private"
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
    repository = _repository(options, single="" in folders)
    splits = Splits(folders, options.to, options.split)
    with Locks("export") as locks:
        locks.add(options.output)
        for member, folder in folders.items():
            output = join(options.output, *member.split("/")) if member else options.output
            named = about(member) if member else contextlib.nullcontext()
            with locks.held(output), named:
                corpus = open_corpus(folder)
                identity = _identity(corpus, options, member, splits)
                write_export(corpus, output, identity, locks, _saved(options, folder))
        for line in splits.lines():
            sys.stdout.write(f"{line}\n")
        if repository is not None:
            sys.stdout.write(f"{repository.upload(options.output)}\n")
    return 0


def _saved(options: argparse.Namespace, folder: str) -> str:
    """Returns the options that repeat the export of one build, of all that there may be."""
    return config_text(_parser(), {**vars(options), "folder": folder}, _ELSEWHERE)


def _identity(
    corpus: Corpus, options: argparse.Namespace, place: str, chosen: Splits
) -> ExportIdentity:
    """Returns what shall be exported of a build, which goes to a place in the output."""
    splits = [options.split] if options.split else list(corpus.splits)
    with about("--split"):
        for split in splits:
            corpus.shards(split)
    splits = chosen.of(place, splits)
    copies = _copies(options.copies, corpus.recipe.copies)
    return ExportIdentity(source=corpus.checksum, format=options.to, copies=copies, splits=splits)


def _repository(options: argparse.Namespace, *, single: bool) -> Repository | None:
    """Returns where to upload to, which is there by then; None if nothing shall be.

    It is asked for before anything is exported, which may take hours.
    """
    if options.push_to_hub is None:
        if options.private:
            raise UsageError("--private is for --push-to-hub; name a repository")
        return None
    if not single:
        raise UsageError(
            f"--push-to-hub uploads one export, and {options.folder} holds several builds; export "
            "and upload the folder of each"
        )
    if not is_local(options.output):
        raise UsageError(
            f"--push-to-hub uploads local files, and --output is {options.output}; name a local "
            "folder"
        )
    return open_repository(options.push_to_hub, private=options.private)


def _copies(text: str, most: int) -> int:
    """Reads how many copies to write."""
    try:
        return whole(1, most)({"all": str(most), "first": "1"}.get(text, text))
    except argparse.ArgumentTypeError as error:
        wrong = f"--copies must be 'all', 'first' or in [1, {most}], got {text[:60]!r}"
        raise UsageError(wrong) from error


if __name__ == "__main__":
    sys.exit(main())
