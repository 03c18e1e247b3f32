"""What must be the same in all windows of a stream, and what begins a section."""

import dataclasses
from pathlib import Path

import pytest

from pipelines.follow_window import plan_window
from pipelines.planning.follow_arguments import FollowOptions, parse_follow_options
from pipelines.planning.plan import BuildPlan
from pipelines.running.local_runner import LocalRunner
from pipelines.stream.identity import (
    check_section,
    open_record,
    own_section,
    stream_identity,
)
from pipelines.stream.log import read_sections
from schemas.errors import RunError, UsageError
from schemas.stream import window_seed
from tests.support.follow_runs import marked_tokenizer
from transforms.files.inputs import input_file


def options(stream: Path, *more: str) -> FollowOptions:
    tokenizer = [] if "--tokenizer" in more else ["--tokenizer", str(marked_tokenizer())]
    given = ["--watch", "/nowhere/*", "--output", str(stream), *tokenizer, *more]
    return parse_follow_options(["roberta", *given])


def plan(given: FollowOptions) -> BuildPlan:
    return plan_window(given, LocalRunner(), 0, [])


def with_software(plan: BuildPlan, **versions: str) -> BuildPlan:
    """Returns the plan that other libraries would make."""
    builders = [
        dataclasses.replace(builder, software={**builder.software, **versions})
        for builder in plan.builders
    ]
    return dataclasses.replace(plan, builders=builders)


def identity(stream: Path, *more: str) -> dict[str, object]:
    given = options(stream, *more)
    return stream_identity(plan(given), given)


@pytest.mark.parametrize(
    "more",
    [
        ["--seed", "7"],
        ["--shards", "3"],
        ["--eval-fraction", "0.1"],
        ["--copies", "2"],
        ["--set", "max_seq_length=64"],
        ["--max-document-mib", "1"],
        ["--text-field", "content"],
        ["--format", "lines"],
        ["--encoding", "gb18030"],
    ],
)
def test_what_decides_the_bytes_is_the_streams(tmp_path: Path, more: list[str]) -> None:
    assert identity(tmp_path, *more) != identity(tmp_path)


@pytest.mark.parametrize(
    "more",
    [
        ["--every", "1h"],
        ["--min-mib", "9"],
        ["--max-wait", "1h"],
        ["--settle", "0"],
        ["--once"],
        ["--give-up-changed"],
        ["--workers", "2"],
        ["--max-rejected", "9"],
        ["--watch", "/other/*"],
        ["--encoding", "UTF8"],
    ],
)
def test_what_does_not_may_change(tmp_path: Path, more: list[str]) -> None:
    assert identity(tmp_path, *more) == identity(tmp_path)


def test_files_software_and_window_are_not_the_streams(tmp_path: Path) -> None:
    given = options(tmp_path)
    path = tmp_path / "a.txt"
    path.write_bytes(b"text")
    files = [input_file(str(path), 4, "auto", 1.0, "utf-8")]
    later = plan_window(given, LocalRunner(), 3, files)
    assert later.builders[0].settings.seed == window_seed(12345, 3)
    assert later.builders[0].settings.seed != plan(given).builders[0].settings.seed
    of_stream = {**stream_identity(later, given), "shards": None}
    assert of_stream == {**stream_identity(plan(given), given), "shards": None}
    assert "software" not in str(of_stream)
    assert later.shards == plan(given).shards


def test_a_record_is_compared(tmp_path: Path) -> None:
    given, other = options(tmp_path), options(tmp_path, "--seed", "7", "--format", "lines")
    open_record(plan(given), given)
    open_record(plan(given), given)
    with pytest.raises(UsageError) as raised:
        open_record(plan(other), other)
    message = str(raised.value)
    assert message.startswith(f"{tmp_path} holds another stream; name another folder, or give")
    # Lines are joined where errors are printed: each difference needs a mark before the next.
    told = message.partition("What differs: ")[2].split("; ")
    assert {"seed: there 12345, here 7", 'format: there "auto", here "lines"'} <= set(told)


def test_sections_begin_when_software_changes(tmp_path: Path) -> None:
    stream, ours = str(tmp_path), plan(options(tmp_path))
    sections, message = own_section(stream, ours, 0)
    assert ([(each.section, each.first) for each in sections], message) == ([(0, 0)], "")
    assert own_section(stream, ours, 5) == (sections, "")
    newer = with_software(ours, numpy="99.0")
    sections, message = own_section(stream, newer, 5)
    assert [(each.section, each.first) for each in sections] == [(0, 0), (1, 5)]
    numpy = ours.builders[0].software["numpy"]
    assert message == f'section 1 begins with window 5: numpy: there "{numpy}", here "99.0"'
    assert own_section(stream, newer, 9) == (sections, "")
    sections, message = own_section(stream, ours, 5)
    assert [(each.section, each.first) for each in sections] == [(0, 0), (1, 5), (2, 5)]
    assert read_sections(stream) == sections


def test_a_program_stops_when_another_began_a_section(tmp_path: Path) -> None:
    stream, ours = str(tmp_path), plan(options(tmp_path))
    own_section(stream, ours, 0)
    check_section(stream, ours, read_sections(stream))
    own_section(stream, with_software(ours, numpy="99.0"), 2)
    numpy = ours.builders[0].software["numpy"]
    with pytest.raises(RunError) as raised:
        check_section(stream, ours, read_sections(stream))
    assert str(raised.value) == (
        f"{stream}: another program has begun section 1 with other software "
        f'(numpy: there "99.0", here "{numpy}"); let one of the two go on'
    )
