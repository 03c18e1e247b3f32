import itertools
from collections.abc import Callable

import numpy as np
import pytest

from schemas.windows import Examples
from tests.oracles.context_spans import selected_in_half
from tests.oracles.streams import select_once
from transforms.arrays.randomness import rng_for
from transforms.contract.oracle import uniformity
from transforms.corruption.context_spans import ContextSpans, harmonic_thresholds


def rows_of(
    rows: int, length: int, *, reuse_len: int = 0, word: int = 1, backward: bool = False
) -> Examples:
    """Returns rows of words of so many tokens; the last tokens are `sep cls`, and a `sep` before.

    In reversed rows the last token of a word begins it.
    """
    special = np.zeros((rows, length), np.bool_)
    special[:, [-1, -2, -1 - length // 4]] = True
    starts = np.zeros((rows, length), np.bool_)
    starts[:, (word - 1 if backward else 0) :: word] = True
    starts &= ~special
    return Examples(
        ids=np.arange(rows * length).astype(np.uint16),
        offsets=np.arange(rows + 1, dtype=np.int64) * length,
        second_segment_start=np.full(rows, length),
        special=special.ravel(),
        word_starts=starts.ravel(),
        backward=np.full(rows, backward) if backward else None,
        reuse_len=reuse_len,
    )


def targets_of(how: ContextSpans, examples: Examples, seed: int = 0) -> list[list[int]]:
    """Returns the selected positions of each row that are no special tokens."""
    found = select_once(how, examples, rng_for(seed, "select"))
    targets = []
    for row, begin in zip(found, examples.offsets.tolist(), strict=False):
        special = examples.special[begin : begin + examples.second_segment_start[0]]
        assert set(np.flatnonzero(special).tolist()) <= set(row)
        targets.append(np.array(row)[~special[row]].tolist())
    return targets


def runs_of(positions: list[int]) -> list[int]:
    """Returns the lengths of runs of neighbours."""
    cuts = [i + 1 for i, (a, b) in enumerate(itertools.pairwise(positions)) if b != a + 1]
    borders = [0, *cuts, len(positions)]
    return [b - a for a, b in itertools.pairwise(borders) if b > a]


def test_the_law_of_lengths() -> None:
    shares = np.diff(harmonic_thresholds(5), prepend=0) / 2**32
    assert shares.round(4).tolist() == [0.438, 0.219, 0.146, 0.1095, 0.0876]


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("word", [1, 2, 3])
def test_each_half_has_as_many_targets_as_it_should(word: int, backward: bool) -> None:
    examples = rows_of(200, 512, reuse_len=256, word=word, backward=backward)
    for row in targets_of(ContextSpans(), examples):
        assert sum(at < 256 for at in row) == 43
        assert len(row) == 85


def test_a_number_that_is_asked_for() -> None:
    examples = rows_of(50, 64, reuse_len=32)
    rows = targets_of(ContextSpans(num_predict=21), examples)
    assert {sum(at < 32 for at in row) for row in rows} == {11}
    assert {len(row) for row in rows} == {21}


def test_a_half_with_less_room_than_it_should_have() -> None:
    examples = rows_of(20, 8, reuse_len=4)
    rows = targets_of(ContextSpans(num_predict=8), examples)
    # Three of the second half's tokens are special.
    assert {tuple(row) for row in rows} == {(0, 1, 2, 3, 4)}


def test_spans_follow_the_law() -> None:
    """Contexts so long that spans do not touch, in rows so long that nothing is filled up."""
    examples = rows_of(300, 20_000)
    rows = targets_of(ContextSpans(alpha=200, num_predict=60), examples)
    # The last span of a row is cut.
    lengths = [length for row in rows for length in runs_of(row)[:-1]]
    counts = np.bincount(lengths, minlength=6)
    assert len(lengths) > 6000
    assert len(counts) == 6
    assert uniformity("", counts[1:].tolist(), [1 / n for n in range(1, 6)]).holds


def test_spans_are_of_words() -> None:
    examples = rows_of(300, 20_000, word=3)
    rows = targets_of(ContextSpans(alpha=200, num_predict=90), examples)
    lengths = [length for row in rows for length in runs_of(row)[:-1]]
    counts = np.bincount(lengths, minlength=16)
    assert counts.sum() == counts[3::3].sum() > 3000
    assert uniformity("", counts[3::3].tolist(), [1 / n for n in range(1, 6)]).holds
    by_token = targets_of(ContextSpans(alpha=200, num_predict=90, token_spans=True), examples)
    counts = np.bincount([n for row in by_token for n in runs_of(row)[:-1]], minlength=6)
    assert len(counts) == 6
    assert uniformity("", counts[1:].tolist(), [1 / n for n in range(1, 6)]).holds
    assert all(row[0] % 3 == 0 for row in by_token)


def test_reversed_rows_are_read_from_their_end() -> None:
    forward = rows_of(40, 3000, word=3)
    backward = rows_of(40, 3000, word=3, backward=True)
    # The same text, so special tokens are at mirrored places.
    mirrored = forward.special.reshape(40, -1)[:, ::-1].ravel()
    backward = Examples(
        **{**backward.columns, "special": mirrored},
        offsets=backward.offsets,
        second_segment_start=backward.second_segment_start,
        backward=backward.backward,
    )
    backward.word_starts[:] = forward.word_starts.reshape(40, -1)[:, ::-1].ravel()  # type: ignore[index]
    how = ContextSpans(num_predict=60)
    one, other = targets_of(how, forward), targets_of(how, backward)
    assert one == [sorted(2999 - at for at in row) for row in other]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"token_spans": True, "special_targets": True},
        {"alpha": 9, "beta": 2, "most_words": 3},
    ],
)
def test_as_the_plain_loop_selects(settings: dict[str, int]) -> None:
    """Lengths of runs and places of targets are distributed as those of the slow oracle."""
    rows, length = 1500, 256
    examples = rows_of(rows, length, word=2)
    how = ContextSpans(num_predict=43, **settings)  # type: ignore[arg-type]
    rng = np.random.Generator(np.random.PCG64(5))
    assert examples.word_starts is not None
    starts, special = examples.word_starts[:length].tolist(), examples.special[:length].tolist()
    places = [
        selected_in_half(starts, special, 43, rng, **settings)  # type: ignore[arg-type]
        for _ in range(rows)
    ]
    slow = [[at for at in row if not special[at]] for row in places]
    fast = targets_of(how, examples)
    kinds: list[Callable[[list[int]], list[int]]] = [
        lambda row: [min(n, 9) for n in runs_of(row)],
        lambda row: [at // 16 for at in row],
    ]
    for values in kinds:
        one, other = (
            np.bincount([value for row in each for value in values(row)], minlength=17)
            for each in (slow, fast)
        )
        # Counts within a row depend on one another; a row has about 25 runs and 43 targets.
        spread = 6 * np.sqrt(one + other + 1)
        assert (np.abs(one - other) < spread).all(), (one, other)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("alpha", 0, "alpha must be at least 1, got 0"),
        ("beta", 7, "alpha must be at least beta, so that a span has a context; got 6 and 7"),
        ("most_words", 0, "most_words must be at least 1, got 0"),
        ("num_predict", -1, "num_predict must be at least 0, got -1"),
    ],
)
def test_values_that_cannot_be(field: str, value: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ContextSpans(**{field: value})  # type: ignore[arg-type]
