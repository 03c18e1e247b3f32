import numpy as np
import pytest

from schemas.records import Array
from schemas.windows import Examples
from tests.oracles.draws import HALF, RowDraws
from tests.oracles.streams import ROLES, one_copy, rewrite_once, vocabulary
from transforms.arrays.randomness import random_below, random_bits, rng_for
from transforms.contract.oracle import rate, uniformity
from transforms.corruption.rewrite import MaskRandomKeep

MASK = ROLES["mask"]
SIZE = 300
TOKENS = 120_000


LENGTH = 60_000


def rows(count: int, length: int, size: int = SIZE, id_type: str = "uint16") -> Examples:
    """Rows of ordinary ids that never repeat next to each other."""
    return Examples(
        ids=(10 + np.arange(count * length) % (size - 10)).astype(id_type),
        offsets=np.arange(count + 1) * length,
        second_segment_start=np.full(count, length),
        special=np.zeros(count * length, np.bool_),
    )


def rewrite(how: MaskRandomKeep) -> tuple[Array, Array]:
    """Returns what was there and what is seen."""
    examples, everywhere = rows(TOKENS // LENGTH, LENGTH), [range(LENGTH)] * (TOKENS // LENGTH)
    names = vocabulary(SIZE)
    return examples.ids, rewrite_once(how, examples, everywhere, names, rng_for(0, "rewrite"))


def test_eighty_ten_ten() -> None:
    ids, seen = rewrite(MaskRandomKeep())
    assert seen.dtype == ids.dtype
    # A random token may be the mask, or the token itself.
    assert rate("masked", int((seen == MASK).sum()), TOKENS, 0.8 + 0.1 / SIZE).holds
    assert rate("kept", int((seen == ids).sum()), TOKENS, 0.1 + 0.1 / SIZE).holds
    random = seen[(seen != MASK) & (seen != ids)]
    counts = np.bincount(random, minlength=SIZE)
    others = [i for i in range(10) if i != MASK]
    assert uniformity("special too", counts[others].tolist(), [1] * 9).holds
    assert uniformity("id", counts[10:].tolist(), [1] * (SIZE - 10)).holds


def test_only_the_mask() -> None:
    _, seen = rewrite(MaskRandomKeep(mask=1.0, random=0.0))
    assert (seen == MASK).all()


def test_only_keeping() -> None:
    how = MaskRandomKeep(mask=0.0, random=0.0)
    ids, seen = rewrite(how)
    assert (seen == ids).all()
    assert how.roles == frozenset()


def test_only_random_tokens_of_the_allowed() -> None:
    how = MaskRandomKeep(mask=0.0, random=1.0, exclude=("cls", "sep", "pad", "unk"))
    _, seen = rewrite(how)
    counts = np.bincount(seen, minlength=SIZE)
    assert counts[:4].tolist() == [0, 0, 0, 0]
    assert uniformity("allowed", counts[4:].tolist(), [1] * (SIZE - 4)).holds
    assert how.shares(vocabulary(SIZE)).allowed.tolist() == list(range(4, SIZE))


def test_neighbours_are_decided_apart() -> None:
    _, seen = rewrite(MaskRandomKeep(mask=0.5, random=0.0))
    masked = (seen == MASK).reshape(-1, 2).sum(axis=1)
    assert uniformity("masked of two", np.bincount(masked).tolist(), [1, 2, 1]).holds


def test_what_is_seen_is_drawn_for_each_position() -> None:
    how = MaskRandomKeep(mask=0.3, random=0.4, exclude=("pad",))
    copy, examples = one_copy(rng_for(0, "rewrite")), rows(3, 8)
    expected = []
    for row in range(3):
        draws = RowDraws(int(copy.keys[0]), row)
        for at in (1, 2, 5):
            draws.draw()
            kept = int(examples.ids[8 * row + at])
            other = 1 + (draws.high * (SIZE - 1) // HALF)
            shares = ((0.3, MASK), (0.7, other), (1.0, kept))
            expected.append(next(seen for p, seen in shares if draws.low < round(p * HALF)))
    found = rewrite_once(how, examples, [[1, 2, 5]] * 3, vocabulary(SIZE), rng_for(0, "rewrite"))
    assert found.tolist() == expected


def test_only_selected_positions_are_returned() -> None:
    def seen(how: MaskRandomKeep, positions: list[int]) -> list[int]:
        rng, names = rng_for(0, "rewrite"), vocabulary(SIZE)
        found: list[int] = rewrite_once(how, rows(1, 8), [positions], names, rng).tolist()
        return found

    assert seen(MaskRandomKeep(mask=0.0, random=0.0), [1, 2, 5]) == [11, 12, 15]
    assert seen(MaskRandomKeep(), []) == seen(MaskRandomKeep(random=0.0), []) == []


def test_the_examples_stay_as_they_are() -> None:
    examples = rows(1, 100)
    before = examples.ids.copy()
    rewrite_once(MaskRandomKeep(), examples, [range(100)], vocabulary(SIZE), rng_for(0, "rewrite"))
    assert (examples.ids == before).all()


def test_wide_ids() -> None:
    how = MaskRandomKeep(mask=0.0, random=1.0)
    examples, names = rows(1, 1000, 200_000, "uint32"), vocabulary(200_000)
    seen = rewrite_once(how, examples, [range(1000)], names, rng_for(0, "rewrite"))
    assert seen.dtype == np.uint32
    assert seen.max() > 1 << 16


@pytest.mark.parametrize(
    ("mask", "random"), [(-0.1, 0.1), (0.8, -0.1), (0.8, 0.3), (float("nan"), 0.1), (0.1, np.nan)]
)
def test_shares_must_be_shares(mask: float, random: float) -> None:
    with pytest.raises(ValueError, match="mask and random must be at least 0 and at most 1"):
        MaskRandomKeep(mask=mask, random=random)


def test_excluded_roles_must_exist() -> None:
    with pytest.raises(
        ValueError, match="role must be one of cls, sep, mask, pad, unk, eod, got 'clss'"
    ):
        MaskRandomKeep(exclude=("clss",))


def test_random_bits_and_numbers() -> None:
    bits = random_bits(rng_for(0, "bits"), 9)
    assert (bits.dtype, len(bits)) == (np.uint32, 9)
    assert bits[:4].tolist() == random_bits(rng_for(0, "bits"), 4).tolist()
    assert len(random_bits(rng_for(0, "bits"), 0)) == 0
    ones = np.unpackbits(random_bits(rng_for(1, "bits"), 100_000).view(np.uint8)).reshape(-1, 8)
    assert all(rate("bit", int(n), len(ones), 0.5).holds for n in ones.sum(axis=0))
    numbers = random_below(rng_for(2, "bits"), 7, 70_000)
    assert uniformity("number", np.bincount(numbers).tolist(), [1] * 7).holds
    assert random_below(rng_for(3, "bits"), 1, 100).tolist() == [0] * 100


def test_paths_of_generators_do_not_run_into_each_other() -> None:
    paths: list[tuple[str | int, ...]] = [
        *((), ("a",), ("b",), ("ab",), ("a", "b"), ("a", ""), ("", "a"), ("a", 1), ("a", "1")),
        *((1,), ("1",), (1, 1), (11,), ("a,b",)),
    ]
    drawn = {tuple(random_bits(rng_for(seed, *path), 4)) for path in paths for seed in (0, 1, -1)}
    assert len(drawn) == 3 * len(paths)
