"""The turns of a run on a stream, written down before they are taken."""

from pathlib import Path

import pytest

from schemas.checked_json import DamagedError
from trainer.course import COURSE, Course, Position, Turn


def turns(*taken: tuple[int, int], first: int = 0) -> list[Turn]:
    return [
        Turn(turn=first + number, window=window, visit=visit)
        for number, (window, visit) in enumerate(taken)
    ]


def written(run: Path, found: list[Turn]) -> Course:
    course = Course(run)
    course.read()
    for turn in found:
        course.decide(turn)
    again = Course(run)
    again.read()
    return again


TAKEN = turns((0, 0), (0, 1), (2, 0))
AFTER_ONE = Position(turn=1, fresh=1)
AFTER_TWO = Position(turn=2, fresh=1, replays=1, visits={"0": 1})


def test_what_was_decided_is_decided_again(tmp_path: Path) -> None:
    course = written(tmp_path, TAKEN)
    assert course.decided(Position(), 0) == TAKEN[0]
    # Window 2 is there by now, and comes after the replay all the same.
    assert course.decided(AFTER_ONE, 2) == TAKEN[1]
    assert course.decided(AFTER_TWO, 2) == TAKEN[2]
    assert course.decided(Position(turn=3, fresh=3), 3) is None


def test_a_line_that_was_cut_off_was_never_taken(tmp_path: Path) -> None:
    written(tmp_path, TAKEN)
    path = tmp_path / COURSE
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    course = written(tmp_path, [])
    assert course.decided(AFTER_TWO, 2) is None
    course.decide(TAKEN[2])
    assert path.read_bytes() == whole


@pytest.mark.parametrize(
    ("position", "available"),
    [
        # Another slot has rows, as the rows are dealt in another way.
        (AFTER_TWO, 1),
        # Nothing was done yet that could be done again.
        (Position(turn=1, fresh=0), 0),
        # It was done again before.
        (Position(turn=1, fresh=1, visits={"0": 1}), 2),
    ],
)
def test_turns_of_another_run_are_dropped(
    position: Position, available: int, tmp_path: Path
) -> None:
    course = written(tmp_path, TAKEN)
    assert course.decided(position, available) is None
    kept = len((tmp_path / COURSE).read_bytes().splitlines())
    assert kept == position.turn


def test_a_run_that_was_resumed_from_elsewhere_begins_with_a_later_turn(tmp_path: Path) -> None:
    later = turns((4, 0), (2, 1), first=7)
    course = written(tmp_path, later)
    assert course.decided(Position(turn=8, fresh=5), 5) == later[1]
    assert course.decided(Position(turn=6, fresh=3), 3) is None
    # Turns with a gap between them are of two runs.
    course.decide(Turn(turn=3, window=1, visit=0))
    assert written(tmp_path, []).decided(Position(turn=3, fresh=1), 1) is not None


@pytest.mark.parametrize(
    "content",
    [
        b"nonsense\n",
        b'{"turn": 0, "window": 0}\n',
        b'{"turn": 0, "window": 0, "visit": 0}\n{"turn": 2, "window": 0, "visit": 1}\n',
        b'{"turn": 0, "window": -1, "visit": 0}\n',
        b"\xff\n",
        b"[]\n",
    ],
)
def test_damage_is_said(content: bytes, tmp_path: Path) -> None:
    (tmp_path / COURSE).write_bytes(content)
    with pytest.raises(DamagedError, match=r"course\.jsonl is damaged"):
        Course(tmp_path).read()
