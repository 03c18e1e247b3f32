"""Which files a step reads, and by which its output is known."""

import os
import sys
from pathlib import Path

import pytest

from pipelines.stages import reads
from pipelines.stages.digests import Digests, remote_entry
from pipelines.stages.reads import files_read, proof_of, step_of_input
from pipelines.stages.stages_file import read_stages
from schemas.errors import UsageError
from tests.support.stage_files import write_stages
from transforms.files.storage import FoundFile

BUILD = """
output = "runs"
[[step]]
name = "rows"
command = "build"
arguments = ["bert"]
options = {{ input = {input}, tokenizer = "tokenizer.json" }}
"""


def read(folder: Path, value: str) -> list[str]:
    """Returns the names of all files that a build of some input reads."""
    path = write_stages(folder, BUILD.format(input=value))
    (folder / "tokenizer.json").write_text("{}", "utf-8")
    stages = read_stages(str(path))
    return list(files_read(stages, stages.steps[0], Digests(stages.place)))


def test_files_by_pattern_and_by_name(tmp_path: Path) -> None:
    assert read(tmp_path, '"corpus/*.txt"') == ["corpus/a.txt", "corpus/b.txt", "tokenizer.json"]
    assert read(tmp_path, '["corpus/{b,c}.txt"]') == ["corpus/b.txt", "tokenizer.json"]
    absolute = f'"{tmp_path}/corpus/a.txt"'
    assert read(tmp_path, absolute) == ["corpus/a.txt", "tokenizer.json"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    with open(os.fsencode(tmp_path) + b"/corpus/\xff.txt", "w"):
        pass
    with pytest.raises(UsageError, match="its name is not UTF-8; rename the file"):
        read(tmp_path, '"corpus/*.txt"')


def test_files_of_a_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = [FoundFile("gs://bucket/corpus/a.txt", 5, 7.0)]
    monkeypatch.setattr(
        reads, "match", lambda pattern: there if pattern == "gs://bucket/corpus/*.txt" else []
    )
    path = write_stages(tmp_path, BUILD.format(input='"gs://bucket/corpus/*.txt"'))
    (tmp_path / "tokenizer.json").write_text("{}", "utf-8")
    stages = read_stages(str(path))
    found = files_read(stages, stages.steps[0], Digests(stages.place))
    assert found["gs://bucket/corpus/a.txt"] == remote_entry(there[0])
    with pytest.raises(UsageError, match=r"--input: no file matches gs://bucket/other/\*\.txt"):
        read(tmp_path, '"gs://bucket/other/*.txt"')


def test_an_empty_folder_says_nothing(tmp_path: Path) -> None:
    path = write_stages(tmp_path)
    (tmp_path / "data" / "rows").unlink()
    stages = read_stages(str(path))
    with pytest.raises(UsageError, match=r"step general: --data: the folder .*data is empty"):
        files_read(stages, stages.steps[1], Digests(stages.place))


@pytest.mark.parametrize(
    ("command", "files", "proof"),
    [
        ("build", ["manifest.json", "train/x"], ["manifest.json"]),
        ("build", ["train/x", ".shardmill/record.json"], []),
        ("vectors", ["vectors.json", "vectors.txt"], ["vectors.json"]),
        (
            "export",
            ["windows/0/export.json", "windows/1/export.json", "windows/0/rows"],
            ["windows/0/export.json", "windows/1/export.json"],
        ),
        (
            "train",
            ["checkpoints/step-00000002/hf/encoder/model", "checkpoints/step-00000001/hf/model"],
            ["latest/hf/encoder/model"],
        ),
        ("train", [".shardmill/run.json"], []),
    ],
)
def test_what_says_what_was_made(
    command: str, files: list[str], proof: list[str], tmp_path: Path
) -> None:
    place = tmp_path / "out"
    for name in files:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(name, "utf-8")
    (place / "latest").symlink_to("checkpoints/step-00000002")
    assert list(proof_of(command, str(place), Digests(str(tmp_path)))) == proof


def test_a_single_file_is_known_by_itself(tmp_path: Path) -> None:
    digests = Digests(str(tmp_path))
    assert proof_of("vocab", str(tmp_path / "words.txt"), digests) == {}
    (tmp_path / "words.txt").write_text("a", "utf-8")
    assert proof_of("vocab", str(tmp_path / "words.txt"), digests)[""].bytes == 1


def test_whose_input_it_is() -> None:
    assert step_of_input("{general}/latest/hf/config.json") == "general"
    assert step_of_input("{words.txt}/") == "words.txt"
    assert step_of_input("corpus/a.txt") == "corpus/a.txt"
