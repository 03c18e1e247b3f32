"""`shardmill predict`, on a model whose weights were drawn."""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from pipelines.cli import main
from tests.support.classifiers import classifier, records, save_classifier, saved_classifier
from tests.support.labelled_builds import labelled, records_of, write_jsonl

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def predict(output: Path, *options: object) -> list[dict[str, Any]]:
    arguments = ["predict", "--device", "cpu", "--output", str(output), *map(str, options)]
    assert main(arguments) == 0
    return records(output)


def refused(capsys: pytest.CaptureFixture[str], *options: object) -> str:
    """Returns the sentence that a command line is refused with."""
    assert main(["predict", *map(str, options)]) in (1, 2)
    [line] = capsys.readouterr().err.splitlines()
    return line


@pytest.fixture(scope="module")
def model() -> Path:
    return saved_classifier()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made: list[dict[str, Any]] = [
        {**record, "id": number} for number, record in enumerate(records_of("classify", 60))
    ]
    return write_jsonl(tmp_path_factory.mktemp("records") / "records.jsonl", made)


@pytest.mark.parametrize("model_type", ["bert", "roberta", "albert", "electra"])
def test_classes_are_those_of_the_pipeline_of_transformers(
    file: Path, tmp_path: Path, model_type: str
) -> None:
    folder = saved_classifier(model_type=model_type)
    found = predict(tmp_path / "out.jsonl", "--model", folder, "--input", file, "--fields", "text")
    pipeline: Any = transformers.pipeline("text-classification", str(folder), device="cpu")
    said = pipeline([record["text"] for record in found])
    assert [each["prediction"]["label"] for each in found] == [each["label"] for each in said]
    shares = [each["prediction"]["probability"] for each in found]
    assert shares == pytest.approx([each["score"] for each in said], abs=1e-4)
    assert {*found[0]["prediction"]} == {"label", "probability"}
    assert len({each["label"] for each in said}) == 2


def test_two_texts_are_predicted_as_the_pipeline_does(tmp_path: Path) -> None:
    folder = saved_classifier("pair")
    file = write_jsonl(tmp_path / "in.jsonl", records_of("pair", 30))
    options = ["--model", folder, "--input", file, "--fields", "text_a,text_b"]
    found = predict(tmp_path / "out.jsonl", *options)
    pipeline: Any = transformers.pipeline("text-classification", str(folder), device="cpu")
    pairs = [{"text": each["text_a"], "text_pair": each["text_b"]} for each in found]
    said = [pipeline(each)["label"] for each in pairs]
    assert [each["prediction"]["label"] for each in found] == said


def test_records_are_kept_whole_and_in_their_order(file: Path, model: Path, tmp_path: Path) -> None:
    """Whatever the size of batches, in which rows of one length are together."""
    given, before = records(file), list[int]()
    for tokens in (16, 100, 8192):
        options = ["--model", model, "--input", file, "--fields", "text", "--speed", "0.5"]
        found = predict(tmp_path / f"{tokens}.jsonl", *options, "--batch-tokens", tokens)
        said = [each.pop("prediction") for each in found]
        assert found == given
        layers = [each["exit_layer"] for each in said]
        assert len(set(layers)) > 1
        assert layers == (before or layers)
        before = layers


def test_exits_are_earlier_the_faster_it_is(
    file: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    layers = {}
    for speed in ("0", "0.3", "0.5", "0.7", "1"):
        options = ["--model", model, "--input", file, "--fields", "text", "--speed", speed]
        found = predict(tmp_path / f"{speed}.jsonl", *options)
        layers[speed] = np.array([each["prediction"]["exit_layer"] for each in found])
        said = capsys.readouterr().out
        counts = Counter(layers[speed].tolist())
        for layer in range(1, 5):
            assert f"layer {layer:3}  {counts[layer]:10,} rows" in said
        assert f"{layers[speed].mean():.2f} of 4 layers on average" in said
        share, _, what = said.split(" on average, ")[1].partition("%")
        assert float(share) >= 0
        assert what == (" of the FLOPs saved\n" if layers[speed].mean() < 3.5 else " more FLOPs\n")
    assert set(layers["0"]) == {4}
    assert set(layers["1"]) == {1}
    for slower, faster in zip(layers, list(layers)[1:], strict=False):
        assert (layers[faster] <= layers[slower]).all()


def test_scores_that_are_no_numbers_are_refused(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hf = classifier()
    torch.nn.init.constant_(hf.classifier.weight, torch.nan)
    folder = save_classifier(tmp_path / "diverged", labelled("classify"), hf)
    options = ["--input", file, "--fields", "text", "--output", tmp_path / "out", "--device", "cpu"]
    told = refused(capsys, "--model", folder, *options)
    assert f"--model {folder} gives scores that are no finite numbers" in told
    assert not (tmp_path / "out").exists()


def test_rows_of_a_build_are_predicted_with_their_accuracy(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The records of the file that was held out, as they are predicted from the file itself."""
    data = labelled("classify")
    found = predict(tmp_path / "rows.jsonl", "--model", model, "--data", data)
    said = capsys.readouterr().out
    assert [each["row"] for each in found] == list(range(32))
    right = [each["label"] == each["prediction"]["label"] for each in found]
    assert f"accuracy {sum(right) / 32:.4f}" in said
    options = ["--input", data.parent / "eval.jsonl", "--fields", "text"]
    other = predict(tmp_path / "file.jsonl", "--model", model, *options)

    def counted(of: list[dict[str, Any]]) -> Counter[tuple[str, str, float]]:
        return Counter(
            (
                each["label"],
                each["prediction"]["label"],
                round(each["prediction"]["probability"], 4),
            )
            for each in of
        )

    assert counted(found) == counted(other)


def test_the_training_split_is_predicted_if_it_is_asked_for(model: Path, tmp_path: Path) -> None:
    data = labelled("classify")
    found = predict(tmp_path / "o.jsonl", "--model", model, "--data", data, "--split", "train")
    assert len(found) == 96
    assert {each["split"] for each in found} == {"train"}


def test_numbers_are_predicted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, data = saved_classifier("regress"), labelled("regress")
    found = predict(tmp_path / "rows.jsonl", "--model", folder, "--data", data)
    errors = [each["label"] - each["prediction"]["value"] for each in found]
    assert f"mse {np.mean(np.square(errors)):.4f}" in capsys.readouterr().out
    hf = transformers.AutoModelForSequenceClassification.from_pretrained(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    options = ["--input", data.parent / "eval.jsonl", "--fields", "text"]
    said = predict(tmp_path / "file.jsonl", "--model", folder, *options)
    for each in said[:5]:
        logits = hf.eval()(**tokenizer(each["text"], return_tensors="pt")).logits
        assert each["prediction"]["value"] == pytest.approx(logits.item(), abs=1e-4)


def test_long_texts_are_cut_and_those_of_white_space_have_no_prediction(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = ["word " * 100, " \u3000\n", "a word", "word " * 99]
    file = write_jsonl(tmp_path / "in.jsonl", [{"text": text} for text in texts])
    options = ["--model", model, "--input", file, "--fields", "text"]
    found = predict(tmp_path / "out.jsonl", *options)
    assert [each["text"] for each in found] == texts
    assert found[1]["prediction"] is None
    assert found[0]["prediction"] == found[3]["prediction"]
    said = capsys.readouterr().out
    assert "4 records" in said
    assert "2 texts cut to 48 tokens" in said
    assert "1 without text" in said
    predict(tmp_path / "short.jsonl", *options, "--max-seq-length", "8")
    assert "2 texts cut to 8 tokens" in capsys.readouterr().out
    predict(tmp_path / "long.jsonl", *options, "--max-seq-length", "64")
    assert "2 texts cut to 64 tokens" in capsys.readouterr().out


def test_fields_may_be_nested_and_files_compressed_and_several(model: Path, tmp_path: Path) -> None:
    import gzip

    for name, text in (("b.jsonl.gz", "second"), ("a.jsonl", "first")):
        line = json.dumps({"data": {"text": text}}).encode() + b"\n"
        path = tmp_path / name
        path.write_bytes(gzip.compress(line) if name.endswith(".gz") else line)
    options = ["--model", model, "--input", tmp_path / "*.jsonl*", "--fields", "data.text"]
    found = predict(tmp_path / "out", *options, "--as", "said")
    assert [each["data"]["text"] for each in found] == ["first", "second"]
    assert all(each["said"]["label"] in {"negative", "positive"} for each in found)


def test_tables_are_read_and_all_their_columns_kept(model: Path, tmp_path: Path) -> None:
    import datetime

    import pyarrow as pa
    import pyarrow.parquet as pq

    day = datetime.date(2020, 1, 2)
    table = pa.table({"id": [3, 1], "text": ["it was good", "so cold"], "day": [day, None]})
    pq.write_table(table, tmp_path / "a.parquet")
    (tmp_path / "b.tsv").write_text('id\ttext\n7\ta "good" day\n', "utf-8")
    options = ["--model", model, "--fields", "text", "--input", tmp_path / "a.parquet"]
    found = predict(tmp_path / "out", *options, "--input", tmp_path / "b.tsv")
    assert [{**each, "prediction": None} for each in found] == [
        {"id": 3, "text": "it was good", "day": "2020-01-02", "prediction": None},
        {"id": 1, "text": "so cold", "day": None, "prediction": None},
        {"id": "7", "text": 'a "good" day', "prediction": None},
    ]


def test_the_options_lie_beside_and_repeat_it(
    file: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    predict(first, "--model", model, "--input", file, "--fields", "text", "--as", "said")
    options = tmp_path / "first.jsonl.predict.toml"
    text = options.read_text("utf-8")
    assert text.startswith("# shardmill predict --config THIS-FILE --output NEW repeats this.\n")
    assert tomllib.loads(text) == {
        "model": str(model),
        "input": [str(file)],
        "fields": "text",
        # As in training.
        "max-seq-length": 48,
        "as": "said",
        "device": "cpu",
        "precision": "fp32",
        "batch-tokens": 8192,
    }
    assert main(["predict", "--config", str(options), "--output", str(second)]) == 0
    assert second.read_bytes() == first.read_bytes()
    assert (tmp_path / "second.jsonl.predict.toml").read_bytes() == options.read_bytes()
    # Those of predictions that are gone are replaced, and nothing else is.
    first.unlink()
    assert main(["predict", "--config", str(options), "--output", str(first)]) == 0
    first.unlink()
    options.write_text("mine", "utf-8")
    capsys.readouterr()
    given = ["--model", model, "--input", file, "--fields", "text", "--output", first]
    assert "first.jsonl.predict.toml, which is there already" in refused(capsys, *given)
    assert options.read_text("utf-8") == "mine"
    assert not first.exists()


BAD_RECORDS = {
    "no field": ('{"other": 1}', "has no field 'text', and --fields names text; it has other"),
    "a number": ('{"text": 1}', "has no text there (missing_field), and --fields names text"),
    "broken": ('{"text": ', "cannot be read (broken_json)"),
    "taken": ('{"text": "a", "prediction": 1}', "name another one with --as"),
    "surrogate": ('{"text": "\\ud800"}', "is no Unicode"),
}


@pytest.mark.parametrize("case", BAD_RECORDS)
def test_a_bad_record_is_named_and_nothing_is_left(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    line, message = BAD_RECORDS[case]
    file = tmp_path / "in.jsonl"
    file.write_text('{"text": "good"}\n' + line + "\n", "utf-8")
    options = ["--model", model, "--input", file, "--fields", "text"]
    said = refused(capsys, *options, "--output", tmp_path / "out.jsonl")
    assert message in said
    assert f"{file}, byte 17" in said
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


def test_what_does_not_fit_together_is_refused(
    file: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, regress = ["--output", tmp_path / "out.jsonl"], saved_classifier("regress")
    plain = save_classifier(tmp_path / "plain", labelled("classify"), classifier())
    pretrained = tmp_path / "pretrained"
    config = classifier().config
    config.architectures = ["BertForMaskedLM"]
    config.save_pretrained(pretrained)
    answers = tmp_path / "answers"
    config.architectures = ["BertForQuestionAnswering"]
    config.save_pretrained(answers)
    several, run = tmp_path / "several", tmp_path / "run"
    for name in ("a", "b"):
        (several / name).mkdir(parents=True)
        (several / name / "config.json").write_text("{}", "utf-8")
    (run / "best" / "hf").mkdir(parents=True)
    records = ["--input", file, "--fields", "text"]
    there = tmp_path / "there"
    there.touch()
    for options, message in (
        (["--model", plain, *records, *out, "--speed", "0.5"], "has no exits, which --speed needs"),
        (["--model", regress, *records, *out, "--speed", "0.5"], "--speed is for classes"),
        (["--model", model, *records, *out, "--speed", "1.5"], "--speed"),
        (["--model", model, *records, *out, "--speed", "nan"], "--speed"),
        (["--model", tmp_path / "no", *records, *out], "is no folder"),
        (["--model", tmp_path, *records, *out], "holds no model"),
        (["--model", several, *records, *out], f"several, such as {several / 'a'};"),
        (["--model", run, *records, *out], f"not of a model; give {run / 'best' / 'hf'}"),
        (["--model", pretrained, *records, *out], "is BertForMaskedLM, and predictions are made"),
        (["--model", answers, *records, *out], "answers are not predicted yet, and --model"),
        (["--model", model, *records], "--output"),
        (["--model", model, *records, "--output", there], "is there already"),
        (["--model", model, *records, "--output", tmp_path], "is a folder"),
        (["--model", model, *records, "--output", "gs://a/b"], "is not on a local disk"),
        (["--model", model, *out], "give --input with --fields, or --data"),
        (["--model", model, *records, "--data", "x", *out], "and not both"),
        (["--model", model, "--input", file, *out], "--input needs --fields"),
        (["--model", model, "--input", file, "--fields", "a,b,c", *out], "takes text,label or"),
        (["--model", model, "--input", file, "--fields", "a,,", *out], "takes different names"),
        (["--model", model, *records, *out, "--max-seq-length", "65"], "positions for 64 tokens"),
        (["--model", model, *records, "--split", "eval", *out], "--split is for --data"),
        (["--model", model, "--data", "x", "--fields", "a", *out], "--fields is for --input"),
        (["--model", model, "--input", tmp_path / "none*", "--fields", "a", *out], "--input"),
        (["--model", model, "--data", tmp_path / "none", *out], "holds no manifest.json"),
        (["--model", model, "--data", labelled("regress"), *out], "predicts a class, and --data"),
        (["--model", model, "--data", labelled("pair"), *out], "has the classes negative"),
    ):
        assert message in refused(capsys, *options)
    assert not (tmp_path / "out.jsonl").exists()
