"""The options that are saved with an output repeat it."""

import hashlib
from pathlib import Path

import pytest

from pipelines.cli import main
from schemas.checked_json import parse_json
from tests.support.follow_runs import documents, marked_tokenizer
from tests.support.sample_builds import SAMPLE, corpus, tokenizer_file
from tests.support.training_runs import tiny_config

Capture = pytest.CaptureFixture[str]


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.arrow"))
    }


def said(errors: str) -> list[str]:
    """Returns lines without the notice of whoever is the first to compile a loop."""
    return [line for line in errors.splitlines() if not line.startswith("compiling inner loops")]


@pytest.mark.usefixtures("forked_workers")
def test_a_build_is_repeated(tmp_path: Path, capsys: Capture) -> None:
    first, second = corpus("bert-wwm"), tmp_path / "again"
    saved = first / "build.toml"
    repeat = ["build", "--config", str(saved), "--output"]
    assert main([*repeat, str(second), "--workers", "2", "--quiet"]) == 0
    shown = capsys.readouterr()
    assert not said(shown.err)
    assert f"{second}: done in " in shown.out
    assert digests(second) == digests(first) != {}
    # It says what is built, not where and how.
    assert (second / "build.toml").read_bytes() == saved.read_bytes()
    assert str(second) not in saved.read_text("utf-8")
    manifest = parse_json((second / "manifest.json").read_bytes(), "manifest.json")
    content = saved.read_bytes()
    assert manifest["files"]["build.toml"] == {
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    assert main(["verify", str(second), "--quiet"]) == 0
    capsys.readouterr()
    assert main([*repeat, str(second)]) == 0
    assert f"{second} already holds this build" in capsys.readouterr().out


def test_the_command_line_wins_over_what_is_saved(tmp_path: Path, capsys: Capture) -> None:
    saved = corpus("bert-wwm") / "build.toml"
    given = ["build", "roberta", "--config", str(saved), "--output", str(tmp_path / "out")]
    tokenizer = str(tokenizer_file("bpe"))
    assert main([*given, "--tokenizer", tokenizer, "--copies", "1", "--dry-run"]) == 0
    assert "recipe   roberta: " in (shown := capsys.readouterr().out)
    assert "1 copy, 1 pass" in shown


def test_annotations_and_mixtures_are_repeated(tmp_path: Path) -> None:
    text = ["--input", str(SAMPLE / "*.txt")]
    names = tmp_path / "names.tsv"
    names.write_text("书\tbook\n", "utf-8")
    first, second = str(tmp_path / "one"), str(tmp_path / "two")
    assert main(["annotate", *text, "--entities", str(names), "--output", first]) == 0
    assert main(["annotate", "--config", f"{first}/annotate.toml", "--output", second]) == 0
    assert digests(Path(second)) == digests(Path(first)) != {}
    mixture = ["build", "mixture", "--members", "bert=2,albert", "--max-seq-length", "64"]
    given = [*mixture, "--copies", "1", *text, "--tokenizer", str(tokenizer_file("wordpiece"))]
    third, fourth = str(tmp_path / "three"), str(tmp_path / "four")
    assert main([*given, "--output", third]) == 0
    assert main(["build", "--config", f"{third}/build.toml", "--output", fourth]) == 0
    assert digests(Path(fourth)) == digests(Path(third)) != {}
    assert not (Path(third) / "bert" / "build.toml").exists()
    assert main(["verify", fourth]) == 0
    # Ours, so it is replaced; and listed, so an edit of it is somebody's work.
    assert main([*given, "--seed", "1", "--output", fourth, "--overwrite"]) == 0
    assert "seed = 1\n" in (Path(fourth) / "build.toml").read_text("utf-8")


def test_a_training_run_is_repeated(tmp_path: Path, capsys: Capture) -> None:
    model = tiny_config(tmp_path)
    data = str(corpus("bert-wwm"))
    first, second = tmp_path / "first", tmp_path / "second"
    given = ["--data", data, "--model", str(model), "--device", "cpu", "--steps", "3"]
    assert main(["train", *given, "--no-checksums", "--output", str(first)]) == 0
    saved = (first / "train.toml").read_text("utf-8")
    # What was not given is there as it was used.
    assert "batch-tokens = 8192\n" in saved
    assert "no-checksums = true\n" in saved
    assert "output" not in saved.split("\n", 1)[1]
    capsys.readouterr()
    repeat = ["train", "--config", str(first / "train.toml"), "--output", str(second)]
    assert main([*repeat, "--quiet"]) == 0
    shown = capsys.readouterr()
    assert not said(shown.err)
    assert f"{second}/latest/hf: the model after 3 steps" in shown.out
    weights = "latest/hf/model.safetensors"
    assert (first / weights).read_bytes() == (second / weights).read_bytes()
    assert (first / "train.toml").read_bytes() == (second / "train.toml").read_bytes()
    # A run that goes on says what it goes on with.
    assert main(["train", *given[:-1], "4", "--output", str(first)]) == 0
    assert "steps = 4\n" in (first / "train.toml").read_text("utf-8")


def everything(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_an_export_is_repeated(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    given = ["--to", "parquet", "--copies", "first", "--split", "eval"]
    assert main(["export", str(corpus("bert-wwm")), *given, "--output", str(first)]) == 0
    saved = (first / "export.toml").read_text("utf-8")
    assert 'copies = "first"\n' in saved
    assert "output" not in saved.split("\n", 1)[1]
    listed = parse_json((first / "export.json").read_bytes(), "export.json")["files"]
    assert "export.toml" in {each["path"] for each in listed}
    assert main(["verify", str(first)]) == 0
    assert main(["export", "--config", str(first / "export.toml"), "--output", str(second)]) == 0
    assert everything(first) == everything(second)


def test_streams_and_exports_of_their_windows_are_repeated(tmp_path: Path) -> None:
    for number in range(2):
        (tmp_path / f"{number}.txt").write_bytes(documents(range(9 * number, 9 * number + 9)))
    first, second = tmp_path / "first", tmp_path / "second"
    given = ["--watch", f"{tmp_path}/*.txt", "--tokenizer", str(marked_tokenizer()), "--shards"]
    given += ["1", "--eval-fraction", "0", "--copies", "1", "--once", "--settle", "0"]
    assert main(["follow", "roberta", *given, "--output", str(first)]) == 0
    saved = first / "follow.toml"
    assert "once = true\n" in saved.read_text("utf-8")
    assert main(["follow", "--config", str(saved), "--output", str(second)]) == 0
    assert digests(first) == digests(second) != {}
    assert saved.read_bytes() == (second / "follow.toml").read_bytes()
    assert main(["verify", str(first)]) == 0
    # The driver that was started last.
    assert main(["follow", "--config", str(saved), "--every", "7", "--output", str(first)]) == 0
    assert "every = 7" in saved.read_text("utf-8")
    exported, again = tmp_path / "exported", tmp_path / "again"
    assert main(["export", str(first), "--to", "parquet", "--output", str(exported)]) == 0
    [window] = (exported / "windows").iterdir()
    repeat = ["export", "--config", str(window / "export.toml"), "--output", str(again)]
    assert main(repeat) == 0
    assert everything(window) == everything(again)
