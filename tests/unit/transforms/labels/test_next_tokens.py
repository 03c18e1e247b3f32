import numpy as np
import pytest

from transforms.labels.next_tokens import NextTokens

# Rows a / b c and d / with `/` = 5; documents begin at b, and at d in the middle of nowhere.
IDS = np.array([7, 5, 8, 9, 6, 5])
OFFSETS = np.array([0, 4, 6])
STARTS = np.array([0, 0, 1, 0, 1, 0])


@pytest.mark.parametrize(
    ("how", "sources"),
    [
        (NextTokens(), [0, 1, 2, 4]),
        (NextTokens(keep_apart=True), [0, 2, 4]),
        (NextTokens(after_document_end=False), [0, 2, 4]),
        (NextTokens(keep_apart=True, after_document_end=False), [0, 2, 4]),
    ],
)
def test_what_is_predicted(how: NextTokens, sources: list[int]) -> None:
    assert np.flatnonzero(how.sources(IDS, OFFSETS, STARTS, 5)).tolist() == sources


def test_a_piece_without_an_end_before_it() -> None:
    """Documents that are kept apart are so wherever one begins, not only behind an end."""
    starts = np.array([0, 0, 1, 1, 0, 0])
    found = NextTokens(keep_apart=True).sources(IDS, OFFSETS, starts, 5)
    assert np.flatnonzero(found).tolist() == [0, 4]


def test_rows_of_one_token() -> None:
    found = NextTokens().sources(np.array([1, 2]), np.array([0, 1, 2]), np.zeros(2), 5)
    assert not found.any()
