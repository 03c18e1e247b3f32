import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.checked_json import (
    Count,
    DamagedError,
    FileName,
    PositiveFloat,
    RelativePath,
    Sha256,
    from_json_value,
    read_json,
    read_json_file,
    to_json_value,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Part:
    path: RelativePath
    rows: Count


@dataclasses.dataclass(frozen=True, kw_only=True)
class Whole:
    name: str
    share: float
    on: bool
    parts: Sequence[Part]
    kind: Literal["a", "b"]
    counts: Mapping[str, Count]
    note: str | None = None
    setting: str | int | float | bool = 0
    pair: tuple[int, str] = (1, "x")
    rest: Any = None

    def __post_init__(self) -> None:
        if self.name == "refused":
            raise ValueError("the name 'refused' is not allowed")


GOOD: dict[str, Any] = {
    "name": "x",
    "share": 1,
    "on": True,
    "parts": [{"path": "train/a.arrow", "rows": 3}],
    "kind": "a",
    "counts": {"n": 0},
}


def test_a_sound_file_becomes_the_dataclass() -> None:
    read = read_json(json.dumps(GOOD).encode(), Whole, "w.json")
    assert read == Whole(
        name="x",
        share=1.0,
        on=True,
        parts=(Part(path="train/a.arrow", rows=3),),
        kind="a",
        counts={"n": 0},
    )
    assert read_json(json.dumps(to_json_value(read)), Whole, "w.json") == read


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": 1}, "name must be a text, got 1"),
        ({"name": None}, "name must be a text, got null"),
        ({"name": "\ud800"}, "name must be a text, and half a character stands in it"),
        ({"name": "refused"}, "its content cannot be: the name 'refused' is not allowed"),
        ({"share": "1"}, 'share must be a finite number, got "1"'),
        ({"share": True}, "share must be a finite number, got true"),
        ({"on": 1}, "on must be true or false, got 1"),
        ({"parts": {}}, "parts must be a list, got an object of 0"),
        ({"parts": [GOOD]}, "parts[0] has an unknown key"),
        ({"parts": [{"rows": 1}]}, 'parts[0] lacks "path"'),
        ({"parts": [{"path": "a", "rows": -1}]}, "parts[0].rows must be at least 0, got -1"),
        ({"parts": [{"path": "a", "rows": 1.0}]}, "parts[0].rows must be a whole number"),
        ({"parts": [{"path": "a", "rows": 1 << 64}]}, "parts[0].rows must be a whole number"),
        ({"parts": [{"path": "../a", "rows": 1}]}, "parts[0].path must be a path inside"),
        ({"kind": "c"}, 'kind must be one of "a", "b", got "c"'),
        ({"counts": {"n": False}}, "counts.n must be a whole number"),
        ({"counts": []}, "counts must be an object, got a list of 0"),
        ({"setting": None}, "setting must be"),
        ({"setting": [1]}, "setting must be"),
        ({"pair": [1]}, "pair must be a list of 2, got a list of 1"),
        ({"pair": ["x", 1]}, "pair[0] must be a whole number"),
        ({"rest": {"deep": ["\udfff"]}}, "rest.deep[0] must be a text"),
        ({"other": 1}, 'its content has an unknown key "other"'),
    ],
)
def test_what_is_wrong_is_told_with_its_place(change: Mapping[str, Any], message: str) -> None:
    with pytest.raises(DamagedError) as error:
        read_json(json.dumps({**GOOD, **change}), Whole, "w.json")
    assert str(error.value).startswith(f"w.json is damaged: {message}")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is not JSON"),
        (b"{", "it is not JSON"),
        (b"\xff{}", "it is not UTF-8 (byte 0)"),
        (b"\xef\xbb\xbf{}", "it is not JSON"),
        (b"null", "its content must be an object, got null"),
        (b"[]", "its content must be an object, got a list of 0"),
        (b"{}", "its content lacks"),
        (b'{"a": 1, "a": 1}', 'the key "a" comes twice in an object'),
        (b'{"share": NaN}', "NaN is not a number in JSON"),
        (b'{"share": -Infinity}', "-Infinity is not a number in JSON"),
        (b'{"share": ' + b"9" * 5000 + b"}", "the number 99999999999999999999... is too large"),
        (b"[" * 100_000 + b"]" * 100_000, "its lists or objects are nested too deeply"),
        (b'{"a":' * 100_000, "its lists or objects are nested too deeply"),
    ],
)
def test_what_is_no_such_json_is_told_in_one_sentence(content: bytes, message: str) -> None:
    with pytest.raises(DamagedError) as error:
        read_json(content, Whole, "w.json")
    assert str(error.value).startswith(f"w.json is damaged: {message}")
    assert "\n" not in str(error.value)


def test_an_infinity_that_is_written_as_a_large_number_is_refused() -> None:
    text = json.dumps(GOOD).replace('"share": 1', '"share": 1e400')
    with pytest.raises(DamagedError, match="share must be a finite number, got Infinity"):
        read_json(text, Whole, "w.json")


def test_values_that_are_nested_almost_too_deeply_are_no_traceback() -> None:
    def told(depth: int) -> str:
        text = json.dumps(GOOD)[:-1] + ', "rest": ' + "[" * depth + "]" * depth + "}"
        try:
            read_json(text, Whole, "w.json")
        except DamagedError as error:
            return str(error)
        return ""

    # How deep is too deep depends on how deep the caller is.
    said = [told(depth) for depth in (20, 200, 400, 600, 800, 990, 100_000)]
    assert said[0] == ""
    assert "nested too deeply" in said[-1]
    assert {*said} <= {"", said[-1]}


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/passwd",
        "..",
        "../x",
        "a/../b",
        ".",
        "./a",
        "a/",
        "a//b",
        "a\\b",
        "a\x00b",
        "a\nb",
        "C:/x",
        "a/./b",
    ],
)
def test_paths_that_leave_the_folder_or_have_a_second_spelling_are_refused(path: str) -> None:
    with pytest.raises(DamagedError, match="must be a path inside the folder"):
        from_json_value(path, RelativePath, "w.json")


def test_names_are_one_part_of_a_path() -> None:
    assert from_json_value("bert-wwm", FileName, "w") == "bert-wwm"
    with pytest.raises(DamagedError, match="must be a single name"):
        from_json_value("a/b", FileName, "w")


def test_limits_of_numbers_and_digests() -> None:
    assert from_json_value("0" * 64, Sha256, "w") == "0" * 64
    for digest in ("0" * 63, "G" * 64, "A" * 64, "0" * 64 + "\n"):
        with pytest.raises(DamagedError, match="64 hexadecimal digits"):
            from_json_value(digest, Sha256, "w")
    with pytest.raises(DamagedError, match="must be above 0"):
        from_json_value(0, PositiveFloat, "w")


def test_a_file_on_disk_is_named(tmp_path: Any) -> None:
    (tmp_path / "w.json").write_bytes(b"\xff")
    with pytest.raises(DamagedError, match=r"w\.json is damaged: it is not UTF-8"):
        read_json_file(tmp_path / "w.json", Whole)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from([*GOOD]), inner),
    max_leaves=8,
)


def _sound(whole: Whole) -> bool:
    return (
        type(whole.name) is str
        and type(whole.share) is float
        and math.isfinite(whole.share)
        and type(whole.on) is bool
        and all(type(each) is Part and each.rows >= 0 for each in whole.parts)
        and whole.kind in {"a", "b"}
        and all(type(each) is int and each >= 0 for each in whole.counts.values())
    )


@given(st.dictionaries(st.sampled_from([*GOOD, "note", "pair", "rest", "setting", "?"]), JSON))
def test_any_value_is_refused_in_a_sentence_or_sound(change: Mapping[str, Any]) -> None:
    try:
        whole = read_json(json.dumps({**GOOD, **change}), Whole, "w.json")
    except DamagedError as error:
        assert str(error).startswith("w.json is damaged: ")  # noqa: PT017
        assert str(error).isprintable()  # noqa: PT017
    else:
        assert _sound(whole)
        assert "?" not in change


@given(st.data())
def test_a_changed_byte_is_refused_or_sound(data: st.DataObject) -> None:
    content = bytearray(json.dumps(GOOD).encode())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] = data.draw(st.integers(0, 255))
    try:
        whole = read_json(bytes(content), Whole, "w.json")
    except DamagedError as error:
        assert str(error).isprintable()  # noqa: PT017
    else:
        assert _sound(whole)
