"""The command-line options that several commands share."""

import argparse
import dataclasses
import os
from collections.abc import Sequence
from typing import Any

from pipelines.planning.options import RunOptions
from pipelines.planning.recipe_needs import recipes_where, takes_records
from pipelines.planning.separators import separator_option
from schemas.config_file import config_text
from schemas.numbers import finite, whole
from schemas.parser import Parser
from transforms.annotate.annotator import PHRASE_RULES
from transforms.files.file_formats import FORMATS, described_formats

_HOW = ("output", "overwrite", "workers", "memory_gib", "temp_dir", "dry_run")
"""Where the output goes, and how it is made: what is made does not depend on it. Nor on options of
Beam, in which there may be keys of a store."""
MAX_WORKERS = 1024
"""More processes than that one machine does not start."""
MAX_MEMORY_GIB = 1 << 20
MAX_DOCUMENT_MIB = 1024
"""A document is held in memory whole, and several times over."""
MAX_SHARDS = 99_999
"""Names of shards have five digits."""


def half_of_memory_gib() -> float:
    """Returns half of this machine's memory, in GiB."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (2 << 30)


def shards_option(text: str) -> int | None:
    """Reads the value of --shards; None stands for "auto"."""
    try:
        return None if text == "auto" else whole(1, MAX_SHARDS)(text)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"{error}; 'auto' decides by the text") from error


def add_input_options(
    parser: argparse.ArgumentParser,
    name: str = "--input",
    files: str = "files",
    *,
    records: bool = False,
    required: bool = True,
) -> argparse._ArgumentGroup:
    """Adds which files are read, and as what; returns the group of these options.

    Args:
      parser: Of a command.
      name: Of the option.
      files: What it names.
      records: Labelled records can be read, too.
      required: Files cannot be named in another way.
    """
    source = parser.add_argument_group("text")
    records_too = "; of labelled records also conll" if records else ""
    source.add_argument(
        name,
        dest="input",
        action="append",
        required=required,
        metavar="GLOB",
        help=f"{files}; may be repeated",
    )
    source.add_argument(
        "--format",
        default="auto",
        choices=(*FORMATS, *(["conll"] if records else [])),
        metavar="F",
        help=f"auto (by file name), {described_formats()}{records_too}",
    )
    source.add_argument(
        "--encoding",
        metavar="E",
        help="what text and JSON are stored in, such as gb18030, big5, utf-16 or cp1252 (utf-8)",
    )
    source.add_argument(
        "--document-separator",
        type=separator_option,
        metavar="TEXT",
        help=r"what ends a document of text wherever it stands, as '<|endoftext|>' or '\n---\n', "
        r"with \n, \r, \t and \\ as escapes (blank lines)",
    )
    return source


def add_text_options(
    parser: argparse.ArgumentParser,
    name: str = "--input",
    files: str = "files",
    *,
    records: bool = False,
    required: bool = True,
) -> argparse._ArgumentGroup:
    """Adds what is read; returns the group of these options, see `add_input_options`."""
    source = add_input_options(parser, name, files, records=records, required=required)
    source.add_argument(
        "--text-field",
        default="text",
        metavar="NAME",
        help="JSON field or column of a table (text), or a path such as meta.text; several with "
        "+ between them are joined, as title+content; may be a list of a dialogue's turns; "
        f"for {' or '.join(recipes_where(takes_records))} the fields "
        "query,title,label",
    )
    source.add_argument(
        "--max-document-mib",
        type=whole(1, MAX_DOCUMENT_MIB),
        default=8,
        metavar="N",
        help="split longer documents at line ends (8)",
    )
    source.add_argument(
        "--max-rejected",
        type=whole(),
        default=0,
        metavar="N",
        help="bad records that may be rejected before the run counts as failed (0)",
    )
    return source


def add_output_options(
    parser: argparse.ArgumentParser, *, shards: str, run: str
) -> argparse._ArgumentGroup:
    """Adds where the output goes; returns the group of these options.

    Args:
      parser: Of a command.
      shards: What the command calls its shards.
      run: What it calls what another one left in the folder.
    """
    out = add_output_option(parser)
    out.add_argument(
        "--shards", type=shards_option, default=None, metavar="N|auto", help=f"{shards} (auto)"
    )
    out.add_argument(
        "--overwrite", action="store_true", help=f"replace what another {run} left in the folder"
    )
    return out


def add_output_option(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Adds the folder of the output; returns the group of its options."""
    out = parser.add_argument_group("output")
    out.add_argument("--output", required=True, metavar="DIR", help="folder, local or remote")
    return out


def add_annotator_options(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Adds what finds entities and phrases; returns the group of these options."""
    group = parser.add_argument_group("entities and phrases")
    group.add_argument("--spacy-model", metavar="M", help="a spaCy pipeline, by name or folder")
    group.add_argument(
        "--gazetteer",
        metavar="FILE",
        help="entities by name: JSON lines, as spaCy's EntityRuler reads them",
    )
    group.add_argument(
        "--entities", metavar="FILE", help="entities by name: a surface form, a tab, an id a line"
    )
    group.add_argument(
        "--ignore-case", action="store_true", help="find names in any letter case (no)"
    )
    group.add_argument(
        "--phrases",
        default="auto",
        choices=PHRASE_RULES,
        help="what a phrase is: a noun chunk, or a maximal run of nouns by spaCy's or jieba's "
        "parts of speech (auto: the first of these that model and language have)",
    )
    return group


def add_segmenter_options(words: argparse._ArgumentGroup) -> None:
    """Adds what finds Chinese words to a group of options."""
    words.add_argument(
        "--segmenter",
        default="auto",
        choices=["auto", "rjieba", "jieba"],
        help="finds Chinese words: rjieba is jieba in Rust (auto: rjieba without --user-dict)",
    )
    words.add_argument("--user-dict", metavar="FILE", help="more words for jieba")


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Adds where and how a run works."""
    run = add_process_options(
        parser, fit="--shards and --workers", place="in OUT; the system's for a remote OUT"
    )
    run.add_argument("--dry-run", action="store_true", help="print the plan and stop")


def add_process_options(
    parser: argparse.ArgumentParser, *, fit: str, place: str
) -> argparse._ArgumentGroup:
    """Adds what a local run may use; returns the group of these options.

    Args:
      parser: Of a command.
      fit: The options that decide how much memory is needed.
      place: Where text is spilled, in words.
    """
    run = parser.add_argument_group("run")
    run.add_argument(
        "--workers", type=whole(1, MAX_WORKERS), default=1, metavar="N", help="local processes (1)"
    )
    run.add_argument(
        "--memory-gib",
        type=finite(0, MAX_MEMORY_GIB, above=True),
        default=half_of_memory_gib(),
        metavar="G",
        help=f"memory a local run may use: {fit} must fit into it (half of the machine's)",
    )
    run.add_argument(
        "--temp-dir",
        metavar="DIR",
        help="folder for text that a local run spills to disk, about 0.6 bytes for each byte of "
        f"text ({place})",
    )
    return run


def parse_run_options(
    parser: Parser, argv: Sequence[str] | None
) -> tuple[argparse.Namespace, dict[str, Any]]:
    """Parses a command line; returns everything, and the values of the fields of `RunOptions`.

    Raises:
      UsageError: if an option is unknown or its value cannot be read.
    """
    given, beam_args = parser.parse_known_args(argv)
    if beam_args:
        # Beam takes seconds to import, and most runs need none of it.
        from pipelines.planning.beam_arguments import read_beam_arguments

        beam_args = read_beam_arguments(beam_args, parser)
    own = {field.name: getattr(given, field.name, None) for field in dataclasses.fields(RunOptions)}
    own |= {
        "input": tuple(given.input or ()),
        "beam_args": tuple(beam_args),
        "saved": config_text(parser, vars(given), _HOW),
    }
    return given, {**own, "spacy_model": given.spacy_model or ""}
