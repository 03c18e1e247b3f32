import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from schemas.records import ShardText
from tests.oracles.openings import opening_of
from tests.support.sample_builds import tokenizer_file
from transforms.arrays.randomness import rng_for
from transforms.text.marker_lists import CHINESE, ENGLISH
from transforms.text.openings import find_openings, opening_name
from transforms.text.sentences import line_starts, sentence_starts
from transforms.tokens.tokenize_text import TextEncoder

MARKERS = ("so", "so far", "但是", "但", "in fact", "However")


def found_in(text: str, openings: tuple[str, ...] = MARKERS) -> list[tuple[str, str]]:
    """Returns the openings in a text: which, and what is taken away."""
    data = np.frombuffer(text.encode(), np.uint8)
    spans = find_openings(data, sentence_starts(data), openings)
    return [
        (openings[code - 1], data[begin:end].tobytes().decode())
        for begin, end, code in zip(spans.starts, spans.ends, spans.codes, strict=True)
    ]


def test_what_is_taken_away() -> None:
    text = "It rained. However, we went. HOWEVER we slept. So far so good.\nSo it is.\n"
    assert found_in(text) == [
        ("However", " However, "),
        ("However", " HOWEVER "),
        ("so far", " So far "),
        ("so", "So "),
    ]
    assert found_in("他来了。但是，我走了。但我不走。\n") == [("但是", "但是，"), ("但", "但")]
    assert found_in("In fact , yes.\nin fact，好。\n") == [
        ("in fact", "In fact , "),
        ("in fact", "in fact，"),
    ]


@pytest.mark.parametrize("text", ["Sofa.\n", "So.\n", "So\n", "In\n", "s\n", "But so, what.\n", ""])
def test_what_is_no_opening(text: str) -> None:
    assert found_in(text) == []


def test_names_differ_with_what_they_stand_for() -> None:
    names = {opening_name(each) for each in (("a", "b"), ("a b",), ("b", "a"), ("a", "b", "c"))}
    assert len(names) == 4
    assert opening_name(MARKERS) == opening_name(tuple(MARKERS))


PARTS = ["so", "So", " far", "但是", "但", "，", ",", ", ", " ", "in", "In fact", "我", "é", "x"]
LINES = st.lists(st.sampled_from(PARTS), min_size=1, max_size=6).map("".join)


@given(lines=st.lists(LINES, max_size=12))
def test_it_finds_what_a_slow_search_finds(lines: list[str]) -> None:
    normal = [line for each in lines if (line := " ".join(each.split()))]
    text = "".join(f"{line}\n" for line in normal)
    data = np.frombuffer(text.encode(), np.uint8)
    starts = line_starts(data)
    spans = find_openings(data, starts, MARKERS)
    expected = []
    for start, line in zip(starts.tolist(), normal, strict=True):
        if found := opening_of(f"{line}\n", MARKERS):
            code, rest = found
            expected.append((start, start + len(f"{line}\n".encode()) - len(rest.encode()), code))
    told = zip(spans.starts.tolist(), spans.ends.tolist(), spans.codes.tolist(), strict=True)
    assert list(told) == expected


SUBJECTS = ("we went home", "我们回家了", "it is, so to speak, over", "“好”，他说", "3 of 4 came")


@pytest.mark.parametrize("model", ["wordpiece", "bpe", "unigram"])
def test_what_is_left_is_encoded_as_if_it_stood_alone(model: str) -> None:
    """By every kind of tokenizer, where the opening ends at a border of tokens."""
    openings = (*ENGLISH, *CHINESE)
    rng = rng_for(3, "sentences")
    lines = []
    for _ in range(400):
        marker = openings[rng.integers(len(openings))]
        marker = marker.capitalize() if rng.integers(2) else marker
        behind = ("，", "")[rng.integers(2)] if marker in CHINESE else (", ", " ")[rng.integers(2)]
        subject = SUBJECTS[rng.integers(len(SUBJECTS))]
        lines.append(f"{marker}{behind}{subject}.")
    encoder, text = encoder_of(model), "".join(f"{line}\n" for line in lines)
    data = np.frombuffer(text.encode(), np.uint8)
    starts = line_starts(data)
    name = opening_name(openings)
    shard = ShardText(data, np.zeros(1, np.int64), sentence_starts=starts)
    spans = {name: find_openings(data, starts, openings)}
    shard = ShardText(**{**vars(shard), "spans": spans})
    tokens = encoder.encode(shard, rng_for(0, "check"))
    codes, offsets = tokens.annotations[name], tokens.sentence_offsets.tolist()
    left = 0
    for line, begin, end in zip(lines, offsets[:-1], offsets[1:], strict=True):
        found = opening_of(f"{line}\n", openings)
        assert found is not None
        code, rest = found
        marked = np.flatnonzero(codes[begin:end])
        if not len(marked):
            continue  # A token stands across the border.
        assert marked.tolist() == list(range(len(marked)))
        assert set(codes[begin : begin + len(marked)].tolist()) == {code}
        behind = encoder.tokenizer.decode(tokens.ids[begin + len(marked) : end].tolist())
        whole = encoder.tokenizer.decode(
            encoder.tokenizer.encode(rest.rstrip("\n"), add_special_tokens=False).ids
        )
        assert behind.strip() == whole.strip()
        left += 1
    assert left > 0.7 * len(lines)


def encoder_of(model: str) -> TextEncoder:
    return TextEncoder(tokenizer_file(model).read_text("utf-8"))


def test_a_token_across_the_border_leaves_no_marks() -> None:
    """A vocabulary in which the marker and the next character are one token."""
    pieces = [("<unk>", 0.0), ("但是我", -1.0), ("但是", -2.0), ("来", -2.0), ("他", -2.0)]
    model = {"type": "Unigram", "unk_id": 0, "vocab": pieces, "byte_fallback": False}
    tokenizer = Tokenizer.from_str(json.dumps({"version": "1.0", "model": model}))
    data = np.frombuffer("但是我来\n但是他来\n".encode(), np.uint8)
    starts, name = line_starts(data), opening_name(("但是", "x"))
    spans = {name: find_openings(data, starts, ("但是", "x"))}
    assert len(spans[name]) == 2
    shard = ShardText(data, np.zeros(1, np.int64), sentence_starts=starts, spans=spans)
    tokens = TextEncoder(str(tokenizer.to_str())).encode(shard, rng_for(0, "check"))
    assert tokens.ids.tolist() == [1, 3, 2, 4, 3]
    assert tokens.annotations[name].tolist() == [0, 0, 1, 0, 0]
