"""What a stream is known by is written once, read as it was written, and damage is told."""

import dataclasses
from pathlib import Path

import pytest

from pipelines.stream.log import (
    check_plans,
    is_planned,
    is_stream,
    put_plan,
    put_section,
    put_stream,
    read_given_up,
    read_index,
    read_plan,
    read_sections,
    read_stream,
    section_of,
    window_folder,
    write_given_up,
    write_index,
)
from schemas.checked_json import DamagedError
from schemas.stream import (
    GivenUp,
    IndexedSplit,
    IndexedWindow,
    PlannedFile,
    Section,
    StreamIndex,
    StreamRecord,
    WindowPlan,
)

PLAN = WindowPlan(
    window=3,
    files=(
        PlannedFile(path="/in/a.txt", size=5, modified=1700000000.123456),
        PlannedFile(path="gs://b/ü.txt", size=0, modified=0.0),
    ),
)


def section(number: int, first: int) -> Section:
    return Section(section=number, first=first, software={"numpy": "2.0"}, data_version=4)


def window(number: int) -> IndexedWindow:
    splits = {"train": IndexedSplit(rows=3, tokens=10)}
    return IndexedWindow(window=number, section=0, checksum="0" * 64, documents=2, splits=splits)


def index(*numbers: int) -> StreamIndex:
    return StreamIndex(format_version=1, windows=tuple(map(window, numbers)))


def test_a_plan_is_read_as_it_was_written(tmp_path: Path) -> None:
    stream = str(tmp_path)
    assert not is_planned(stream, 3)
    assert put_plan(stream, PLAN)
    assert is_planned(stream, 3)
    assert not is_planned(stream, 4)
    assert read_plan(stream, 3) == PLAN
    assert [path.name for path in tmp_path.rglob("*.json")] == ["00000003.json"]


def test_the_first_plan_of_a_window_stays(tmp_path: Path) -> None:
    other = dataclasses.replace(PLAN, files=PLAN.files[:1])
    assert put_plan(str(tmp_path), other)
    assert not put_plan(str(tmp_path), PLAN)
    assert read_plan(str(tmp_path), 3) == other


def test_the_first_record_and_section_stay(tmp_path: Path) -> None:
    stream = str(tmp_path)
    assert not is_stream(stream)
    assert read_stream(stream) is None
    for seed in (1, 2):
        put_stream(stream, StreamRecord(format_version=1, identity={"seed": seed}))
        put_section(stream, section(0, seed))
    assert is_stream(stream)
    found = read_stream(stream)
    assert found is not None
    assert found.identity == {"seed": 1}
    assert read_sections(stream) == [section(0, 1)]


def test_the_section_of_a_window() -> None:
    sections = [section(0, 0), section(1, 4), section(2, 4), section(3, 6)]
    found = [section_of(sections, window).section for window in range(8)]
    assert found == [0, 0, 0, 0, 2, 2, 3, 3]


def test_what_was_given_up_may_become_more(tmp_path: Path) -> None:
    stream = str(tmp_path)
    assert read_given_up(stream, 3) == frozenset()
    for files in (("a",), ("a", "b")):
        write_given_up(stream, GivenUp(window=3, files=files))
        assert read_given_up(stream, 3) == frozenset(files)
    assert read_given_up(stream, 2) == frozenset()
    assert not is_planned(stream, 3)


def test_the_index(tmp_path: Path) -> None:
    stream = str(tmp_path)
    assert read_index(stream) == index()
    write_index(stream, index(0, 1))
    assert read_index(stream) == index(0, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["index.json"]


@pytest.mark.parametrize("numbers", [(1,), (0, 2), (1, 0), (0, 0)])
def test_an_index_with_a_gap_is_damaged(tmp_path: Path, numbers: tuple[int, ...]) -> None:
    write_index(str(tmp_path), index(*numbers))
    with pytest.raises(DamagedError, match=r"index\.json is damaged: its windows are not 0, 1, 2"):
        read_index(str(tmp_path))


def test_another_version_is_told(tmp_path: Path) -> None:
    stream = str(tmp_path)
    put_stream(stream, StreamRecord(format_version=2, identity={}))
    write_index(stream, dataclasses.replace(index(0), format_version=2))
    for read in (read_stream, read_index):
        with pytest.raises(DamagedError, match=r"is of version 2 of streams, .* knows version 1"):
            read(stream)


def test_damage_is_told(tmp_path: Path) -> None:
    stream = str(tmp_path)
    with pytest.raises(DamagedError, match=r"00000003\.json is missing; restore it"):
        read_plan(stream, 3)
    put_plan(stream, PLAN)
    path = tmp_path / "plans" / "00000003.json"
    path.rename(path.with_name("00000004.json"))
    with pytest.raises(DamagedError, match=r"00000004\.json is damaged: it is the plan of window"):
        read_plan(stream, 4)
    put_section(stream, section(0, 0))
    sections = tmp_path / "sections"
    (sections / "00000001.json").write_bytes((sections / "00000000.json").read_bytes())
    with pytest.raises(DamagedError, match=r"00000001\.json is section 0"):
        read_sections(stream)


@pytest.mark.parametrize("change", [(b"/in/a.txt", b"/in/b.txt"), (b'"size": 5', b'"size": -5')])
def test_an_edited_plan_is_told(tmp_path: Path, change: tuple[bytes, bytes]) -> None:
    put_plan(str(tmp_path), PLAN)
    path = tmp_path / "plans" / "00000003.json"
    content = path.read_bytes()
    assert change[0] in content
    path.write_bytes(content.replace(*change))
    with pytest.raises(DamagedError, match=r"00000003\.json is damaged: its checksum differs"):
        read_plan(str(tmp_path), 3)


def test_folders_of_windows() -> None:
    assert window_folder("/out", 7) == "/out/windows/00000007"
    assert window_folder("out/", 7) == "out/windows/00000007"


def test_a_missing_plan_is_told(tmp_path: Path) -> None:
    for window in (0, 2):
        put_plan(str(tmp_path), WindowPlan(window=window, files=()))
    with pytest.raises(DamagedError, match=r"00000001\.json is missing, and the stream has 3 wind"):
        check_plans(str(tmp_path))
    put_plan(str(tmp_path), WindowPlan(window=1, files=()))
    check_plans(str(tmp_path))
