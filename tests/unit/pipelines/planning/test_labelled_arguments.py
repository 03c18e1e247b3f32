"""What is refused of labelled records before the work, in one sentence."""

import contextlib
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.build import main as build
from tests.support.sample_builds import tokenizer_file

RECORDS = [{"text": f"text {n}", "other": "b", "label": ("no", "yes")[n % 2]} for n in range(12)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lines = "".join(json.dumps(record) + "\n" for record in RECORDS)
    (tmp_path / "train.jsonl").write_text(lines)
    (tmp_path / "dev.jsonl").write_text('{"text": "new", "label": "maybe"}\n')
    (tmp_path / "one.jsonl").write_text(
        '{"text": "a", "label": "x"}\n{"text": "b", "label": "x"}\n'
    )
    (tmp_path / "comma.jsonl").write_text(
        '{"text": "a", "label": "x,y"}\n{"text": "b", "label": "x"}\n'
    )
    (tmp_path / "half.jsonl").write_text('{"text": "a", "label": 0.5}\n')
    (tmp_path / "listed.jsonl").write_text('{"text": "a", "label": ["x", "y"]}\n')
    (tmp_path / "tags.jsonl").write_text('{"words": ["a", "b"], "tags": ["x", "y"]}\n')
    (tmp_path / "new.jsonl").write_text('{"words": ["a", "b", "c"], "tags": ["v", "w", "v"]}\n')
    (tmp_path / "twice.tsv").write_text("text\ttext\na\tb\n")
    (tmp_path / "json.tsv").write_text(lines)
    (tmp_path / "records.txt").write_text(lines)
    (tmp_path / "text.txt").write_text("Some text.\n\nMore text.\n")
    pq.write_table(pa.table({"text": ["a"], "label": [1.5]}), tmp_path / "one.parquet")
    return tmp_path


def told(folder: Path, *arguments: str) -> str:
    """Returns what a build is refused with."""
    errors = io.StringIO()
    options = ["--tokenizer", str(tokenizer_file("wordpiece")), "--output", str(folder / "out")]
    with contextlib.chdir(folder), contextlib.redirect_stderr(errors):
        assert build([*arguments, *options]) == 2
    lines = errors.getvalue().splitlines()
    assert len(lines) == 1, lines
    assert not (folder / "out").exists()
    return lines[0]


TRAIN = ("--input", "train.jsonl")
OF_CLASSES = ("classify", *TRAIN, "--fields", "text,label")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("classify", *TRAIN), "classify needs --fields, as in --fields text,label or"),
        (("tag", *TRAIN, "--fields", "a,b,c"), "--fields of tag takes words,tags, got 'a,b,c'"),
        (("span", *TRAIN, "--fields", "a,b"), "--fields of span takes question,context,answers"),
        (("rank", *TRAIN, "--fields", "a+,b,c,d,e"), "--fields of rank takes query,candidates"),
        (("classify", *TRAIN, "--fields", "text,text"), "takes different names"),
        (("rank", *TRAIN, "--fields", "text,a+a,label"), "--fields of rank takes query,candidates"),
        (("classify", *TRAIN, "--fields", "txt,label"), "no field 'txt' in its first 12 records; "
         "did you mean text? known: label, other, text"),
        (("classify", *TRAIN, "--fields", "text,lable"), "did you mean label?"),
        (("regress", *TRAIN, "--fields", "text,label"), "wrong label, as in 'no'"),
        (("tag", *TRAIN, "--fields", "text,label"), "other length, as in 'no'"),
        (("classify", "--input", "half.jsonl", "--fields", "text,label"), "wrong label, as in 0.5; "
         "a class is a text or a whole number; `shardmill build regress` is for numbers"),
        (("classify", "--input", "listed.jsonl", "--fields", "text,label"), "wrong label, as in "
         "['x', 'y']; a record has one class, and no list of them; name a field with a single one"),
        (("classify", "--input", "one.jsonl", "--fields", "text,label"),
         "label has one class, 'x', in all records"),
        (("classify", "--input", "comma.jsonl", "--fields", "text,label"),
         "--fields: label of comma.jsonl has the class 'x,y', and no name of a class may have a "
         "comma; write another sign for it in the files"),
        (("tag", "--input", "tags.jsonl", "--eval-input", "new.jsonl", "--fields", "words,tags"),
         "tags is 'v', 'w' in 1 record, and no"),
        ((*OF_CLASSES, "--eval-input", "dev.jsonl"),
         "--eval-input: label is 'maybe' in 1 record, and no record of --input has that; "
         "known: no, yes"),
        ((*OF_CLASSES, "--eval-input", "train.jsonl"), "names every file of --input"),
        ((*OF_CLASSES, "--eval-input", "one.jsonl", "--eval-fraction", "0.1"), "leave one of them"),
        ((*OF_CLASSES, "--labels", "yes"), "--labels takes two classes or more"),
        ((*OF_CLASSES, "--labels", "yes,yes"), "--labels takes different names"),
        ((*OF_CLASSES, "--unlabelled", "--labels", "a,b"), "--labels names classes"),
        ((*OF_CLASSES, "--columns", "text,label"), "and train.jsonl is none"),
        ((*OF_CLASSES, "--text-field", "body"), "--text-field body: classify is built of labelled"),
        ((*OF_CLASSES, "--passes", "2"), "passes must be 1 for classify"),
        ((*OF_CLASSES, "--copies", "2"), "copies must be 1 for classify"),
        ((*OF_CLASSES, "--stages", "basic"), "there is no corrupt.0"),
        ((*OF_CLASSES, "--annotations", "DIR"), "leave out --annotations"),
        ((*OF_CLASSES, "--keep", "head", "--set", "segment.keep=tail"), "name the same field"),
        ((*OF_CLASSES, "--set", "segment=FullSentences"), "makes windows of text"),
        ((*OF_CLASSES, "--set", "pair=TwoTexts"), "it follows from the records and --fields"),
        ((*OF_CLASSES, "--set", "predict.names=a,b"), "it follows from the records and --labels"),
        ((*OF_CLASSES, "--set", "segment=WordRows"), "WordRows does not go with"),
        (("regress", *TRAIN, "--fields", "text,label", "--labels", "a,b"), "names classes"),
        (("classify", "--input", "twice.tsv", "--fields", "text,label"), "columns called 'text'"),
        (("classify", "--input", "json.tsv", "--fields", "text,label"), "give --format jsonl"),
        (("classify", "--input", "records.txt", "--fields", "text,label"), "name its --format: "),
        (("classify", "--input", "one.parquet", "--fields", "text,y"), "has no column 'y'"),
        (("mixture", "--members", "bert,classify", "--input", "text.txt"),
         "classify is built of labelled records, and a mixture of text"),
        (("bert", "--input", "text.txt", "--format", "tsv"), "has no column 'text'"),
        (("bert", "--input", "text.txt", "--columns", "a"), "--columns is for labelled records"),
        (("roberta", "--input", "text.txt", "--set", "pair=TwoTexts"),
         "TwoTexts does not take them"),
        (("bert", "--input", "text.txt", "--keep", "head"), "--keep: there is no setting"),
    ],
)  # fmt: skip
def test_one_sentence_says_what_is_wrong(
    folder: Path, arguments: tuple[str, ...], message: str
) -> None:
    assert message in told(folder, *arguments)


def test_help_says_how_many_records_are_held_out(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        build(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "share of the documents held out (0.005; of few documents as many" in text
    assert "needs; of labelled records 0.1)" in text


def test_a_text_is_no_class(folder: Path) -> None:
    lines = (json.dumps({"text": "a", "label": f"class {n}"}) + "\n" for n in range(10_001))
    (folder / "many.jsonl").write_text("".join(lines))
    message = told(folder, "classify", "--input", "many.jsonl", "--fields", "text,label")
    assert "label has more than 10,000 classes; is it the text?" in message


def test_the_plan_names_the_classes(folder: Path) -> None:
    out = io.StringIO()
    options = ["--tokenizer", str(tokenizer_file("wordpiece")), "--output", str(folder / "out")]
    with contextlib.chdir(folder), contextlib.redirect_stdout(out):
        assert build([*OF_CLASSES, *options, "--dry-run"]) == 0
    assert "\nclasses  2: no, yes\n" in out.getvalue()


def test_a_task_is_not_followed(folder: Path) -> None:
    from pipelines.follow import main as follow

    errors = io.StringIO()
    options = ["--tokenizer", str(tokenizer_file("wordpiece")), "--output", str(folder / "out")]
    arguments = ["classify", "--watch", str(folder / "*.jsonl"), "--fields", "text,label", "--once"]
    with contextlib.redirect_stderr(errors):
        assert follow([*arguments, *options]) == 2
    assert "which do not grow" in errors.getvalue()
