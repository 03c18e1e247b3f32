"""The command line of `shardmill follow`."""

import dataclasses
from collections.abc import Sequence

from pipelines.planning.build_arguments import (
    EPILOG,
    add_eval_option,
    add_recipe_options,
    recipe_values,
)
from pipelines.planning.filter_arguments import add_stream_filter_options, filter_options
from pipelines.planning.options import BuildOptions
from pipelines.planning.refused_options import refuse_option
from pipelines.planning.run_arguments import (
    MAX_SHARDS,
    add_output_option,
    add_run_options,
    add_text_options,
    parse_run_options,
)
from schemas.errors import UsageError
from schemas.numbers import seconds, whole
from schemas.parser import Parser

DEFAULT_SHARDS = 4
_MAX_MIN_MIB = 1 << 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class FollowOptions(BuildOptions):
    """What the user asked for; `input` are the patterns that are watched.

    Attributes:
      every: Seconds between two looks at the watched files.
      min_mib: A window is made when there is so much new text, in MiB as it is stored.
      max_wait: Or when new text has waited for so many seconds; None for no limit.
      settle: A file that was written to in the last so many seconds is left for the next look.
      once: Build what is there now, and end.
      give_up_changed: Leave out planned files that changed before their window was built.
    """

    every: float
    min_mib: int
    max_wait: float | None
    settle: float
    once: bool
    give_up_changed: bool


def _parser() -> Parser:
    parser = Parser(
        "follow",
        shows_progress=True,
        description="Follow a folder or a bucket: every window of new files becomes a build, which "
        "`shardmill train --follow` trains on.",
        epilog=EPILOG,
    )
    source = add_text_options(parser, "--watch", "files to watch, a pattern in quotes")
    refuse_option(
        parser,
        "--source",
        "a stream reads each document once; name files with --watch, or use shardmill build",
    )
    add_recipe_options(parser, source)
    add_stream_filter_options(parser)
    windows = parser.add_argument_group("windows")
    windows.add_argument(
        "--every",
        type=seconds,
        default=10.0,
        metavar="T",
        help="time between two looks, as in 30s (10s)",
    )
    windows.add_argument(
        "--min-mib",
        type=whole(0, _MAX_MIN_MIB),
        default=0,
        metavar="N",
        help="make a window when there are N MiB of new files (0: of any new file)",
    )
    windows.add_argument(
        "--max-wait",
        type=seconds,
        metavar="T",
        help="or when new files have waited so long, as in 1h (no limit)",
    )
    windows.add_argument(
        "--settle",
        type=seconds,
        default=1.0,
        metavar="T",
        help="skip files that changed within the last T (1s); 0 if files are put there by renaming",
    )
    windows.add_argument(
        "--once", action="store_true", help="build what is there now, and end: for a scheduler"
    )
    windows.add_argument(
        "--give-up-changed",
        action="store_true",
        help="leave out files that changed between the plan of their window and its build; what is "
        "new in them joins the next window",
    )
    out = add_output_option(parser)
    out.add_argument(
        "--shards",
        type=whole(1, MAX_SHARDS),
        default=DEFAULT_SHARDS,
        metavar="N",
        help=f"training shards of every window ({DEFAULT_SHARDS})",
    )
    add_eval_option(out, "0.005")
    add_run_options(parser)
    return parser


def parse_follow_options(argv: Sequence[str] | None) -> FollowOptions:
    """Parses the command line of `shardmill follow`.

    Raises:
      UsageError: if an option is unknown, its value cannot be read, or it is not for streams.
    """
    given, run = parse_run_options(_parser(), argv)
    options = FollowOptions(
        **{**run, "overwrite": False},
        **recipe_values(given),
        filters=filter_options(given),
        every=given.every,
        min_mib=given.min_mib,
        max_wait=given.max_wait,
        settle=given.settle,
        once=given.once,
        give_up_changed=given.give_up_changed,
    )
    if not options.every:
        raise UsageError("--every must be above 0, such as 10s or 0.5, got 0")
    if not options.dedup:
        raise UsageError(
            "--dedup off: a stream drops the documents that it has already, so that a file that "
            "grew is read again; leave it out"
        )
    if options.annotations is not None:
        raise UsageError(
            f"--annotations {options.annotations} are of a text that is finished, and a stream's "
            "grows; give --spacy-model, --gazetteer or --entities"
        )
    return options
