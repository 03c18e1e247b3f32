import json
import pickle

import numpy as np
import pytest

from schemas.counts import CountsError, read_counts

IDS = {"[PAD]": 0, "[UNK]": 1, "a": 2, "b": 3, "c": 4, "\t": 5, "x y": 6}
SPECIAL = frozenset({0})


def test_lines_and_json_say_the_same() -> None:
    lines = read_counts("b\t3\na\t1\n[UNK]\t2\nc\t0\n", IDS, SPECIAL)
    whole = read_counts('{"a": 1, "b": 3, "[UNK]": 2}', IDS, SPECIAL)
    assert dict(lines.counts) == dict(whole.counts) == {1: 2, 2: 1, 3: 3}
    assert lines.json == whole.json
    assert lines.sha256 == whole.sha256
    assert json.loads(lines.json) == {"[UNK]": 2, "a": 1, "b": 3}
    assert read_counts(lines.json, IDS, SPECIAL).sha256 == lines.sha256


def test_a_share_of_the_bits_belongs_to_each() -> None:
    counts = read_counts("a\t1\nb\t2\nc\t1\n", IDS, SPECIAL)
    assert counts.ids.tolist() == [2, 3, 4]
    assert counts.thresholds.tolist() == [1 << 30, 3 << 30, 1 << 32]


def test_counts_may_be_larger_than_32_bits_hold() -> None:
    counts = read_counts(f"a\t1\nb\t{3 << 60}\nc\t{1 << 60}\n", IDS, SPECIAL)
    # "a" would come once in 2**62 draws, and 32 bits tell 2**32 apart.
    assert counts.ids.tolist() == [3, 4]
    assert counts.thresholds.tolist() == [3 << 30, 1 << 32]


def test_they_travel() -> None:
    counts = read_counts("a\t1\nb\t2\n", IDS, SPECIAL)
    again = pickle.loads(pickle.dumps(counts))
    assert np.array_equal(again.thresholds, counts.thresholds)
    assert again.sha256 == counts.sha256


def test_special_tokens_are_left_out_and_odd_tokens_are_not() -> None:
    counts = read_counts("[PAD]\t9\n\t\t2\r\nx y\t1\r\n\n", IDS, SPECIAL)
    assert dict(counts.counts) == {5: 2, 6: 1}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a\t1\nd\t2", "the token 'd' is not in the tokenizer's vocabulary"),
        ("a\t1\na\t2", "the token 'a' comes twice"),
        ('{"a": 1, "a": 2}', "the token 'a' comes twice"),
        ("a\t1.5", "count of 'a' must be a whole number of at least 0, got '1.5'"),
        ("a\t-1", "count of 'a' must be a whole number of at least 0, got '-1'"),
        ('{"a": 1.5}', "count of 'a' must be a whole number of at least 0, got 1.5"),
        ('{"a": true}', "count of 'a' must be a whole number of at least 0, got True"),
        ('{"a": {"b": 1}}', "count of 'a' must be a whole number"),
        ('{"a": 1', "not JSON"),
        ("a\t1\nb 2", "line 2 has no tab between a token and its count"),
        ("", "no token but special ones has a count above 0"),
        ("[PAD]\t3\na\t0", "no token but special ones has a count above 0"),
    ],
)
def test_what_is_wrong_is_told(text: str, said: str) -> None:
    with pytest.raises(CountsError, match=said):
        read_counts(text, IDS, SPECIAL)
