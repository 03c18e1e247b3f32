"""Builds of whole words by the command line: what they take, refuse and say."""

import json
from pathlib import Path

import pytest

from pipelines.build import main as build
from pipelines.follow import main as follow
from tests.support.sample_builds import SAMPLE, corpus, stored_rows, tokenizer_file
from tests.support.word_lists import words_of

Captured = pytest.CaptureFixture[str]
WORDS = ["cbow", "skipgram", "fasttext", "glove"]


def run(tmp_path: Path, recipe: str, *options: str, tokenizer: Path | None = None) -> int:
    words = tokenizer or tokenizer_file("words")
    text = f"{SAMPLE}/*.txt"
    return build(
        [
            *(recipe, "--input", text, "--tokenizer", str(words)),
            *("--output", str(tmp_path / "out"), *options),
        ]
    )


def refused(tmp_path: Path, capsys: Captured, *arguments: str, tokenizer: Path) -> str:
    recipe, *options = arguments
    assert run(tmp_path, recipe, *options, tokenizer=tokenizer) == 2
    assert not (tmp_path / "out").exists()
    [line] = capsys.readouterr().err.strip().split("\n")
    return line


def test_a_tokenizer_is_refused_where_words_are_needed(tmp_path: Path, capsys: Captured) -> None:
    message = refused(tmp_path, capsys, "cbow", tokenizer=tokenizer_file("wordpiece"))
    assert "a JSON file, and cbow needs a list of words with counts" in message
    assert "shardmill vocab --model words" in message


def test_words_are_refused_where_a_tokenizer_is_needed(tmp_path: Path, capsys: Captured) -> None:
    message = refused(tmp_path, capsys, "bert", tokenizer=tokenizer_file("words"))
    assert "a list of words with counts, which cbow, skipgram" in message
    assert "bert needs a tokenizer" in message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("cbow", "--counts", "FILE"), "a list of words has its own counts"),
        (("cbow", "--unk-token", "the"), "special tokens of its own"),
        (("mixture", "--members", "cbow,bert"), "no members of a mixture"),
        (("cbow", "--set", "predict.window=0"), "window must be in [1, 1000], got 0"),
        (("glove", "--set", "predict.window=21"), "window must be in [1, 20]"),
        (("glove", "--passes", "2"), "passes must be 1 for glove"),
        (("fasttext", "--set", "predict.min_n=7"), "min_n and max_n must be"),
        (("cbow", "--set", "predict.buckets=9"), "buckets must be"),
        (("cbow", "--set", "predict=NextTokens"), "is of tokens"),
        (("gpt", "--set", "predict=ContextWords"), "is of whole words"),
        (("glove", "--runner=FnApiRunner", "--no_wait_until_finish"), "waits for its jobs"),
    ],
)
def test_what_does_not_go_with_words_is_refused(
    arguments: tuple[str, ...], message: str, tmp_path: Path, capsys: Captured
) -> None:
    words = tokenizer_file("words")
    given = [str(words) if each == "FILE" else each for each in arguments]
    assert message in refused(tmp_path, capsys, *given, tokenizer=words)


def test_a_damaged_list_is_refused(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "words.txt").write_text("the 5\nno count\n", encoding="utf-8")
    message = refused(tmp_path, capsys, "cbow", tokenizer=tmp_path / "words.txt")
    assert "line 2: the count of 'no'" in message or "line 2 is not" in message


def test_streams_have_no_words(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "in").mkdir()
    arguments = ["cbow", "--watch", f"{tmp_path}/in/*", "--tokenizer"]
    arguments += [str(tokenizer_file("words")), "--output", str(tmp_path / "out"), "--once"]
    assert follow(arguments) == 2
    assert "a list of words is counted once" in capsys.readouterr().err


def test_a_list_of_another_text_is_told_before_the_work(tmp_path: Path, capsys: Captured) -> None:
    other = tmp_path / "words.txt"
    other.write_text(words_of(["quite another text"]).text, encoding="utf-8")
    assert run(tmp_path, "cbow", "--dry-run", tokenizer=other) == 0
    shown = capsys.readouterr()
    assert "of the words at the beginning of the text are not in" in shown.out + shown.err
    assert run(tmp_path, "cbow", "--dry-run") == 0
    shown = capsys.readouterr()
    assert "are not in" not in shown.out + shown.err


@pytest.mark.parametrize("recipe", WORDS)
def test_a_build_holds_words_and_counts(recipe: str) -> None:
    folder = corpus(recipe)
    counts = json.loads((folder / "counts.json").read_text("utf-8"))
    assert next(iter(counts)) == "</s>"
    values = list(counts.values())[1:]
    assert values == sorted(values, reverse=True)
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    assert manifest["segmenter"]["name"] == "rjieba"
    rows = [
        row["input_ids"]
        for path in sorted(folder.glob("train/*.arrow"))
        for row in stored_rows(path)
    ]
    special = {0: recipe == "fasttext", 1: False, 2: False}
    found = {each for row in rows for each in row}
    assert {each: each in found for each in special} == special


def test_nothing_is_held_out_by_default(tmp_path: Path) -> None:
    assert run(tmp_path, "cbow", "--shards", "1") == 0
    assert not (tmp_path / "out" / "eval").exists()


def test_a_list_among_the_text_is_refused(tmp_path: Path, capsys: Captured) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.txt").write_text("a text of words\n", encoding="utf-8")
    (folder / "words.txt").write_text("a 2\n", encoding="utf-8")
    given = ["cbow", "--input", f"{folder}/*.txt", "--output", str(tmp_path / "out")]
    assert build([*given, "--tokenizer", str(folder / ".." / "in" / "words.txt")]) == 2
    assert "would be read as text; name inputs that leave it out" in capsys.readouterr().err
