"""`--source`: how it is read, and what is refused."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from pipelines.planning.sources import SourceOption, Sources, find_sources, read_source
from schemas.errors import UsageError
from transforms.files.inputs import InputFile
from transforms.read.input_files import match_inputs

BAD_WEIGHTS = ("0", "0.0000001", "1001", "-1", "1e3", "1.2.3", "+1", "9" * 400, ".")


@pytest.mark.parametrize(
    ("text", "pattern", "millionths"),
    [
        ("web=a*.txt", "a*.txt", None),
        ("web=a*.txt:2", "a*.txt", 2_000_000),
        ("web=a:.5", "a", 500_000),
        ("web=a:0.000001", "a", 1),
        ("web=a:1000.", "a", 1_000_000_000),
        ("web=gs://bucket/*.jsonl", "gs://bucket/*.jsonl", None),
        ("web=gs://bucket/*.jsonl:1.5", "gs://bucket/*.jsonl", 1_500_000),
        ("web=C:\\texts\\*.txt", "C:\\texts\\*.txt", None),
        ("web=a=b:1:2", "a=b:1", 2_000_000),
    ],
)
def test_a_number_after_the_last_colon_is_a_weight(
    text: str, pattern: str, millionths: int | None
) -> None:
    assert read_source(text) == SourceOption(name="web", pattern=pattern, millionths=millionths)


@pytest.mark.parametrize("text", ["", "web", "=a", "web=", "w b=a", "深度=a", "a/b=c"])
def test_what_is_no_source_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--source takes NAME=GLOB or NAME=GLOB:WEIGHT"):
        read_source(text)


@pytest.mark.parametrize("weight", BAD_WEIGHTS)
def test_weights_out_of_bounds_are_refused(weight: str) -> None:
    with pytest.raises(UsageError, match="a weight is above 0 and at most 1000, with at most 6"):
        read_source(f"web=a:{weight}")


def test_a_weight_alone_is_refused() -> None:
    with pytest.raises(UsageError, match="no file name before the weight"):
        read_source("web=:2")


def find(*values: str) -> Sources:
    def match(patterns: Sequence[str]) -> list[InputFile]:
        return match_inputs(patterns)

    return find_sources(values, 1, match)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for name in ("a1", "a2", "b1"):
        (tmp_path / f"{name}.txt").write_text("0123456789", "utf-8")
    return tmp_path


def test_numbers_follow_the_names_whatever_the_order(files: Path) -> None:
    values = [f"z={files}/a2*", f"z={files}/a1*:0.5", f"b={files}/b1*:3"]
    found = find(*values)
    assert found == find(*reversed(values))
    assert found.names == ("b", "z")
    assert found.weights == {"b": 3.0, "z": 0.5}
    assert [[Path(file.path).name for file in own] for own in found.by_source] == [
        ["b1.txt"],
        ["a1.txt", "a2.txt"],
    ]
    assert (found.text_bytes, found.wanted_bytes) == ([10, 20], [30, 10])


def test_a_file_of_two_sources_is_refused(files: Path) -> None:
    (files / "link.txt").symlink_to(files / "b1.txt")
    with pytest.raises(UsageError, match=r"--source y and --source x both match .*a1\.txt"):
        find(f"x={files}/a*", f"y={files}/a1*")
    with pytest.raises(UsageError, match=r"--source y and --source x both match .*link\.txt"):
        find(f"x={files}/b1*", f"y={files}/link*")


def test_two_weights_of_a_source_are_refused(files: Path) -> None:
    with pytest.raises(UsageError, match=r"--source x has the weights 1 and 2\.5; give one"):
        find(f"x={files}/a1*:2.5", f"x={files}/a2*:1")


def test_a_pattern_without_files_names_its_source(files: Path) -> None:
    with pytest.raises(UsageError, match=r"--source x: no file matches .*nothing"):
        find(f"x={files}/nothing*")


def test_what_is_no_weight_is_told_where_the_file_is_there(files: Path) -> None:
    told = r"--source x: no file matches (.*)a1\.txt:x; \1a1\.txt is there, but ':x' is no weight"
    with pytest.raises(UsageError, match=told):
        find(f"x={files}/a1.txt:x")
    with pytest.raises(UsageError, match=r"no file matches .*nothing:x$"):
        find(f"x={files}/nothing:x")
    (files / "a1.txt:x").write_text("a")
    assert [each.path for each in find(f"x={files}/a1.txt:x").files] == [f"{files}/a1.txt:x"]
