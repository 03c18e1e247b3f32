from pathlib import Path

import pytest

from transforms.detect.content_checks import enabled_checks
from transforms.files.inputs import plan_ranges
from transforms.files.planned_file import FormatError
from transforms.read import input_files
from transforms.read.formats import read_range
from transforms.read.input_files import check_heads, checked_before, match_inputs, open_input

CHECKS = enabled_checks("auto", None)


def test_the_beginning_of_every_file_is_checked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of very many files every nth before the run, and the others when they are read."""
    monkeypatch.setattr(input_files, "_MOST_HEADS", 2)
    for number in range(5):
        (tmp_path / f"{number}.txt").write_text(
            "id,text\n1,one\n2,two\n" if number in (0, 4) else "a"
        )
    files = match_inputs([f"{tmp_path}/*.txt"])
    before = checked_before(files)
    assert [Path(file.path).stem for file in before] == ["0", "3"]
    with pytest.raises(FormatError, match=r"/0\.txt looks like CSV"):
        check_heads(files, CHECKS)
    (tmp_path / "0.txt").write_text("a")
    check_heads(files := match_inputs([f"{tmp_path}/*.txt"]), CHECKS)
    ranges = plan_ranges(files, checks=CHECKS, checked={file.path for file in before})
    assert [part.checks for part in ranges] == [frozenset(), CHECKS, CHECKS, frozenset(), CHECKS]
    with (
        open_input(ranges[4].path) as file,
        pytest.raises(FormatError, match=r"/4\.txt looks like"),
    ):
        list(read_range(file, ranges[4]))
