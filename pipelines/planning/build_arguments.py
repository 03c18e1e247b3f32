"""The command line of `shardmill build`."""

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.planning.filter_arguments import add_filter_options, filter_options
from pipelines.planning.members import has_markers
from pipelines.planning.options import OWN_OPTIONS, BuildOptions
from pipelines.planning.recipe_needs import recipes_where
from pipelines.planning.run_arguments import (
    add_annotator_options,
    add_output_options,
    add_run_options,
    add_segmenter_options,
    add_text_options,
    parse_run_options,
)
from pipelines.planning.sources import SOURCE, patterns_of
from pipelines.tokenizers.tiktoken_file import PATTERNS
from schemas.errors import UsageError
from schemas.numbers import finite, whole
from schemas.parser import Parser
from schemas.vocabulary import ROLES
from schemas.wording import nearest
from transforms.objectives import MIXTURES, OBJECTIVES, TASKS
from transforms.objectives.settings import Scalar
from transforms.windows.record_rows import KEEP_CHOICES

PACKINGS: Mapping[str, Mapping[str, Scalar]] = {
    "full-sentences": {"segment": "FullSentences"},
    "doc-sentences": {"segment": "FullSentences", "segment.cross_documents": False},
    "head": {"segment": "WholeDocuments", "segment.keep": "head"},
    "tail": {"segment": "WholeDocuments", "segment.keep": "tail"},
    "head-tail": {"segment": "WholeDocuments", "segment.keep": "head_tail"},
    "stream": {"segment": "DocumentStream", "segment.packing": "consecutive"},
    "best-fit": {"segment": "DocumentStream", "segment.packing": "best_fit"},
}


EPILOG = (
    "Every Beam option is passed on: --runner=DataflowRunner --project=... --setup_file=./setup.py"
)


def _parser() -> Parser:
    parser = Parser(
        "build",
        shows_progress=True,
        description="Build a pretraining corpus: raw text in, Arrow shards out.",
        epilog=EPILOG,
    )
    source = add_text_options(parser, records=True, required=False)
    source.add_argument(
        "--source",
        action="append",
        default=[],
        metavar=SOURCE,
        help="instead of --input: files of a named source, each document of which is read WEIGHT "
        "times, such as 0.5 or 2 (1); may be repeated",
    )
    add_recipe_options(parser, source)
    add_filter_options(parser)
    out = add_output_options(parser, shards="training shards", run="build")
    add_eval_option(
        out, "0.005; of few documents as many as a recipe needs; of labelled records 0.1"
    )
    add_run_options(parser)
    return parser


def add_eval_option(out: argparse._ArgumentGroup, default: str) -> None:
    """Adds how much is held out; the default in words."""
    out.add_argument(
        "--eval-fraction",
        type=finite(0, 1, below=True),
        default=None,
        metavar="F",
        help=f"share of the documents held out ({default})",
    )


def add_recipe_options(parser: Parser, source: argparse._ArgumentGroup) -> None:
    """Adds what is built of a text: recipe, tokens and words, annotations.

    Args:
      parser: Of a command.
      source: The group of its options of the text.
    """
    parser.add_argument(
        "recipe",
        help=f"what to build: {', '.join([*OBJECTIVES, *MIXTURES])}, or mixture: see --members; "
        f"of labelled records {', '.join(TASKS)}: see --fields",
    )
    source.add_argument(
        "--sentences", default="rules", choices=["rules", "lines"], help="how to find sentences"
    )
    source.add_argument(
        "--dedup", default="on", choices=["on", "off"], help="drop exact duplicates (on)"
    )
    words = parser.add_argument_group("tokens and words")
    words.add_argument(
        "--tokenizer",
        required=True,
        metavar="FILE",
        help="a tokenizers JSON file, BERT's vocab.txt, a SentencePiece model, a tiktoken file, a "
        "folder of one of them, or a name on the Hugging Face hub; "
        "for recipes of whole words a list of words, as shardmill vocab --model words makes it",
    )
    words.add_argument(
        "--tiktoken-pattern",
        metavar="P",
        help=f"how text is cut before the tokens of a tiktoken file are found: "
        f"{', '.join(PATTERNS)}, or a regular expression (by the file's name)",
    )
    words.add_argument(
        "--tokenizer-differences",
        type=whole(0),
        default=0,
        metavar="N",
        help="sampled lines of the text that a converted tokenizer may give other ids than the "
        "library it was made for (0)",
    )
    for role in ROLES:
        words.add_argument(
            f"--{role}-token", metavar="TOKEN", help=f"the {role} token, if it has its own name"
        )
    add_segmenter_options(words)
    words.add_argument(
        "--counts",
        metavar="FILE",
        help="how often tokens occur, as JSON {token: count} or lines of a token, a tab and its "
        "count, for recipes whose random tokens follow that (the text of each batch)",
    )
    annotations = add_annotator_options(parser)
    annotations.add_argument(
        "--annotations",
        metavar="DIR",
        help="take them from this output of shardmill annotate instead",
    )
    recipe = parser.add_argument_group("recipe")
    recipe.add_argument(
        "--members",
        metavar="NAME[=W],...",
        help="what a mixture is made of: recipes with or without a weight, such as "
        "bert-wwm,albert=2",
    )
    recipe.add_argument("--max-seq-length", metavar="L", help="longest example in tokens")
    recipe.add_argument("--copies", metavar="N", help="independent masks of each example")
    recipe.add_argument(
        "--passes", metavar="N", help="times the corpus is paired, each with new random pairs"
    )
    recipe.add_argument(
        "--stages",
        metavar="S",
        help="for recipes with stages: some of basic, phrase, entity, each with =WEIGHT or not",
    )
    recipe.add_argument(
        "--markers",
        metavar="FILE",
        help=f"discourse markers, one a line, for {' or '.join(recipes_where(has_markers))} "
        "(built-in lists of English and Chinese)",
    )
    recipe.add_argument(
        "--packing", metavar="P", help=f"for recipes without pairs: {', '.join(PACKINGS)}"
    )
    recipe.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="PATH=VALUE",
        help="any other field of the recipe; `shardmill recipes NAME` lists them; "
        "MEMBER:PATH=VALUE is for one member of a mixture",
    )
    recipe.add_argument(
        "--parity", action="store_true", help="restore what the reference does, bugs included"
    )
    add_record_options(parser)
    recipe.add_argument("--seed", type=whole(), default=12345, metavar="S", help="(12345)")


def add_record_options(parser: Parser) -> None:
    """Adds how labelled records are read."""
    records = parser.add_argument_group(f"labelled records ({', '.join(TASKS)})")
    records.add_argument(
        "--fields",
        metavar="NAMES",
        help="fields of the texts and the label: text,label or text_a,text_b,label; of tag "
        "words,tags; of span question,context,answers; of rank query,candidates,label",
    )
    records.add_argument(
        "--labels",
        metavar="NAMES",
        help="the classes, in this order; records with others are rejected (all that there are)",
    )
    records.add_argument(
        "--unlabelled", action="store_true", help="records have no label: --fields names texts"
    )
    records.add_argument(
        "--columns",
        metavar="NAMES",
        help="names of the columns of TSV, CSV or CoNLL files (in the first line of TSV and CSV)",
    )
    records.add_argument(
        "--keep",
        choices=[each.replace("_", "-") for each in KEEP_CHOICES],
        help="what is kept of texts that are too long (head)",
    )
    records.add_argument(
        "--eval-input",
        action="append",
        default=[],
        metavar="GLOB",
        help="files that are held out whole, instead of a share; may be repeated",
    )


def parse_build_options(argv: Sequence[str] | None) -> BuildOptions:
    """Parses the command line of `shardmill build`.

    Raises:
      UsageError: if an option is unknown or its value cannot be read.
    """
    parser = _parser()
    given, run = parse_run_options(parser, argv)
    if not (given.input or given.source):
        parser.error("the following arguments are required: --input (or --source)")
    if given.input and given.source:
        raise UsageError(
            "--source and --input both name files: leave one out, or give the files of --input a "
            "name, as in --source other=GLOB"
        )
    run |= {"input": run["input"] or patterns_of(given.source)}
    return BuildOptions(
        **run,
        **recipe_values(given),
        source=tuple(given.source),
        filters=filter_options(given),
    )


def recipe_values(given: argparse.Namespace) -> dict[str, Any]:
    """Returns the fields of `BuildOptions` that `RunOptions` has not, of a parsed command line."""
    return {
        "recipe": given.recipe,
        "members": given.members,
        "tokenizer": given.tokenizer,
        "tiktoken_pattern": given.tiktoken_pattern,
        "tokenizer_differences": given.tokenizer_differences,
        "sentences": given.sentences,
        "dedup": _on_off(given.dedup),
        "segmenter": given.segmenter,
        "user_dict": given.user_dict,
        "counts": given.counts,
        "markers": given.markers,
        "special_tokens": {
            role: token for role in ROLES if (token := getattr(given, f"{role}_token")) is not None
        },
        "settings": _settings(given),
        "parity": given.parity,
        "eval_fraction": given.eval_fraction,
        "seed": given.seed,
        "annotations": given.annotations,
        "fields": given.fields,
        "labels": given.labels,
        "columns": given.columns,
        "unlabelled": given.unlabelled,
        "eval_input": tuple(given.eval_input),
    }


def _settings(given: argparse.Namespace) -> dict[str, Scalar]:
    """Collects the recipe's fields that were given, by path."""
    settings: dict[str, Scalar] = {}
    given_by_set: set[str] = set()
    own: set[str] = set()
    if given.packing is not None:
        if given.packing not in PACKINGS:
            raise UsageError(f"--packing {given.packing!r}: {nearest(given.packing, PACKINGS)}")
        settings.update(PACKINGS[given.packing])
    for path, option in OWN_OPTIONS.items():
        value = getattr(given, option.removeprefix("--").replace("-", "_"))
        if value is not None:
            settings[path] = value.replace("-", "_") if option == "--keep" else value
            own.add(path)
    for assignment in given.set:
        path, equals, value = assignment.partition("=")
        path = path.strip()
        if not equals or not path:
            raise UsageError(f"--set takes PATH=VALUE, got {assignment!r}")
        if path in own and settings[path] != value and path not in given_by_set:
            raise UsageError(
                f"--set {assignment} and {OWN_OPTIONS[path]} {settings[path]} name the same field: "
                "leave one out"
            )
        given_by_set.add(path)
        settings[path] = value
    return settings


def _on_off(text: str) -> bool:
    return {"on": True, "off": False}[text]
