import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from transforms.arrays.ragged import range_indices

RANGES = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 40)), max_size=8)


@given(ranges=RANGES)
def test_ranges_of_any_length_are_concatenated(ranges: list[tuple[int, int]]) -> None:
    """Ranges with a mean length of eight or more go another way than shorter ones."""
    expected = [index for start, length in ranges for index in range(start, start + length)]
    starts = np.array([start for start, _ in ranges], np.int64)
    lengths = np.array([length for _, length in ranges], np.int64)
    assert range_indices(starts, lengths).tolist() == expected
