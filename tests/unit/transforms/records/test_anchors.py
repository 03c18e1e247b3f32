import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.documents import anchored_batch
from transforms.records.anchors import AnchorError, join_anchored, normalized_anchors, read_anchors
from transforms.records.raw_records import RawRecords, ReadBatch
from transforms.text.normalize import normalize_texts


def placed(text: str, *anchors: tuple[int, int, str]) -> list[list[Any]] | None:
    """Returns where anchors are in the normalised text; None if that cannot be told."""
    found = [{"start": start, "end": end, "entity": entity} for start, end, entity in anchors]
    raw = read_anchors(text, found)
    assert raw is not None
    [places] = normalized_anchors([raw], normalize_texts([text.encode()]))
    return None if places is None else list(json.loads(places))


@pytest.mark.parametrize(
    ("text", "anchors", "named"),
    [
        ("In Paris.", [(3, 8, "Q90")], ["Paris"]),
        # In any order, beside each other, and at the ends.
        ("Oslo Bergen", [(5, 11, "Q2"), (0, 4, "Q1")], ["Oslo", "Bergen"]),
        ("上海北京", [(0, 2, "Q1"), (2, 4, "Q2")], ["上海", "北京"]),
        # White space is collapsed: around an anchor, in it, and where it begins and ends with some.
        ("  in \t New \u3000 York\u00a0 !", [(7, 17, "Q60")], ["New York"]),
        ("in  Paris ,", [(2, 10, "Q90")], ["Paris"]),
        ("a\r\n\r\n  Oslo\n\nb", [(5, 11, "Q1")], ["Oslo"]),
        # Other characters have other lengths in bytes; composed ones too.
        ("e\u0301tude \U0001f600 Zu\u0308rich", [(9, 16, "Q72")], ["Zürich"]),
        ("\u0085caf\u00e9\x00", [(1, 5, "Q1")], ["café"]),
    ],
)
def test_anchors_are_found_again(
    text: str, anchors: list[tuple[int, int, str]], named: list[str]
) -> None:
    [normalized] = normalize_texts([text.encode()])
    places = placed(text, *anchors)
    assert places is not None
    assert [normalized[begin:end].decode() for begin, end, _ in places] == named
    assert [entity for _, _, entity in places] == [entity for _, _, entity in sorted(anchors)]


def test_an_anchor_that_cuts_a_character_has_no_place() -> None:
    assert placed("e\u0301tude", (0, 1, "Q1")) is None
    assert placed("e\u0301tude", (1, 3, "Q1")) is None
    assert placed("\u1112\u1161", (0, 1, "Q1")) is None


def anchor(start: Any, end: Any, entity: Any = "Q1") -> dict[str, Any]:
    return {"start": start, "end": end, "entity": entity}


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        ("Q1", "broken_anchors"),
        ([[0, 2, "Q1"]], "broken_anchors"),
        ([{"start": 0, "end": 2}], "broken_anchors"),
        ([anchor(0, 2, "")], "broken_anchors"),
        ([anchor(0, 2, "Q1\nQ2")], "broken_anchors"),
        ([anchor(False, 2)], "broken_anchors"),
        ([anchor(0, 2.0)], "broken_anchors"),
        ([anchor(-1, 2)], "anchor_out_of_range"),
        ([anchor(2, 2)], "anchor_out_of_range"),
        ([anchor(3, 99)], "anchor_out_of_range"),
        ([anchor(0, 3), anchor(2, 4)], "anchors_overlap"),
        ([anchor(0, 3), anchor(0, 3)], "anchors_overlap"),
        ([anchor(4, 5)], "anchor_not_on_text"),
        ([anchor(0, 8)], "anchor_not_on_text"),
    ],
)
def test_anchors_that_cannot_be_are_told(found: object, reason: str) -> None:
    with pytest.raises(AnchorError) as told:
        read_anchors("Oslo \nis", found)
    assert str(told.value) == reason


def test_no_anchors() -> None:
    assert read_anchors("Oslo", None) is None
    assert read_anchors("Oslo", []) is None


def test_a_text_may_have_the_marker() -> None:
    text = "a \ufdd0\ufdd1 Oslo"
    places = placed(text, (2, 3, "Q0"), (5, 9, "Q1"))
    assert places == [[2, 5, "Q0"], [9, 13, "Q1"]]


WHITES = (" ", "  ", "\t", "\n", "\r\n", "\u3000", "\u2028", "\x00", "\ufeff", "\u200b")
COMPOSED = ("é", "e\u0301", "o\u0308", "\ufb01", "\u1112\u1161\u11ab")
PIECES = st.sampled_from([*"abz.海", *WHITES, *COMPOSED, "\U0001f600", "\ufdd0"])


@given(
    before=st.lists(PIECES, max_size=8),
    named=st.lists(PIECES, max_size=6),
    after=st.lists(PIECES, max_size=8),
)
def test_what_is_around_an_anchor_is_what_it_would_be_alone(
    before: list[str], named: list[str], after: list[str]
) -> None:
    parts = ["".join(before), "x" + "".join(named) + "x", "".join(after)]
    if any(each in parts[1] for each in "\n\r\u2028"):
        return
    start, end = len(parts[0]), len(parts[0]) + len(parts[1])
    text = "".join(parts)
    [normalized] = normalize_texts([text.encode()])
    places = placed(text, (start, end, "Q1"))
    if places is None:
        # A mark behind the last letter would change it.
        assert parts[2].startswith(("\u0301", "\u0308"))
        return
    [[begin, close, _]] = places
    alone = normalize_texts([f"{parts[0]}x".encode(), parts[1].encode(), f"x{parts[2]}".encode()])
    assert normalized[:begin] + b"x" == alone[0]
    assert normalized[begin:close] == alone[1]
    assert b"x" + normalized[close:] == alone[2]


def drained(*records: tuple[str, object], limit: int = 1 << 20) -> ReadBatch:
    reading = RawRecords(limit)
    reading.begin("a.jsonl", in_place=False)
    for number, (text, found) in enumerate(records):
        reading.add_anchored(number, text, found)
    [batch] = reading.drain()
    return batch


def test_bad_anchors_are_rejected_and_their_text_is_not() -> None:
    batch = drained(
        ("Oslo", [anchor(0, 4)]),
        (" \n ", None),
        ("Bergen", [anchor(0, 9)]),
        ("e\u0301tude", [anchor(0, 1)]),
        (" Rome", [anchor(1, 5, "Q220")]),
    )
    assert batch.texts == [b"Oslo", b"Bergen", "étude".encode(), b"Rome"]
    assert batch.anchors == [b'[[0,4,"Q1"]]', b"", b"", b'[[0,4,"Q220"]]']
    told = [(each.offset, each.reason, each.excerpt) for each in batch.rejected]
    assert told == [(2, "anchor_out_of_range", "Bergen"), (3, "anchor_not_on_text", "étude")]


def test_anchors_of_a_text_that_is_cut_are_rejected() -> None:
    text = "\n".join(["line"] * 30)
    batch = drained((text, [anchor(0, 4)]), limit=64)
    assert len(batch.texts) > 1
    assert set(batch.anchors) <= {b""}
    assert [each.reason for each in batch.rejected] == ["anchors_of_long_text"]


def test_the_same_text_has_the_same_anchors_in_any_order() -> None:
    texts = [b"Oslo", b"Rome and Oslo", b"Oslo", b"Oslo", b"Bergen"]
    anchors = [b"", b'[[0,4,"Q220"],[9,13,"Q1"]]', b'[[0,4,"Q1"]]', b'[[0,4,"Q0"]]', b""]
    found = []
    for order in ([0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 0, 4, 3, 1]):
        batches = [anchored_batch([texts[n]], [anchors[n]]) for n in order]
        text, spans = join_anchored(batches)
        data = text.data.tobytes()
        named = [
            (data[start:end].decode(), name)
            for start, end, name in zip(
                spans.starts.tolist(), spans.ends.tolist(), spans.ids, strict=True
            )
        ]
        assert sorted(named) == [("Oslo", "Q1"), ("Oslo", "Q1"), ("Rome", "Q220")]
        assert text.duplicates == 2
        assert len(text.document_starts) == 3
        assert bool((np.diff(spans.starts) > 0).all())
        found.append(named)
    assert found[0] == found[1] == found[2]
    text, spans = join_anchored([])
    assert len(text.data) == len(spans) == 0
