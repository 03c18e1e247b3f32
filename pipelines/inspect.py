"""`shardmill inspect`: shows rows of a finished build, and what is predicted in them."""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from pipelines.folder.corpus import open_corpus
from pipelines.report.mixture_folder import member_folders
from pipelines.report.permuted import visible
from pipelines.report.row import Row, target_position
from pipelines.report.rows import evenly_spaced, read_rows
from pipelines.report.terminal import show
from pipelines.report.top_pairs import show_pairs
from pipelines.report.write_page import build_page, write_page
from pipelines.stream.committed import last_with_rows, read_committed
from pipelines.stream.log import is_stream
from schemas.errors import UsageError, about
from schemas.manifest_parts import ShardEntry
from schemas.numbers import whole
from schemas.parser import Parser
from schemas.program import one_sentence
from schemas.terminal import console, write_json
from transforms.build.corpus import Corpus


def _parser() -> Parser:
    parser = Parser(
        "inspect",
        description="Show rows of a build: masks in colour, whole words, segments; of gpt and "
        "transformer-xl the documents and what is not predicted; of xlnet the targets and their "
        "order; of recipes with a source and a target, such as t5, the source over the target.",
        epilog="Examples: shardmill inspect OUT --rows 10; shardmill inspect OUT --row 42 --copy 3;"
        " shardmill inspect OUT --json; shardmill inspect OUT --row 7 --target 0",
    )
    parser.add_argument("folder", metavar="DIR", help="output folder of shardmill build or follow")
    parser.add_argument(
        "--window", type=whole(), metavar="W", help="of a stream (the last window with rows)"
    )
    parser.add_argument("--split", default="train", help="train or eval (train)")
    parser.add_argument(
        "--shard", type=whole(), metavar="N", help="number of the shard (the first with rows)"
    )
    parser.add_argument(
        "-n",
        "--rows",
        type=whole(1),
        metavar="N",
        help="how many (4, or 1 with --row), evenly spaced over the shard",
    )
    parser.add_argument(
        "--row", type=whole(), metavar="K", help="from row K of the shard on instead"
    )
    parser.add_argument("--copy", type=whole(), metavar="C", help="which copy (0; with --json all)")
    parser.add_argument(
        "--target",
        type=whole(),
        metavar="K",
        help="of xlnet: show which tokens target K of each row may see (0 is its first target)",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="a JSON object a row, for programs")
    form.add_argument("--html", metavar="FILE", help="write the report page of the build instead")
    return parser


@one_sentence
def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; returns its exit status."""
    options = _parser().parse_args(argv)
    build, window = _build_folder(options.folder, options.window, options.split)
    if options.html:
        write_page(options.html, build_page(build), "--html")
        return 0
    folders = member_folders(build)
    if window is not None and not options.json:
        console().print(f"[bold]window {window}[/bold]\n")
    for member, folder in folders.items():
        if member and not options.json:
            console().print(f"[bold]{member}[/bold]\n")
        _inspect(open_corpus(folder), options)
    return 0


def _build_folder(folder: str, window: int | None, split: str) -> tuple[str, int | None]:
    """Returns the folder itself; of a stream that of a window, and the window's number."""
    if is_stream(folder):
        stream = read_committed(folder)
        number = last_with_rows(stream, split) if window is None else window
        return stream.window_folder(stream.require("--window", number)), number
    if window is not None:
        raise UsageError(f"--window is for streams, and {folder} holds none")
    return folder, None


def _inspect(corpus: Corpus, options: argparse.Namespace) -> None:
    """Shows rows of one recipe."""
    shard = _shard(corpus, options.split, options.shard)
    numbers = _numbers(shard, options.row, options.rows)
    target: int | None = options.target
    copy = _copy(corpus, options.copy, every=options.json and target is None)
    rows = read_rows(corpus, shard, numbers, copy)
    if options.json:
        named = {"objective": corpus.recipe.name} if corpus.recipe.objective_column else {}
        for row in rows:
            write_json({**named, **row.to_json(), **_view(row, target)})
    else:
        show(rows, console(), target)
        show_pairs(corpus, console())


def _view(row: Row, target: int | None) -> dict[str, Any]:
    """Returns the position of a target and the positions that it may see, as JSON has them."""
    if target is None:
        return {}
    position = target_position(row, target)
    seen = visible(row.to_json(), position)
    return {"target": position, "visible": [at for at, there in enumerate(seen) if there]}


def _shard(corpus: Corpus, split: str, number: int | None) -> ShardEntry:
    """Returns the shard to show."""
    with about("--split"):
        shards = corpus.shards(split)
    filled = [index for index, shard in enumerate(shards) if shard.rows]
    if not filled:
        raise UsageError(f"the split {split} of {corpus.folder} has no rows")
    if number is None:
        return shards[filled[0]]
    if not 0 <= number < len(shards):
        raise UsageError(f"--shard {number}: the split {split} has shards 0 to {len(shards) - 1}")
    if not shards[number].rows:
        raise UsageError(f"--shard {number} has no rows; shard {filled[0]} has")
    return shards[number]


def _numbers(shard: ShardEntry, first: int | None, count: int | None) -> list[int]:
    """Returns the numbers of the rows to show."""
    if count is not None and count < 1:
        raise UsageError(f"--rows must be at least 1, got {count}")
    if first is None:
        return evenly_spaced(shard.rows, count or 4)
    if not 0 <= first < shard.rows:
        raise UsageError(f"--row {first}: {shard.path} has rows 0 to {shard.rows - 1}")
    return list(range(first, min(first + (count or 1), shard.rows)))


def _copy(corpus: Corpus, copy: int | None, *, every: bool) -> int | None:
    """Returns the copy to show, None for all."""
    if copy is None:
        return None if every else 0
    if not 0 <= copy < corpus.recipe.copies:
        raise UsageError(f"--copy {copy}: there are copies 0 to {corpus.recipe.copies - 1}")
    return copy


if __name__ == "__main__":
    sys.exit(main())
