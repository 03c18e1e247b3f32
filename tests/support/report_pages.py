"""Every kind of page that Shardmill writes, of small builds that are made once a test run."""

import contextlib
import functools
import io
import tempfile
from pathlib import Path

from pipelines.build import main as build
from pipelines.comparing.page import render_comparison
from pipelines.comparing.runs import open_runs
from pipelines.report.stream_page import stream_page
from pipelines.report.write_page import build_page
from pipelines.stream.committed import read_committed
from tests.support.labelled_builds import labelled
from tests.support.made_once import made_once
from tests.support.made_streams import made_stream
from tests.support.run_logs import falling
from tests.support.sample_builds import SAMPLE, WITH_EOD, corpus, tokenizer_file
from trainer.curves.panels import panels_of
from trainer.curves.run_log import STEP

RECIPES = ("bert-wwm", "roberta", "ernie1", "t5", "bart", "xlnet", "gpt", "glove")
KINDS = ("classify", "tag")
LOSSES = {"one": 9.0, "two": 8.0}
_MODEL = f"wordpiece{WITH_EOD}"


def _mixture() -> str:
    return build_page(str(made_once("mixture-of-pages", _build_mixture)))


def _build_mixture(folder: Path) -> None:
    text = ["--input", f"{SAMPLE}/*.txt", "--tokenizer", str(tokenizer_file(_MODEL))]
    members = ["--members", "bert,gpt=2", "--eval-fraction", "0.1"]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        assert build(["mixture", *members, *text, "--output", str(folder)]) == 0


def _stream() -> str:
    folder = made_once("stream-of-pages", lambda path: made_stream(path, (0, 1)))
    return stream_page(read_committed(str(folder)), "")


def _comparison() -> str:
    with tempfile.TemporaryDirectory() as folder:
        runs = open_runs([str(falling(Path(folder) / name, loss)) for name, loss in LOSSES.items()])
        return render_comparison(runs, panels_of(runs, STEP), STEP)


@functools.cache
def page(name: str) -> str:
    """Returns a page of `PAGES`."""
    if name in RECIPES:
        return build_page(str(corpus(name)))
    if name in KINDS:
        return build_page(str(labelled(name)))
    return {"mixture": _mixture, "stream": _stream, "comparison": _comparison}[name]()


PAGES = (*RECIPES, *KINDS, "mixture", "stream", "comparison")
