"""`shardmill report`: writes the page of a stream or a run, or that of a build again."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from pipelines.report.stream_page import stream_page
from pipelines.report.write_page import build_page, refuse_foreign_page, write_page
from pipelines.stream.committed import read_committed
from pipelines.stream.log import is_stream
from schemas.errors import UsageError
from schemas.manifest_checks import REPORT
from schemas.parser import Parser
from schemas.program import one_sentence
from schemas.terminal import say
from trainer.curves.records import LOG
from trainer.run_report import left_out, run_page
from transforms.files.storage import is_local, join


def _parser() -> Parser:
    parser = Parser(
        "report",
        description="Write a page, one HTML file without scripts: of a stream a line for each "
        "window and the totals, with links to the windows' own pages; of a run of shardmill train "
        "its curves, figures and predictions; of a build or a mixture the page that lies in its "
        "folder.",
    )
    parser.add_argument(
        "folder", metavar="DIR", help="output folder of shardmill build, follow or train"
    )
    parser.add_argument(
        "--output",
        metavar="FILE",
        help=f"the page (of a stream or a run DIR/{REPORT}; of a build needed)",
    )
    return parser


@one_sentence
def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; returns its exit status."""
    options = _parser().parse_args(argv)
    folder: str = options.folder
    of_stream = is_stream(folder)
    if of_stream or (is_local(folder) and os.path.isfile(os.path.join(folder, LOG))):
        path = options.output or join(folder, REPORT)
        refuse_foreign_page(path, "--output")
        if of_stream:
            page = stream_page(read_committed(folder), _links(folder, path))
        else:
            page = run_page(Path(folder))
            for line in left_out(Path(folder)):
                say(line)
        write_page(path, page, "--output")
        return 0
    page = build_page(folder)
    if options.output is None:
        raise UsageError(
            f"{folder} has its page already, {join(folder, REPORT)}; to write it again name a "
            "file with --output"
        )
    write_page(options.output, page, "--output")
    return 0


def _links(folder: str, path: str) -> str:
    """Returns the folder of a stream as a link in a page says it: relative to the page."""
    if is_local(folder) and is_local(path):
        above = os.path.dirname(os.path.abspath(path))
        relative = os.path.relpath(os.path.abspath(folder), above)
        return "" if relative == "." else f"{relative.replace(os.sep, '/')}/"
    same = path.rpartition("/")[0] == folder.rstrip("/")
    return "" if same else f"{folder.rstrip('/')}/"


if __name__ == "__main__":
    sys.exit(main())
