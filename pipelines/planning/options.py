"""The options of `shardmill build`, and those it shares with `shardmill annotate`."""

import argparse
import dataclasses
import difflib
import os
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from apache_beam.options.pipeline_options import PipelineOptions, _BeamArgumentParser

from pipelines.running.runners import load_runner
from schemas.errors import Parser, UsageError, left_over
from schemas.numbers import finite, whole
from schemas.vocabulary import ROLES
from transforms.annotate.annotator import PHRASE_RULES
from transforms.files.inputs import FORMATS
from transforms.objectives import MIXTURES, OBJECTIVES
from transforms.objectives.settings import Scalar, nearest

MAX_WORKERS = 1024
"""More processes than that one machine does not start."""
MAX_MEMORY_GIB = 1 << 20
MAX_DOCUMENT_MIB = 1024
"""A document is held in memory whole, and several times over."""
MAX_SHARDS = 99_999
"""Names of shards have five digits."""
OWN_OPTIONS: Mapping[str, str] = {
    "max_seq_length": "--max-seq-length",
    "copies": "--copies",
    "passes": "--passes",
    "corrupt.0.select.stages": "--stages",
}
"""The options that are short for a field of a recipe, by its path."""
PACKINGS: Mapping[str, Mapping[str, Scalar]] = {
    "full-sentences": {"segment": "FullSentences"},
    "doc-sentences": {"segment": "FullSentences", "segment.cross_documents": False},
    "head": {"segment": "WholeDocuments", "segment.keep": "head"},
    "tail": {"segment": "WholeDocuments", "segment.keep": "tail"},
    "head-tail": {"segment": "WholeDocuments", "segment.keep": "head_tail"},
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What every command that makes shards of text is asked for."""

    input: tuple[str, ...]
    output: str
    format: str
    encoding: str | None
    text_field: str
    max_document_mib: int
    max_rejected: int
    spacy_model: str
    gazetteer: str | None
    entities: str | None
    anchors: str | None
    ignore_case: bool
    phrases: str
    shards: int | None
    workers: int
    memory_gib: float
    overwrite: bool
    dry_run: bool
    beam_args: tuple[str, ...]

    @property
    def annotator_options(self) -> list[str]:
        """The options of the annotator that were given."""
        given = {
            "--spacy-model": self.spacy_model,
            "--gazetteer": self.gazetteer,
            "--entities": self.entities,
            "--ignore-case": self.ignore_case,
            "--phrases": self.phrases != "auto",
        }
        return [name for name, value in given.items() if value]

    @property
    def named_files(self) -> list[str]:
        """The files that options name, those with the text left out."""
        return [name for name in (self.gazetteer, self.entities) if name]


@dataclasses.dataclass(frozen=True, kw_only=True)
class BuildOptions(RunOptions):
    """What the user asked for; every field is an option of the same name."""

    recipe: str
    members: str | None
    tokenizer: str
    sentences: str
    dedup: bool
    segmenter: str
    user_dict: str | None
    counts: str | None
    markers: str | None
    special_tokens: Mapping[str, str]
    settings: Mapping[str, Scalar]
    parity: bool
    eval_fraction: float | None
    seed: int
    annotations: str | None

    @property
    def named_files(self) -> list[str]:
        more = (self.tokenizer, self.user_dict, self.counts, self.markers)
        return [*super().named_files, *(name for name in more if name)]


def half_of_memory_gib() -> float:
    """Returns half of this machine's memory, in GiB."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (2 << 30)


def shards_option(text: str) -> int | None:
    """Reads the value of --shards; None stands for "auto"."""
    try:
        return None if text == "auto" else whole(1, MAX_SHARDS)(text)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"{error}; 'auto' decides by the text") from error


def _on_off(text: str) -> bool:
    return {"on": True, "off": False}[text]


def add_text_options(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Adds what is read; returns the group of these options."""
    source = parser.add_argument_group("text")
    source.add_argument(
        "--input", action="append", required=True, metavar="GLOB", help="files; may be repeated"
    )
    source.add_argument(
        "--format",
        default="auto",
        choices=FORMATS,
        metavar="F",
        help="auto (by file name), text (blank line between documents), lines (one a line), "
        "jsonl or parquet",
    )
    source.add_argument(
        "--encoding",
        metavar="E",
        help="what text and JSON are stored in, such as gb18030, big5, utf-16 or cp1252 (utf-8)",
    )
    source.add_argument(
        "--text-field",
        default="text",
        metavar="NAME",
        help="JSON field or Parquet column (text), or a path such as meta.text; or a list of "
        "a dialogue's turns; for ernie2-relevance the fields query,title,label",
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
        help="bad records that may be set aside before the run counts as failed (0)",
    )
    return source


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


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Adds where and how a run works."""
    run = parser.add_argument_group("run")
    run.add_argument(
        "--workers", type=whole(1, MAX_WORKERS), default=1, metavar="N", help="local processes (1)"
    )
    run.add_argument(
        "--memory-gib",
        type=finite(0, MAX_MEMORY_GIB, above=True),
        default=half_of_memory_gib(),
        metavar="G",
        help="memory a local run may use; a larger corpus is built in waves (half of the "
        "machine's)",
    )
    run.add_argument("--dry-run", action="store_true", help="print the plan and stop")


def _parser() -> Parser:
    parser = Parser(
        "build",
        description="Build a pretraining corpus: raw text in, Arrow shards out.",
        epilog="Every Beam option is passed on: --runner=DataflowRunner --project=... "
        "--setup_file=./setup.py",
    )
    parser.add_argument(
        "recipe",
        help=f"what to build: {', '.join([*OBJECTIVES, *MIXTURES])}, or mixture: see --members",
    )
    source = add_text_options(parser)
    source.add_argument(
        "--sentences", default="rules", choices=["rules", "lines"], help="how to find sentences"
    )
    source.add_argument(
        "--dedup", default="on", choices=["on", "off"], help="drop exact duplicates (on)"
    )
    words = parser.add_argument_group("tokens and words")
    words.add_argument("--tokenizer", required=True, metavar="FILE", help="a tokenizers JSON file")
    for role in ROLES:
        words.add_argument(
            f"--{role}-token", metavar="TOKEN", help=f"the {role} token, if it has its own name"
        )
    words.add_argument(
        "--segmenter",
        default="auto",
        choices=["auto", "rjieba", "jieba"],
        help="finds Chinese words: rjieba is jieba in Rust (auto: rjieba without --user-dict)",
    )
    words.add_argument("--user-dict", metavar="FILE", help="more words for jieba")
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
    recipe.add_argument("--passes", metavar="N", help="times the corpus is paired anew")
    recipe.add_argument(
        "--stages",
        metavar="S",
        help="for recipes with stages: some of basic, phrase, entity, each with =WEIGHT or not",
    )
    recipe.add_argument(
        "--markers",
        metavar="FILE",
        help="discourse markers, one a line, for ernie2-discourse (built-in lists of English and "
        "Chinese)",
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
    recipe.add_argument("--seed", type=whole(), default=12345, metavar="S", help="(12345)")
    out = parser.add_argument_group("output")
    out.add_argument("--output", required=True, metavar="DIR", help="folder, local or remote")
    out.add_argument(
        "--shards",
        type=shards_option,
        default=None,
        metavar="N|auto",
        help="training shards (auto)",
    )
    out.add_argument(
        "--eval-fraction",
        type=finite(0, 1, below=True),
        default=None,
        metavar="F",
        help="share of the documents held out (0.005; of few documents as many as pairs need)",
    )
    out.add_argument(
        "--overwrite", action="store_true", help="replace what another build left in the folder"
    )
    add_run_options(parser)
    return parser


def parse_build_options(argv: Sequence[str] | None) -> BuildOptions:
    """Parses the command line of `shardmill build`.

    Raises:
      UsageError: if an option is unknown or its value cannot be read.
    """
    given, run = parse_run_options(_parser(), argv)
    return BuildOptions(
        **run,
        recipe=given.recipe,
        members=given.members,
        tokenizer=given.tokenizer,
        sentences=given.sentences,
        dedup=_on_off(given.dedup),
        segmenter=given.segmenter,
        user_dict=given.user_dict,
        counts=given.counts,
        markers=given.markers,
        special_tokens={
            role: token for role in ROLES if (token := getattr(given, f"{role}_token")) is not None
        },
        settings=_settings(given),
        parity=given.parity,
        eval_fraction=given.eval_fraction,
        seed=given.seed,
        annotations=given.annotations,
    )


def parse_run_options(
    parser: Parser, argv: Sequence[str] | None
) -> tuple[argparse.Namespace, dict[str, Any]]:
    """Parses a command line; returns everything, and the values of the fields of `RunOptions`.

    Raises:
      UsageError: if an option is unknown or its value cannot be read.
    """
    given, beam_args = parser.parse_known_args(argv)
    # A runner has options of its own, which are known when it is loaded.
    _unknown_beam_args(beam_args, parser)
    beam_args = load_runner(beam_args)
    _check_beam_args(beam_args, parser)
    own = {field.name: getattr(given, field.name, None) for field in dataclasses.fields(RunOptions)}
    own |= {"input": tuple(given.input), "beam_args": tuple(beam_args)}
    return given, {**own, "spacy_model": given.spacy_model or ""}


def _settings(given: argparse.Namespace) -> dict[str, Scalar]:
    """Collects the recipe's fields that were given, by path."""
    settings: dict[str, Scalar] = {}
    given_by_set: set[str] = set()
    if given.packing is not None:
        if given.packing not in PACKINGS:
            raise UsageError(f"--packing {given.packing!r}: {nearest(given.packing, PACKINGS)}")
        settings.update(PACKINGS[given.packing])
    for path, option in OWN_OPTIONS.items():
        value = getattr(given, option.removeprefix("--").replace("-", "_"))
        if value is not None:
            settings[path] = value
    for assignment in given.set:
        path, equals, value = assignment.partition("=")
        path = path.strip()
        if not equals or not path:
            raise UsageError(f"--set takes PATH=VALUE, got {assignment!r}")
        if path in OWN_OPTIONS and settings.get(path, value) != value and path not in given_by_set:
            raise UsageError(
                f"--set {assignment} and {OWN_OPTIONS[path]} {settings[path]} name the same field: "
                "leave one out"
            )
        given_by_set.add(path)
        settings[path] = value
    return settings


def _check_beam_args(arguments: Sequence[str], parser: argparse.ArgumentParser) -> None:
    """Refuses options that neither we nor Beam know; Beam itself would only log them."""
    unknown, names = _unknown_beam_args(arguments, parser)
    if unknown:
        if not unknown[0].startswith("-"):
            parser.error(left_over(unknown[0]))
        name = unknown[0].partition("=")[0]
        close = difflib.get_close_matches(name, names, n=3)
        meant = f"did you mean {' or '.join(close)}? " if close else ""
        raise UsageError(
            f"neither Shardmill nor Beam has an option {name}; {meant}"
            f"{parser.prog} --help lists the options"
        )


class _BeamParser(_BeamArgumentParser):
    """Beam's options, with errors told as ours are."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (an option of Beam's)")


def _unknown_beam_args(
    arguments: Sequence[str], parser: argparse.ArgumentParser
) -> tuple[list[str], list[str]]:
    """Returns the arguments that nobody knows, and the names of all options.

    Raises:
      UsageError: if the value of an option of Beam's cannot be read.
    """
    beam = _BeamParser(allow_abbrev=False, add_help=False)
    seen: set[str] = set()
    kinds: list[type[PipelineOptions]] = [PipelineOptions, *_subclasses(PipelineOptions)]
    for kind in kinds:
        if "_add_argparse_args" in vars(kind) and kind.__name__ not in seen:
            seen.add(kind.__name__)
            kind._add_argparse_args(beam)
    given, unknown = beam.parse_known_args(list(arguments))
    if getattr(given, "direct_running_mode", None) == "multi_processing":
        raise UsageError(
            "--direct_running_mode=multi_processing waits for ever for a process that died; give "
            "--workers instead"
        )
    actions = [*parser._actions, *beam._actions]
    return unknown, [name for action in actions for name in action.option_strings]


def _subclasses(kind: type[PipelineOptions]) -> list[type[PipelineOptions]]:
    found: list[type[PipelineOptions]] = []
    for child in kind.__subclasses__():
        found += [child, *_subclasses(child)]
    return found
