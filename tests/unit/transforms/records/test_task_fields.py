"""Fields of labelled records: what is read, and why a record is rejected."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.records.answer_fields import AnswerFields
from transforms.records.record_fields import RecordFields
from transforms.records.task_fields import FIELDS_OF
from transforms.records.word_fields import spaced
from transforms.text.normalize import normalize_texts

NAMES = ("no", "yes")


def fields(kind: str, *names: str, labelled: bool = True, classes: tuple[str, ...] = NAMES) -> Any:
    found = FIELDS_OF[kind].of(names, labelled=labelled)
    return type(found)(**{**vars(found), "names": classes})


def finished(found: RecordFields, record: Mapping[str, Any]) -> tuple[str, list[float]]:
    parsed = found.parse(record)
    assert parsed.reason == ""
    text = normalize_texts(["\n".join(parsed.lines).encode()])[0]
    done, numbers = found.finish(text, parsed)
    return done.decode(), list(numbers)


@pytest.mark.parametrize(
    ("kind", "names", "record", "reason"),
    [
        ("class", "a,y", {"y": "no"}, "missing_field"),
        ("class", "a,y", {"a": 3, "y": "no"}, "missing_field"),
        ("class", "a,y", {"a": " \t\x00", "y": "no"}, "empty_text"),
        ("class", "a,y", {"a": "x"}, "missing_label"),
        ("class", "a,y", {"a": "x", "y": None}, "missing_label"),
        ("class", "a,y", {"a": "x", "y": 0.5}, "wrong_label"),
        ("class", "a,y", {"a": "x", "y": ["no"]}, "wrong_label"),
        ("class", "a,y", {"a": "x", "y": "\ud800"}, "wrong_label"),
        ("class", "a,y", {"a": "x", "y": "maybe"}, "unknown_label"),
        ("class", "a,b,y", {"a": "x", "b": "", "y": "no"}, "empty_text"),
        ("number", "a,y", {"a": "x", "y": "NaN"}, "wrong_label"),
        ("number", "a,y", {"a": "x", "y": float("inf")}, "wrong_label"),
        ("number", "a,y", {"a": "x", "y": 10**400}, "wrong_label"),
        ("number", "a,y", {"a": "x", "y": 1e39}, "wrong_label"),
        ("number", "a,y", {"a": "x", "y": True}, "wrong_label"),
        ("number", "a,y", {"a": "x", "y": "two"}, "wrong_label"),
        ("tags", "w,t", {"w": ["a", 1], "t": ["no", "no"]}, "missing_field"),
        ("tags", "w,t", {"w": [], "t": []}, "empty_text"),
        ("tags", "w,t", {"w": ["a"], "t": []}, "other_length"),
        ("tags", "w,t", {"w": ["a"], "t": 3}, "wrong_label"),
        ("tags", "w,t", {"w": ["a"], "t": ["B"]}, "unknown_label"),
        ("span", "q,c,a", {"q": "x", "c": "abc", "a": "b"}, "wrong_label"),
        ("span", "q,c,a", {"q": "x", "c": "abc", "a": [{"text": "b", "answer_start": 2}]},
         "answer_not_there"),
        ("span", "q,c,a", {"q": "x", "c": "abc", "a": [{"text": "c", "answer_start": -1}]},
         "answer_not_there"),
        ("span", "q,c,a", {"q": "x", "c": "e\u0301a", "a": [{"text": "e", "answer_start": 0}]},
         "answer_splits_character"),
        ("choice", "q,c,y", {"q": "x", "c": ["a"], "y": 0}, "wrong_number_of_candidates"),
        ("choice", "q,c,y", {"q": "x", "c": ["a", " "], "y": 0}, "empty_text"),
        ("choice", "q,c,y", {"q": "x", "c": ["a", "b"], "y": 2}, "wrong_label"),
        ("choice", "q,c,y", {"q": "x", "c": ["b", "b"], "y": "b"}, "wrong_label"),
        ("choice", "q,a+b,y", {"q": "x", "a": "one", "y": 0}, "missing_field"),
    ],
)  # fmt: skip
def test_records_are_rejected(kind: str, names: str, record: dict[str, Any], reason: str) -> None:
    assert fields(kind, *names.split(",")).parse(record).reason == reason


@pytest.mark.parametrize(
    ("kind", "names", "record", "lines", "numbers"),
    [
        ("class", "a,y", {"a": "x\ny", "y": " yes "}, ["x y"], [1]),
        ("class", "d.a,y", {"d": {"a": "x"}, "y": "no"}, ["x"], [0]),
        ("number", "a,y", {"a": "x", "y": "2.5"}, ["x"], [2.5]),
        ("number", "a,y", {"a": "x", "y": -3}, ["x"], [-3]),
        ("tags", "w,t", {"w": ["a", " ", "b c"], "t": ["no", "no", "yes"]}, ["a", "b c"], [0, 1]),
        ("tags", "w,t", {"w": "a b", "t": "no yes"}, ["a", "b"], [0, 1]),
        ("span", "q,c,a", {"q": "x", "c": "abc", "a": []}, ["x", "abc"], [-1, -1]),
        ("span", "q,c,a", {"q": "x", "c": "abc", "a": {"text": [], "answer_start": []}},
         ["x", "abc"], [-1, -1]),
        ("span", "q,c,a,s", {"q": "x", "c": "abc", "a": "", "s": "-1"}, ["x", "abc"], [-1, -1]),
        ("choice", "q,c,y", {"q": "x", "c": ["a", "b"], "y": "B"}, ["x", "a", "b"], [2, 1]),
        ("choice", "p,q,a+b,y", {"p": "w", "q": "x", "a": "u", "b": "v", "y": "1"},
         ["w x", "u", "v"], [2, 1]),
    ],
)  # fmt: skip
def test_records_are_read(
    kind: str, names: str, record: dict[str, Any], lines: list[str], numbers: list[float]
) -> None:
    parsed = fields(kind, *names.split(",")).parse(record)
    assert (parsed.reason, list(parsed.lines), list(parsed.numbers)) == ("", lines, numbers)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("我爱北京", "text_not_split_into_words"),
        ("in 北京 today", "text_not_split_into_words"),
        ("東京に行く。 Tokyo", "text_not_split_into_words"),
        ("我 爱 北京", ""),
        ("天　気", ""),
        ("in 京 today", ""),
        ("john came", ""),
        (["我爱北京"], ""),
    ],
)
def test_words_of_a_text_without_tags_have_spaces_between_them(words: Any, reason: str) -> None:
    """A list says itself what its words are, and with tags there are as many."""
    assert FIELDS_OF["tags"].of(["w"], labelled=False).parse({"w": words}).reason == reason
    if isinstance(words, str):
        tagged = {"w": words, "t": ["no"] * len(words.split())}
        assert fields("tags", "w", "t").parse(tagged).reason == ""


def test_true_and_numbers_are_classes() -> None:
    found = fields("class", "a", "y", classes=("true", "7", "99999999999999999999"))
    values = (True, 7, 99999999999999999999, "7")
    parsed = [found.parse({"a": "x", "y": value}).numbers for value in values]
    assert parsed == [[0], [1], [2], [1]]


def test_words_have_the_spaces_of_text() -> None:
    assert spaced("He\nis\n在\n北\nA\nB\n。") == "He\n is\n在\n北\nA\n B\n。"
    done = finished(fields("tags", "w", "t"), {"w": ["New  York", "!"], "t": ["yes", "no"]})
    assert done == ("New York\n !", [1, 0])


def test_answers_point_at_normalised_text() -> None:
    found = fields("span", "q", "c", "a", "s")
    record = {
        "q": " who ",
        "c": "In  the\r\n old\u3000 caf\u0065\u0301, é.",
        "a": "old\u3000 cafe\u0301",
    }
    done, numbers = finished(found, {**record, "s": record["c"].index("old")})
    assert done == "who\nIn the old café, é."
    begin, end = map(int, numbers)
    assert done.split("\n")[1].encode()[begin:end].decode() == "old café"


@pytest.mark.parametrize(
    ("kind", "names"),
    [("class", "y"), ("number", "a,b,c,y"), ("tags", "a,b,t"), ("span", "q,a"), ("choice", "c,y")],
)
def test_another_number_of_fields_is_refused(kind: str, names: str) -> None:
    with pytest.raises(ValueError, match="names"):
        fields(kind, *names.split(","))


@given(st.text(max_size=30), st.integers(0, 29), st.integers(1, 10))
def test_an_answer_is_the_normalised_text_at_its_bytes(context: str, start: int, size: int) -> None:
    answer = context[start : start + size]
    found = AnswerFields.of(["q", "c", "a", "s"], labelled=True)
    parsed = found.parse({"q": "x", "c": context, "a": answer, "s": start})
    if parsed.reason or not parsed.marker:
        return
    try:
        text = normalize_texts(["\n".join(parsed.lines).encode()])[0]
    except UnicodeEncodeError:
        return
    done, (begin, end) = found.finish(text, parsed)
    whole, part = normalize_texts([context.replace("\n", " ").encode(), answer.encode()])
    assert done.split(b"\n")[1] == whole.replace(b"\n", b" ")
    assert done.split(b"\n")[1][int(begin) : int(end)] == part.replace(b"\n", b" ")
