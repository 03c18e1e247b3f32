"""`shardmill compare`: the curves of training runs side by side."""

import os
import sys
from collections.abc import Sequence

from pipelines.comparing.page import render_comparison
from pipelines.comparing.picture import SOFTWARE, check_matplotlib, render_picture
from pipelines.comparing.runs import open_runs
from pipelines.comparing.table import comparison_json, show_comparison
from pipelines.report.write_page import refuse_foreign_page, write_page
from schemas.errors import UsageError
from schemas.parser import Parser
from schemas.program import one_sentence
from schemas.terminal import console, write_json
from trainer.curves.panels import panels_of
from trainer.curves.run_log import AXES, STEP
from transforms.files.atomic_files import write_atomically
from transforms.files.paths import status
from transforms.files.work_folder import read_bytes


def _parser() -> Parser:
    parser = Parser(
        "compare",
        description="Draw the curves of runs of shardmill train side by side: losses, accuracies, "
        "perplexities, probes, speed. A run may still be going on. The terminal has the last value "
        "of each figure, and the options in which the runs differ.",
        epilog="Example: shardmill compare RUN1 RUN2 --html compare.html --x tokens",
    )
    parser.add_argument("runs", metavar="RUN", nargs="+", help="output folder of shardmill train")
    parser.add_argument("--html", metavar="FILE", help="write a page with all curves")
    parser.add_argument(
        "--png", metavar="FILE", help="write a picture with the same curves (needs matplotlib)"
    )
    parser.add_argument(
        "--x",
        choices=[*AXES],
        default=STEP,
        help="what curves are drawn over: steps, trained tokens, or seconds of training without "
        f"evaluations and checkpoints ({STEP})",
    )
    parser.add_argument(
        "--json", action="store_true", help="print last and best values as JSON, for programs"
    )
    return parser


@one_sentence
def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; returns its exit status."""
    options = _parser().parse_args(argv)
    axis: str = options.x
    # What cannot be written is refused before anything is.
    _refuse_files(options.html, options.png)
    runs = open_runs(options.runs)
    panels = panels_of(runs, axis)
    said = sys.stderr if options.json else sys.stdout
    if options.png is not None:
        _write_picture(options.png, render_picture(runs, panels, axis))
        said.write(f"{options.png}: written\n")
    if options.html is not None:
        write_page(options.html, render_comparison(runs, panels, axis), "--html", said)
    # After the files, which are written although nobody may read to the end of this.
    if options.json:
        write_json(comparison_json(runs, panels, axis), indent=2)
    else:
        show_comparison(runs, panels, console())
    return 0


def _refuse_files(html: str | None, png: str | None) -> None:
    """Refuses files that are there and are not ours, and a picture without matplotlib."""
    if html is not None and png is not None and os.path.abspath(html) == os.path.abspath(png):
        raise UsageError(f"--html and --png both name {html}; name two files")
    if html is not None:
        refuse_foreign_page(html, "--html")
    if png is None:
        return
    check_matplotlib()
    try:
        foreign = status(png) is not None and SOFTWARE.encode() not in read_bytes(png)
    except Exception as error:
        raise UsageError(f"--png {png}: cannot be written: {error}") from error
    if foreign:
        raise UsageError(f"--png {png}: exists and is not such a picture; name another file")


def _write_picture(path: str, picture: bytes) -> None:
    try:
        write_atomically(path, picture)
    except Exception as error:
        raise UsageError(f"--png {path}: cannot be written: {error}") from error


if __name__ == "__main__":
    sys.exit(main())
