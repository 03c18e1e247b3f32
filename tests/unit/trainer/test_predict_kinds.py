"""Tags of words and choices of candidates, beside `transformers` on one record at a time."""

import itertools
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from pipelines.cli import main
from tests.support.classifiers import records, saved_classifier
from tests.support.labelled_builds import labelled, write_jsonl


def predict(output: Path, model: Path, *options: object) -> list[dict[str, Any]]:
    given = ["predict", "--device", "cpu", "--model", model, "--output", output, *options]
    assert main([*map(str, given)]) == 0
    return records(output)


def tags_alone(model: Path, words: list[str]) -> list[str]:
    """Returns the tag of each word, of the tokens of all words one after the other."""
    hf: Any = transformers.AutoModelForTokenClassification.from_pretrained(model).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(model)
    ids, first = [tokenizer.cls_token_id], []
    for word in words:
        first.append(len(ids))
        ids += tokenizer(word, add_special_tokens=False).input_ids
    with torch.no_grad():
        logits = hf(input_ids=torch.tensor([[*ids, tokenizer.sep_token_id]])).logits[0]
    return [hf.config.id2label[number] for number in logits[first].argmax(-1).tolist()]


def choice_alone(model: Path, record: dict[str, Any]) -> int:
    hf: Any = transformers.AutoModelForMultipleChoice.from_pretrained(model).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(model)
    candidates = record["candidates"]
    rows = tokenizer(
        [record["query"]] * len(candidates), candidates, padding=True, return_tensors="pt"
    )
    with torch.no_grad():
        return int(hf(**{name: value[None] for name, value in rows.items()}).logits.argmax())


@pytest.mark.parametrize("model_type", ["bert", "electra"])
def test_words_have_the_tags_of_their_first_tokens(tmp_path: Path, model_type: str) -> None:
    model, file = saved_classifier("tag", model_type), labelled("tag").parent / "eval.jsonl"
    found = predict(tmp_path / "out", model, "--input", file, "--fields", "words")
    for record in found[:12]:
        assert record["prediction"]["tags"] == tags_alone(model, record["words"])
    assert len({tag for each in found for tag in each["prediction"]["tags"]}) > 2


def test_rows_of_a_build_have_the_tags_of_their_records(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, data = saved_classifier("tag"), labelled("tag")
    rows = predict(tmp_path / "rows", model, "--data", data)
    said = capsys.readouterr().out
    right = [
        tag == other
        for row in rows
        for tag, other in zip(row["label"], row["prediction"]["tags"], strict=True)
    ]
    assert f"accuracy {sum(right) / len(right):.4f}" in said
    assert "f1 " in said
    options = ["--input", data.parent / "eval.jsonl", "--fields", "words"]
    found = predict(tmp_path / "file", model, *options)
    assert Counter(json.dumps([row["label"], row["prediction"]]) for row in rows) == Counter(
        json.dumps([record["tags"], record["prediction"]]) for record in found
    )


def test_long_records_have_several_rows_and_words_of_white_space_no_tag(tmp_path: Path) -> None:
    model = saved_classifier("tag")
    words = ["london", " ", *(["the", "man", "came"] * 30), "\u3000", "china"]
    texts = [{"words": words}, {"words": []}, {"words": [" "]}, {"words": "john came"}]
    file = write_jsonl(tmp_path / "in.jsonl", texts)
    found = predict(tmp_path / "out", model, "--input", file, "--fields", "words")
    [tags, *others] = [each["prediction"]["tags"] for each in found]
    assert len(tags) == len(words)
    assert [at for at, tag in enumerate(tags) if tag is None] == [1, 92]
    # As many whole words as have 46 tokens fit into a row of 48, and so on.
    shown = [word for word in words if word.strip()]
    expected, tokenizer = list[str](), transformers.AutoTokenizer.from_pretrained(model)
    while len(expected) < len(shown):
        sizes = [
            len(tokenizer(word, add_special_tokens=False).input_ids)
            for word in shown[len(expected) :]
        ]
        fitting = sum(total <= 46 for total in itertools.accumulate(sizes))
        expected += tags_alone(model, shown[len(expected) : len(expected) + fitting])
    assert [tag for tag in tags if tag is not None] == expected
    assert [len(each) for each in others] == [0, 1, 2]
    assert others[1] == [None]


def test_a_chinese_text_is_not_taken_for_one_word(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write_jsonl(tmp_path / "in.jsonl", [{"text": "我爱北京天安门"}])
    given = ["--model", saved_classifier("tag"), "--input", file, "--fields", "text"]
    options = [*given, "--output", tmp_path / "out", "--device", "cpu"]
    assert main(["predict", *map(str, options)]) == 2
    [told] = capsys.readouterr().err.splitlines()
    assert told == (
        f"shardmill: {file}, byte 0: 'text' is a text without spaces between its words, and each "
        "word gets a tag; give a list of words, or of characters, as in training"
    )
    assert not (tmp_path / "out").exists()


def test_the_candidate_with_the_greatest_score_is_chosen(tmp_path: Path) -> None:
    model, file = saved_classifier("rank"), labelled("rank").parent / "eval.jsonl"
    found = predict(tmp_path / "out", model, "--input", file, "--fields", "query,candidates")
    assert [each["prediction"]["choice"] for each in found[:12]] == [
        choice_alone(model, each) for each in found[:12]
    ]
    assert len({each["prediction"]["choice"] for each in found}) > 1
    assert all(0.25 <= each["prediction"]["probability"] <= 1 for each in found)


def test_rows_of_a_build_are_choices_of_their_records(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, data = saved_classifier("rank"), labelled("rank")
    rows = predict(tmp_path / "rows", model, "--data", data)
    said = capsys.readouterr().out
    right = [row["label"] == row["prediction"]["choice"] for row in rows]
    assert f"accuracy {sum(right) / len(right):.4f}" in said
    assert [row["row"] for row in rows] == list(range(0, 128, 4))
    options = ["--input", data.parent / "eval.jsonl", "--fields", "query,candidates"]
    found = predict(tmp_path / "file", model, *options)

    def counted(of: list[dict[str, Any]]) -> Counter[tuple[int, int, float]]:
        predictions = ((each["label"], each["prediction"]) for each in of)
        return Counter(
            (label, said["choice"], round(said["probability"], 4)) for label, said in predictions
        )

    assert counted(rows) == counted(found)


def test_a_record_without_candidates_to_see_has_no_prediction(tmp_path: Path) -> None:
    texts = [
        {"query": "a", "candidates": ["b", "c d"]},
        {"query": " ", "candidates": ["b", "c"]},
        {"query": "a", "candidates": ["b", "c", "d", "e f"]},
    ]
    file = write_jsonl(tmp_path / "in.jsonl", texts)
    options = ["--input", file, "--fields", "query,candidates"]
    found = predict(tmp_path / "out", saved_classifier("rank"), *options)
    assert [each["prediction"] is None for each in found] == [False, True, False]


def test_no_records_at_all(tmp_path: Path) -> None:
    file = write_jsonl(tmp_path / "in.jsonl", [{"query": " ", "candidates": ["b", "c"]}])
    options = ["--input", file, "--fields", "query,candidates"]
    [found] = predict(tmp_path / "out", saved_classifier("rank"), *options)
    assert found["prediction"] is None
    file = write_jsonl(tmp_path / "words.jsonl", [{"words": []}])
    [found] = predict(
        tmp_path / "tags", saved_classifier("tag"), "--input", file, "--fields", "words"
    )
    assert found["prediction"] == {"tags": []}
