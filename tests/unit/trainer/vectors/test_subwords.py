"""N-grams of words and their hashes: golden values of the original, and a slow second way."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.vectors.subwords import mean_rows, ngram_bags, ngram_buckets, single_bags
from transforms.kernels.ngrams import signed_fnv

BUCKETS = 2_000_000


def fnv(text: str) -> int:
    """FNV-1a of bytes that are signed."""
    found = 2166136261
    for byte in text.encode():
        signed = byte - 256 if byte >= 128 else byte
        found = (found ^ signed % (1 << 32)) * 16777619 % (1 << 32)
    return found


def ngrams(word: str, shortest: int, longest: int) -> list[str]:
    marked = f"<{word}>"
    found = []
    for begin in range(len(marked)):
        for end in range(begin + shortest, begin + longest + 1):
            mark = end - begin == 1 and (begin == 0 or end == len(marked))
            if end <= len(marked) and not mark:
                found.append(marked[begin:end])
    return found


@pytest.mark.parametrize(
    ("text", "hashed"),
    [
        ("<wh", 1048167652),
        ("whe", 888420941),
        ("her", 4105473420),
        ("ere", 2073529033),
        ("re>", 2062867498),
        ("<中", 3006752166),
        ("中文", 1907909189),
        ("é", 1023043777),
    ],
)
def test_golden_hashes(text: str, hashed: int) -> None:
    data = np.frombuffer(text.encode(), np.uint8).copy()
    assert int(signed_fnv(data, 0, len(data))) == hashed == fnv(text)


def test_n_grams_of_a_word() -> None:
    hashes = [1048167652, 888420941, 4105473420, 2073529033, 2062867498]
    assert ngram_buckets(["where"], 3, 3, BUCKETS).values.tolist() == [h % BUCKETS for h in hashes]


def test_n_grams_are_of_characters() -> None:
    """The whole word with its marks is one of them, a mark alone is none."""
    assert ngrams("中文", 1, 4) == ["<中", "<中文", "<中文>", "中", "中文", "中文>", "文", "文>"]
    found = ngram_buckets(["中文"], 1, 4, BUCKETS).values
    assert found.tolist() == [fnv(each) % BUCKETS for each in ngrams("中文", 1, 4)]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=6), max_size=5),
    st.integers(1, 4),
    st.integers(0, 3),
    st.integers(1, 50),
)
def test_buckets_are_those_of_the_slow_way(
    words: list[str], shortest: int, more: int, buckets: int
) -> None:
    found = ngram_buckets(words, shortest, shortest + more, buckets)
    for number, word in enumerate(words):
        expected = ngrams(word, shortest, shortest + more) if word else []
        assert found.row(number).tolist() == [fnv(each) % buckets for each in expected]


def test_bags_are_the_word_and_its_n_grams() -> None:
    words = ["", "ab", "aa"]
    bags = ngram_bags(words, 2, 2, BUCKETS)
    numbers = sorted({fnv(each) % BUCKETS for word in words[1:] for each in ngrams(word, 2, 2)})
    assert bags.numbers.tolist() == numbers
    assert bags.rows.row(0).tolist() == [0]
    expected = [3 + numbers.index(fnv(each) % BUCKETS) for each in ngrams("ab", 2, 2)]
    assert bags.rows.row(1).tolist() == [1, *expected]
    assert bags.size == 3 + len(numbers)


def test_gains_count_what_a_word_has_twice() -> None:
    """All n-grams share one bucket: of "ab" it has three, and the word itself."""
    bags = ngram_bags(["", "ab"], 2, 2, 1)
    assert bags.rows.row(1).tolist() == [1, 2, 2, 2]
    assert bags.gains.tolist() == [1, (1 + 9) / 4]


def test_means_are_of_the_rows_of_a_word() -> None:
    bags, table = ngram_bags(["", "ab"], 2, 2, 1), np.arange(9, dtype=np.float32).reshape(3, 3)
    assert mean_rows(bags, table, np.array([1, 0])).tolist() == [[5.25, 6.25, 7.25], [0, 1, 2]]
    assert np.array_equal(mean_rows(single_bags(3), table, np.array([2])), table[2:])
