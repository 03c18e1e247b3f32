"""A folder is recognised by the names of its files, and the wrong kind is told in one sentence."""

from pathlib import Path

import pytest

from pipelines.cli import main
from pipelines.folder.kinds import KINDS, kind_of, no_manifest
from schemas.sealed import sealed_json
from schemas.stream import STREAM_VERSION, StreamRecord

FILES = {
    "finished": ["manifest.json"],
    "export": ["export.json"],
    "stream": ["stream.json", "index.json"],
    "begun stream": ["stream.json"],
    "unfinished": [".shardmill/record.json"],
    "none": ["notes.txt"],
}
COMMANDS = {
    "verify": [],
    "inspect": [],
    "report": [],
    "export": ["--to", "parquet", "--output", "out"],
}


def folder_of(kind: str, path: Path) -> Path:
    for name in FILES[kind]:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text("{}")
    return path


@pytest.mark.parametrize("kind", FILES)
def test_what_a_folder_holds(kind: str, tmp_path: Path) -> None:
    assert kind_of(str(folder_of(kind, tmp_path / "folder"))) == kind
    assert set(KINDS) == set(FILES)


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert kind_of(str(tmp_path / "folder")) == "none"


@pytest.mark.parametrize(
    ("kind", "command", "sentence"),
    [
        ("unfinished", "build", "an unfinished build; run its build command again to finish it"),
        ("unfinished", "annotate", "an unfinished build; run its annotate command again to"),
        ("export", "build", "an export, not a build; give the output of `shardmill build`, or"),
        ("export", "annotate", "an export, not annotations; give the output of `shardmill annot"),
        ("stream", "annotate", "a stream, not annotations; give the output of `shardmill annota"),
        ("stream", "build", "a stream, not a build; give one of its windows, such as "),
        ("begun stream", "build", "a stream, not a build; give one of its windows, such as "),
        ("none", "build", "no manifest.json; is it the output of `shardmill build`?"),
    ],
)
def test_the_sentence_names_what_to_give(
    kind: str, command: str, sentence: str, tmp_path: Path
) -> None:
    folder = folder_of(kind, tmp_path / "folder")
    assert no_manifest(str(folder), command).startswith(f"{folder} holds {sentence}")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("unfinished", "holds an unfinished build; run its build command again to finish it"),
        ("begun stream", "holds a stream without a committed window; run its `shardmill follow`"),
        ("none", "holds no manifest.json; is it the output of `shardmill build`?"),
    ],
)
def test_commands_say_what_a_folder_holds(
    command: str, kind: str, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = folder_of(kind, tmp_path / "folder")
    if kind == "begun stream":
        record = StreamRecord(format_version=STREAM_VERSION, identity={})
        (folder / "stream.json").write_bytes(sealed_json(record))
    assert main([command, str(folder), *COMMANDS[command]]) == 2
    told = capsys.readouterr().err
    assert sentence in told
    assert len(told.splitlines()) == 1


@pytest.mark.parametrize("command", ["inspect", "report"])
def test_an_export_is_no_build(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = folder_of("export", tmp_path / "folder")
    assert main([command, str(folder)]) == 2
    assert "holds an export, not a build; give the output of" in capsys.readouterr().err
