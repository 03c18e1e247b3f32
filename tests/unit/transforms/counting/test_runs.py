"""The file of a run: a part is read alone, and a file that is not whole is refused."""

from pathlib import Path

import numpy as np
import pytest

from schemas.checked_json import DamagedError
from transforms.counting.runs import read_part, write_run

BLOCKS = [
    (np.array([[3, 4, 5], [6, 7, 8], [9, 10, 11]], np.uint32), np.array([0, 1, 1, 3])),
    (np.array([[12, 13, 14]], np.uint32), np.array([0, 0, 1, 1])),
]


@pytest.fixture
def run(tmp_path: Path) -> str:
    path = str(tmp_path / "run")
    write_run(iter(BLOCKS), path)
    return path


@pytest.mark.parametrize(
    ("part", "wanted"),
    [(0, [[3, 4, 5]]), (1, [[12, 13, 14]]), (2, [[6, 7, 8], [9, 10, 11]])],
)
def test_a_part_has_its_records_of_every_block(
    run: str, part: int, wanted: list[list[int]]
) -> None:
    assert read_part(run, 3, part).tolist() == wanted


def test_a_run_without_records(tmp_path: Path) -> None:
    write_run(iter(()), str(tmp_path / "run"))
    assert read_part(str(tmp_path / "run"), 3, 1).shape == (0, 3)


def test_a_run_that_is_not_whole_is_refused(run: str) -> None:
    content = Path(run).read_bytes()
    for size in range(len(content)):
        Path(run).write_bytes(content[:size])
        with pytest.raises(DamagedError, match="is damaged"):
            read_part(run, 3, 0)


def test_a_table_that_is_no_table_is_refused(run: str) -> None:
    content = bytearray(Path(run).read_bytes())
    content[-2 * 8 - 1] = 255
    Path(run).write_bytes(content)
    with pytest.raises(DamagedError, match="is damaged"):
        read_part(run, 3, 0)


def test_a_run_of_other_parts_is_refused(run: str) -> None:
    for parts in (1, 2, 4):
        with pytest.raises(DamagedError, match="is damaged"):
            read_part(run, parts, 0)
