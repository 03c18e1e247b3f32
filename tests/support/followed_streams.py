"""Streams that `shardmill follow` made of the bundled sample: only read those that are shared."""

import contextlib
import functools
import io
from pathlib import Path

from pipelines.follow import main as follow
from schemas.sealed import open_sealed
from schemas.stream import StreamIndex
from tests.support.made_once import made_once
from tests.support.made_streams import HELD_OUT, documents_of
from tests.support.sample_builds import tokenizer_file

PARTS = (0, 0, 1)
"""Of the sample, of which `followed_stream` has a window each: the second brings nothing new."""


@functools.cache
def followed_stream(recipe: str = "bert-wwm", *options: str) -> Path:
    """Returns a stream of short rows: three windows, the second without rows."""
    name = "-".join(["followed", recipe, *options]).replace("/", "_")
    return made_once(name, lambda folder: _make(folder, recipe, options))


def _make(folder: Path, recipe: str, options: tuple[str, ...]) -> None:
    for number, part in enumerate(PARTS):
        add(folder, folder.with_name(f"{folder.name}-{number}.txt"), part, recipe, *options)


def add(stream: Path, text: Path, part: int, recipe: str = "bert-wwm", *options: str) -> None:
    """Adds a window to a stream.

    Args:
      stream: Its folder; made if it is not there.
      text: File of the window, which is written.
      part: Of the sample: what the file holds.
      recipe: Of the stream.
      options: Others than all these streams have.
    """
    documents = b"\n\n".join(documents_of(part)).decode()
    add_text(stream, text, documents, recipe, *options)


def add_text(
    stream: Path, text: Path, content: str, recipe: str = "bert-wwm", *options: str
) -> None:
    """Adds a window of some text to a stream; see `add`."""
    text.write_text(content, "utf-8")
    given = [recipe, "--watch", str(text), "--tokenizer", str(tokenizer_file("wordpiece"))]
    given += ["--shards", "2", "--eval-fraction", str(HELD_OUT), "--max-seq-length", "64"]
    given += ["--copies", "2", "--settle", "0", "--once", *options, "--output", str(stream)]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        assert follow(given) == 0


def index_of(stream: Path) -> StreamIndex:
    """Returns the index of a stream."""
    path = stream / "index.json"
    return open_sealed(path.read_bytes(), StreamIndex, path)
