"""What exports cannot be made of, each told in one sentence before anything is written."""

import contextlib
import io
from pathlib import Path

import pytest

from pipelines.build import main as build
from pipelines.exporting.command import main
from tests.support.made_once import made_once
from tests.support.sample_builds import SAMPLE, corpus, tokenizer_file

Captured = pytest.CaptureFixture[str]


def mixture() -> Path:
    """Returns a mixture of two recipes, of little text."""

    def make(folder: Path) -> None:
        options = ["--members", "roberta,albert", "--shards", "1", "--copies", "1"]
        given = ["--input", f"{SAMPLE}/en.txt", "--tokenizer", str(tokenizer_file("wordpiece"))]
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            assert build(["mixture", *given, *options, "--output", str(folder)]) == 0

    return made_once("mixture-for-exports", make)


def test_each_member_of_a_mixture_is_an_export(tmp_path: Path, capsys: Captured) -> None:
    arguments = [str(mixture()), "--to", "litdata", "--output", str(tmp_path / "out")]
    assert main([*arguments, "--push-to-hub", "me/rows"]) == 2
    assert "--push-to-hub uploads one export, and" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert main([*arguments, "--split", "train"]) == 0
    for member in ("roberta", "albert"):
        assert (tmp_path / "out" / member / "train" / "index.json").exists()
        assert (tmp_path / "out" / member / "README.md").exists()


def test_remote_exports_are_not_uploaded(capsys: Captured) -> None:
    arguments = [str(corpus("bert")), "--to", "parquet", "--output", "s3://bucket/out"]
    assert main([*arguments, "--push-to-hub", "me/rows"]) == 2
    assert "uploads local files, and --output is s3://bucket/out" in capsys.readouterr().err
