"""The keys of a stream are checked with as little memory however many windows there are."""

from pathlib import Path

import numpy as np
import pytest

import pipelines.stream.verify_keys as checked
from pipelines.stream.verify_keys import KeyCheck
from transforms.stream.seen_keys import Keys, keys_before, write_keys

SHARD = "train-shard-00000-of-00001"
HALF = 1 << 63


def keys(*pairs: tuple[int, int]) -> Keys:
    first, second = (np.array([pair[place] for pair in pairs], np.uint64) for place in (0, 1))
    return Keys(first, second)


def stream_of(folder: Path, *windows: Keys) -> str:
    for number, each in enumerate(windows):
        write_keys(str(folder), number, SHARD, each)
    return str(folder)


def problems(stream: str, windows: int, documents: int) -> list[str]:
    check = KeyCheck(stream)
    check.add("train/shard-00000-of-00001", documents)
    found = list(check.problems(windows, counted_all=True))
    assert {problem.check for problem in found} <= {"documents"}
    return [problem.sentence for problem in found]


def test_windows_with_keys_of_their_own_are_well(tmp_path: Path) -> None:
    stream = stream_of(tmp_path, keys((1, 5), (2, 5)), keys(), keys((1, 6), (HALF, 0)))
    assert problems(stream, 3, 4) == []


@pytest.mark.parametrize("chunk", [1, 2, 1 << 22])
@pytest.mark.parametrize("first", [0, 1, HALF - 1, HALF, (1 << 64) - 1])
def test_a_key_in_two_windows(
    chunk: int, first: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checked, "_CHUNK_KEYS", chunk)
    stream = stream_of(tmp_path, keys((first, 5)), keys((3, 3)), keys((first, 5)), keys((first, 6)))
    sentence = f"{SHARD}: 1 document is in two windows, such as 0 and 2"
    assert problems(stream, 4, 4) == [sentence]


def test_documents_that_entered_no_window(tmp_path: Path) -> None:
    stream = stream_of(tmp_path, keys((1, 1), (2, 2)), keys((3, 3)))
    sentence = f"{SHARD}: 3 documents came, and 1 entered a window and 0 wait"
    assert problems(stream, 2, 1) == [sentence]
    check = KeyCheck(stream)
    check.add("train/shard-00000-of-00001", 1)
    assert list(check.problems(2, counted_all=False)) == []


@pytest.mark.parametrize(
    "wrong", [keys((2, 2), (1, 1)), keys((1, 2), (1, 1)), keys((1, 1), (1, 1))]
)
def test_keys_out_of_order(wrong: Keys, tmp_path: Path) -> None:
    stream = stream_of(tmp_path, keys((7, 7)), wrong)
    sentence = f"keys/00000001/{SHARD}.keys is damaged: its keys are not in order"
    assert problems(stream, 2, 3) == [sentence]


def test_a_file_that_is_cut(tmp_path: Path) -> None:
    stream = stream_of(tmp_path, keys((7, 7)))
    path = tmp_path / f"keys/00000000/{SHARD}.keys"
    path.write_bytes(path.read_bytes()[:-1])
    assert problems(stream, 1, 1) == [f"{path} is damaged: it is cut, or holds no keys; restore it"]


@pytest.mark.parametrize(
    "wrong",
    [
        [(number, number) for number in range(7)],
        [(number, number + (number == 3)) for number in range(8)],
        [(number + (number == 7), number) for number in range(8)],
        [(number, [1, 0, *range(2, 8)][number]) for number in range(8)],
    ],
)
def test_a_merged_file_with_other_keys(wrong: list[tuple[int, int]], tmp_path: Path) -> None:
    stream = stream_of(tmp_path, *(keys((number, number)) for number in range(9)))
    keys_before(stream, 8, SHARD)
    path = tmp_path / f"keys/00000000-00000008/{SHARD}.keys"
    assert path.is_file()
    assert problems(stream, 9, 9) == []
    path.write_bytes(keys(*wrong).to_bytes())
    sentence = (
        f"keys/00000000-00000008/{SHARD}.keys has other keys than the windows that it merges; "
        "delete it, and it is made again"
    )
    assert problems(stream, 9, 9) == [sentence]
