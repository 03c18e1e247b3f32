import time
from collections.abc import Iterator

import pytest

from benchmarks import stages


def test_every_stage_has_a_function_here() -> None:
    for names in stages.STAGES.values():
        assert any(map(stages.resolve, names)), names


def test_a_stage_has_not_the_time_of_those_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(time, "process_time", lambda: now)
    clock = stages.Clock()

    def work(seconds: float) -> None:
        nonlocal now
        now += seconds

    inner = clock.around("inner", work)

    def items() -> Iterator[int]:
        work(2)
        inner(3)
        yield 1
        work(4)
        yield 2

    found = []
    for item in clock.around("outer", items)():
        work(10)
        found.append(item)
    clock.tick()
    assert found == [1, 2]
    assert clock.seconds == {stages.REST: 20, "outer": 6, "inner": 3}
