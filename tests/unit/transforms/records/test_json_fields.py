"""Fields of records, nested ones too, and dialogues as they are stored in the wild."""

import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from transforms.detect.content_checks import enabled_checks
from transforms.files.inputs import input_file, plan_ranges
from transforms.files.planned_file import FormatError
from transforms.read.formats import check_head, read_range
from transforms.records.json_fields import dialogue_text, field_of, json_text

SHARE_GPT = [
    {"from": "human", "value": "Where is\nthe mill?"},
    {"from": "gpt", "value": "By the river."},
]
OPEN_AI = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": [{"type": "text", "text": "Where is"}, {"text": "the mill?"}]},
    {"role": "assistant", "content": "By the river."},
]
TURNS = "Where is the mill?\nBy the river."


@pytest.mark.parametrize(
    ("turns", "text"),
    [
        (["Where is  the mill?", "By the\nriver."], TURNS),
        (SHARE_GPT, TURNS),
        (OPEN_AI, TURNS),
        ([{"speaker": "A", "text": "Hi."}, {"speaker": "B", "text": "Yes?"}], "Hi.\nYes?"),
        ([{"text": "Hi."}, {"text": "Yes?"}, {"text": "Well."}], "Hi.\nYes?\nWell."),
        # One speaker after another: roles of speakers are what the rows tell.
        ([*SHARE_GPT, {"from": "gpt", "value": "Go left."}], f"{TURNS} Go left."),
        ([{"role": "user", "content": "Hi"}, {"role": "user", "content": "you"}], ""),
        ([OPEN_AI[0], OPEN_AI[1]], ""),
        ([SHARE_GPT[0], "By the river."], ""),
        ([SHARE_GPT[0], {"from": "gpt", "value": None}], ""),
        ([SHARE_GPT[0], {"from": "gpt", "value": " "}], ""),
        ([SHARE_GPT[0], {"from": "gpt", "value": 7}], ""),
        ([OPEN_AI[1], {"role": "assistant", "content": [{"type": "image_url"}]}], ""),
        ([OPEN_AI[1], {"role": "assistant", "content": [5]}], ""),
        ([OPEN_AI[1], {"role": "assistant", "tool_calls": []}], ""),
        (["one"], ""),
        ([], ""),
        ([["a"], ["b"]], ""),
    ],
)
def test_dialogues(turns: list[object], text: str) -> None:
    assert dialogue_text(turns) == text
    reason = "" if text else "broken_dialogue"
    assert json_text({"messages": turns}, "messages") == (text.encode(), None, reason)


@pytest.mark.parametrize(
    ("record", "name", "value"),
    [
        ({"meta": {"text": "a"}}, "meta.text", "a"),
        ({"a": {"b": {"c": "x"}}}, "a.b.c", "x"),
        ({"meta.text": "flat", "meta": {"text": "nested"}}, "meta.text", "flat"),
        ({"a": {"b.c": "x"}}, "a.b.c", "x"),
        ({"meta": "a"}, "meta.text", None),
        ({"meta": None}, "meta.text", None),
        ({}, "meta.text", None),
        ({".": "a"}, ".", "a"),
        ({"a": {"": "b"}}, "a.", "b"),
    ],
)
def test_paths(record: dict[str, Any], name: str, value: object) -> None:
    assert field_of(record, name) == value


def test_records_of_three_fields_may_be_nested() -> None:
    record = {"q": {"text": "mills"}, "hit": {"title": "The mill", "label": 0}}
    assert json_text(record, "q.text,hit.title,hit.label") == (b"mills\nThe mill", 0, "")


def read(data: bytes, name: str, field: str, checks: bool = True) -> tuple[list[str], list[str]]:
    file = input_file(name, len(data))
    texts, reasons = [], []
    for part in plan_ranges(
        [file], 1 << 20, enabled_checks("auto", None) if checks else frozenset()
    ):
        for batch in read_range(io.BytesIO(data), part, field):
            texts += [text.decode() for text in batch.texts]
            reasons += [record.reason for record in batch.rejected]
    return texts, reasons


def test_json_lines_of_messages_with_marks_between_files() -> None:
    lines = [json.dumps({"data": {"messages": turns}}) for turns in (SHARE_GPT, OPEN_AI)]
    data = "\ufeff".join(["", *(f"{line}\n" for line in lines)]).encode()
    assert read(data, "a.jsonl", "data.messages") == ([TURNS, TURNS], [])


@pytest.mark.parametrize("indent", [None, 1])
def test_records_without_the_field_are_told_before_a_run(indent: int | None) -> None:
    rows = [{"id": n, "meta": {"content": "a"}} for n in range(3)]
    data = json.dumps(rows, indent=indent).encode()
    told = (
        r"^a\.json has no field 'text': its first 3 records have id, meta\.content; name one with "
        r"--text-field, as in --text-field meta\.content$"
    )
    with pytest.raises(FormatError, match=told):
        read(data, "a.json", "text")
    assert read(data, "a.json", "text", checks=False) == ([], ["missing_field"] * 3)
    assert read(data, "a.json", "meta.content") == (["a"] * 3, [])


def test_a_field_that_never_has_text_is_told_before_a_run() -> None:
    rows = [{"meta": {"text": "a", "n": n}, "score": n} for n in range(2)]
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    for field in ("meta", "score", "meta.n", "meta.text+score"):
        name = field.rpartition("+")[2]
        told = rf"^a\.jsonl has no text in the field '{name}': its first 2 records have meta\.t"
        with pytest.raises(FormatError, match=told):
            read(data, "a.jsonl", field)
        assert read(data, "a.jsonl", field, checks=False) == ([], ["missing_field"] * 2)


def test_one_record_with_the_field_is_enough() -> None:
    data = b'{"id": 1}\n{"text": "a"}\n'
    assert read(data, "a.jsonl", "text") == (["a"], ["missing_field"])


def parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, row_group_size=2)
    return sink.getvalue()


NESTED = pa.table(
    {
        "id": [1, 2, 3],
        "meta": [{"text": "a", "n": 1}, None, {"text": None, "n": 2}],
        "deep": [{"er": {"text": "x"}}, {"er": None}, {"er": {"text": "y"}}],
        "turns": [["Hi", "you"], ["alone"], None],
        "messages": [SHARE_GPT, SHARE_GPT[:1], SHARE_GPT],
        "flat.text": ["p", "q", "r"],
    }
)


@pytest.mark.parametrize(
    ("field", "texts", "reasons"),
    [
        ("meta.text", ["a"], ["missing_field"] * 2),
        ("deep.er.text", ["x", "y"], ["missing_field"]),
        ("turns", ["Hi\nyou"], ["broken_dialogue", "missing_field"]),
        ("messages", [TURNS, TURNS], ["broken_dialogue"]),
        ("flat.text", ["p", "q", "r"], []),
    ],
)
def test_nested_columns(field: str, texts: list[str], reasons: list[str]) -> None:
    assert read(parquet(NESTED), "a.parquet", field) == (texts, reasons)


@pytest.mark.parametrize(
    "field", ["meta", "meta.n", "meta.x", "deep.er", "no.text", "id", "turns.x"]
)
def test_columns_that_hold_no_text_are_told_before_a_run(field: str) -> None:
    data = parquet(NESTED)
    [part] = plan_ranges([input_file("a.parquet", len(data))], checks=enabled_checks("auto", None))
    with pytest.raises(
        FormatError, match=rf"^a\.parquet has no text column '{field}'; its columns "
    ):
        check_head(io.BytesIO(data), part, field)
