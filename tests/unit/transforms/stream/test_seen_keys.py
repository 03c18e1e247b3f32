"""Keys of a stream's documents, against sets."""

from pathlib import Path

import numpy as np
import pytest

from schemas.checked_json import DamagedError
from schemas.records import Array
from transforms.arrays.randomness import rng_for
from transforms.stream.seen_keys import Keys, blocks, keys_before, window_keys, write_keys

SHARD = "train-shard-00000-of-00001"


def packed(*halves: tuple[int, int]) -> Array:
    return np.array(halves, "<u8").reshape(-1, 2).view(np.uint8)


def halves_of(keys: Keys) -> list[tuple[int, int]]:
    return list(zip(keys.first.tolist(), keys.second.tolist(), strict=True))


def test_keys_are_distinct_and_ordered_by_halves() -> None:
    keys = Keys.of(packed((7, 1), (2**64 - 1, 0), (3, 9), (7, 0), (3, 9), (0, 2**64 - 1)))
    assert halves_of(keys) == [(0, 2**64 - 1), (3, 9), (7, 0), (7, 1), (2**64 - 1, 0)]


def test_halves_are_little_endian_as_shards_take_them() -> None:
    key = bytes([1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0])
    keys = Keys.of(np.frombuffer(key, np.uint8).reshape(1, 16))
    assert halves_of(keys) == [(1, 256)]


def test_no_key_is_among_none() -> None:
    none = Keys.of(packed())
    assert halves_of(none) == []
    assert none.has(packed((0, 0), (1, 2))).tolist() == [False, False]
    assert Keys.of(packed((1, 2))).has(packed()).tolist() == []


def test_keys_that_share_a_first_half_are_told_apart() -> None:
    keys = Keys.of(packed((5, 1), (5, 3), (5, 5), (6, 3)))
    asked = packed((5, 0), (5, 1), (5, 2), (5, 3), (5, 4), (5, 5), (5, 6), (6, 3), (6, 1), (4, 3))
    found = [False, True, False, True, False, True, False, True, False, False]
    assert keys.has(asked).tolist() == found


def test_many_windows_against_a_set(tmp_path: Path) -> None:
    """Over 70 windows: eight are merged into one, eight of those again, and nothing is lost."""
    rng = rng_for(3, "keys")
    stream, seen = str(tmp_path), set[tuple[int, int]]()
    for window in range(75):
        asked = [(int(a), int(b)) for a, b in rng.integers(0, 12, (6, 2))]
        parts = keys_before(stream, window, SHARD)
        found = np.zeros(len(asked), np.bool_)
        for part in parts:
            found |= part.has(packed(*asked))
        assert found.tolist() == [key in seen for key in asked]
        assert len(parts) == len(blocks(window)) <= 15
        new = [key for key in asked if key not in seen]
        write_keys(stream, window, SHARD, Keys.of(packed(*new)))
        seen |= set(new)
    assert {path.name for path in tmp_path.glob("keys/*-*")} == {
        *(f"{begin:08d}-{begin + 8:08d}" for begin in range(0, 72, 8)),
        "00000000-00000064",
    }


@pytest.mark.parametrize(
    ("windows", "ranges"),
    [
        (0, []),
        (1, [(0, 1)]),
        (7, [(n, n + 1) for n in range(7)]),
        (8, [(0, 8)]),
        (17, [(0, 8), (8, 16), (16, 17)]),
        (64, [(0, 64)]),
        (63, [*((n, n + 8) for n in range(0, 56, 8)), *((n, n + 1) for n in range(56, 63))]),
        (512, [(0, 512)]),
        (513, [(0, 512), (512, 513)]),
    ],
)
def test_blocks(windows: int, ranges: list[tuple[int, int]]) -> None:
    assert blocks(windows) == ranges


@pytest.mark.parametrize("windows", [1, 9, 200, 1000, 4095])
def test_blocks_are_few_and_have_no_gap(windows: int) -> None:
    found = blocks(windows)
    assert [begin for begin, _ in found] == [0, *(end for _, end in found[:-1])]
    assert found[-1][1] == windows
    assert len(found) <= 28


def of_nine_windows(stream: Path) -> None:
    for window in range(9):
        write_keys(str(stream), window, SHARD, Keys.of(packed((window, 1), (window, 2))))
    assert len(keys_before(str(stream), 9, SHARD)) == 2


def test_a_merged_file_is_made_again(tmp_path: Path) -> None:
    of_nine_windows(tmp_path)
    merged = tmp_path / "keys" / "00000000-00000008" / f"{SHARD}.keys"
    content = merged.read_bytes()
    merged.unlink()
    first, second = keys_before(str(tmp_path), 9, SHARD)
    assert merged.read_bytes() == content
    assert halves_of(first) == [(window, half) for window in range(8) for half in (1, 2)]
    assert halves_of(second) == [(8, 1), (8, 2)]


def test_a_merged_file_needs_none_of_its_parts(tmp_path: Path) -> None:
    of_nine_windows(tmp_path)
    for window in range(8):
        (tmp_path / "keys" / f"{window:08d}" / f"{SHARD}.keys").unlink()
    assert len(keys_before(str(tmp_path), 9, SHARD)[0].first) == 16


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    of_nine_windows(tmp_path)
    path = tmp_path / "keys" / "00000008" / f"{SHARD}.keys"
    path.unlink()
    with pytest.raises(DamagedError, match=f"{path} is missing, .* restore it, or begin another"):
        keys_before(str(tmp_path), 9, SHARD)


@pytest.mark.parametrize("lost", [1, 8, 16, 32])
@pytest.mark.parametrize("folder", ["00000008", "00000000-00000008"])
def test_a_cut_file_is_told(tmp_path: Path, folder: str, lost: int) -> None:
    """Also one that lost whole keys: its halves would be taken for each other's."""
    of_nine_windows(tmp_path)
    path = tmp_path / "keys" / folder / f"{SHARD}.keys"
    path.write_bytes(path.read_bytes()[:-lost])
    with pytest.raises(DamagedError, match=f"{path} is damaged"):
        keys_before(str(tmp_path), 9, SHARD)


def test_a_window_without_new_keys(tmp_path: Path) -> None:
    write_keys(str(tmp_path), 0, SHARD, Keys.of(packed()))
    assert halves_of(window_keys(str(tmp_path), 0, SHARD)) == []
    write_keys(str(tmp_path), 0, SHARD, Keys.of(packed((1, 2))))
    assert halves_of(window_keys(str(tmp_path), 0, SHARD)) == [(1, 2)]
