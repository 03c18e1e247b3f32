"""The command line of `shardmill annotate`."""

from collections.abc import Sequence

from pipelines.planning.options import RunOptions
from pipelines.planning.refused_options import refuse_option
from pipelines.planning.run_arguments import (
    add_annotator_options,
    add_output_options,
    add_run_options,
    add_text_options,
    parse_run_options,
)
from schemas.parser import Parser


def _parser() -> Parser:
    parser = Parser(
        "annotate",
        shows_progress=True,
        description="Find entities and phrases, and store them by document. Builds of any recipe "
        "and tokenizer use them with --annotations.",
        epilog="Example: shardmill annotate --input 'TEXT/*.txt' --spacy-model en_core_web_sm "
        "--output ANNOTATIONS --workers 8. Every Beam option is passed on.",
    )
    add_text_options(parser)
    refuse_option(
        parser,
        "--source",
        "what is annotated has no weights; name the files of all with --input",
    )
    add_annotator_options(parser).add_argument(
        "--anchors",
        nargs="?",
        const="anchors",
        metavar="FIELD",
        help="entities that JSON lines give themselves: a field with a list of {start, end, "
        "entity}, the first character in the text, the one behind the last, and an id (anchors)",
    )
    add_output_options(parser, shards="files", run="run")
    add_run_options(parser)
    return parser


def parse_annotate_options(argv: Sequence[str] | None) -> RunOptions:
    """Parses the command line of `shardmill annotate`.

    Raises:
      UsageError: if an option is unknown or its value cannot be read.
    """
    _, given = parse_run_options(_parser(), argv)
    return RunOptions(**given)
