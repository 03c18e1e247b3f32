"""`shardmill verify`: re-reads a finished build and says what is wrong with it."""

import argparse
import sys
from collections.abc import Sequence

from pipelines.folder.locks import refuse_while_written
from pipelines.report.verdict import STREAM_CHECKS, show
from pipelines.stream.log import is_stream
from pipelines.verify_build import verify_all
from pipelines.verify_stream import verify_stream
from schemas.errors import UsageError
from schemas.exported import EXPORT
from schemas.manifest import MANIFEST
from schemas.numbers import whole
from schemas.parser import Parser
from schemas.program import one_sentence
from schemas.terminal import write_json
from transforms.files.storage import exists, join
from transforms.files.work_folder import read_bytes


def _parser() -> Parser:
    parser = Parser("verify", description=__doc__, shows_progress=True)
    parser.add_argument(
        "folder", metavar="DIR", help="output folder of shardmill build, annotate, export or follow"
    )
    parser.add_argument(
        "--from-window",
        type=whole(),
        metavar="W",
        help="of a stream: read the rows of window W and later ones alone (0)",
    )
    parser.add_argument("--no-replay", action="store_true", help="do not sample the masks again")
    parser.add_argument("--oracles", action="store_true", help="list every oracle with its figures")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser


@one_sentence
def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; returns 0 if verification passed, else 1."""
    options = _parser().parse_args(argv)
    if is_stream(options.folder):
        return _verify_stream(options)
    if options.from_window is not None:
        raise UsageError(f"--from-window is for streams, and {options.folder} holds none")
    before = _sealed(options.folder)
    whole, members = verify_all(options.folder, replay=not options.no_replay)
    every = [whole, *members.values()]
    if any(verdict.problems for verdict in every):
        # What was found is no damage if the folder was written to meanwhile.
        refuse_while_written(options.folder)
        if _sealed(options.folder) != before:
            raise UsageError(
                f"{options.folder} was written to while it was verified; run this command again"
            )
    ok = not any(verdict.problems for verdict in every)
    if options.json:
        result = whole.to_json()
        if members:
            named = {name: verdict.to_json() for name, verdict in members.items()}
            result = {
                **{name: result[name] for name in ("problems", "notes")},
                "ok": ok,
                "members": named,
            }
        write_json(result, indent=2)
    else:
        for name, verdict in members.items():
            show(verdict, join(options.folder, name), oracles=options.oracles)
        show(whole, options.folder, oracles=options.oracles, table=not members)
    return 0 if ok else 1


def _verify_stream(options: argparse.Namespace) -> int:
    """Verifies a stream; returns the exit status."""
    replay, first = not options.no_replay, options.from_window
    verdict = verify_stream(options.folder, replay=replay, first=first)
    if options.json:
        write_json(verdict.to_json(), indent=2)
    else:
        show(verdict, options.folder, oracles=options.oracles, checks=STREAM_CHECKS)
    return int(bool(verdict.problems))


def _sealed(folder: str) -> list[bytes]:
    """Returns the content of what says that a folder is finished."""
    paths = [join(folder, name) for name in (MANIFEST, EXPORT)]
    return [read_bytes(path) for path in paths if exists(path)]


if __name__ == "__main__":
    sys.exit(main())
