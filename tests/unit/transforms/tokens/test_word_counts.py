import collections
import itertools
import pickle

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.arrow_columns import numpy_of
from transforms.tokens import word_counts
from transforms.tokens.word_counts import WORD_COUNTS, CountSum, count_words, deal_counts

# With prefixes of one another, and longer than the 15 bytes that a key holds.
WORDS = ["a", "ab", "the", "é", "电影", "x" * 15, "x" * 16, "x" * 17, "y" * 40, "</s>"]
LINES = st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=6), max_size=8)


def text_of(lines: list[list[str]]) -> bytes:
    return "".join(f"{' '.join(line)}\n" for line in lines).encode()


def counted(table: pa.RecordBatch | pa.Table) -> dict[bytes, int]:
    assert table.schema == WORD_COUNTS
    words = table["word"].to_pylist()
    assert len({*words}) == len(words)
    return dict(zip(words, table["count"].to_pylist(), strict=True))


def slowly(*texts: bytes) -> dict[bytes, int]:
    return dict(collections.Counter(itertools.chain.from_iterable(text.split() for text in texts)))


@given(st.lists(LINES, max_size=5), st.integers(1, 7), st.integers(1, 40), st.integers(1, 5))
def test_counts_are_those_of_a_counter(
    shards: list[list[list[str]]], partitions: int, block: int, least: int
) -> None:
    texts = [text_of(lines) for lines in shards]
    totals = [CountSum() for _ in range(partitions)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(word_counts, "_BLOCK_BYTES", block)
        patch.setattr(word_counts, "_LEAST_ROWS", least)
        for text in texts:
            for number, counts in deal_counts(np.frombuffer(text, np.uint8), partitions):
                assert counts.num_rows
                totals[number].add(counts)
        found = [counted(total.table()) for total in totals]
    assert sum(map(len, found)) == len(slowly(*texts))
    assert {word: n for each in found for word, n in each.items()} == slowly(*texts)


def test_words_are_spread_over_partitions() -> None:
    words = [f"{number}" for number in range(4000)]
    data = np.frombuffer(text_of([words]), np.uint8)
    sizes = [counts.num_rows for _, counts in deal_counts(data, 8)]
    assert sum(sizes) == 4000
    # 500 each, and six standard deviations of a fair deal.
    assert max(abs(size - 500) for size in sizes) < 6 * (4000 / 8 * 7 / 8) ** 0.5


def test_words_are_counted_in_the_order_in_which_they_are_met() -> None:
    found = count_words(np.frombuffer(b"b a\nb c\n", np.uint8))
    assert counted(found) == {b"b": 2, b"a": 1, b"c": 1}
    assert found["word"].to_pylist() == [b"b", b"a", b"c"]


def test_a_sum_travels_and_goes_on() -> None:
    total = CountSum()
    total.add(count_words(np.frombuffer(b"a b\n", np.uint8)))
    other: CountSum = pickle.loads(pickle.dumps(total))
    for _ in range(3):
        other.add(total.table())
    assert counted(other.table()) == {b"a": 4, b"b": 4}
    assert numpy_of(total.table()["count"].combine_chunks()).tolist() == [1, 1]
