"""Exports that are uploaded, to a hub of the test's own."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub.constants
import pytest

from pipelines.exporting.command import main
from tests.support.sample_builds import corpus
from tests.support.upload_hub import Hub, stub_hub

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with stub_hub(monkeypatch) as found:
        yield found


def push(output: Path, *options: str) -> int:
    arguments = [str(corpus("bert")), "--to", "parquet", "--output", str(output), "--copies", "1"]
    return main([*arguments, "--push-to-hub", "me/rows", *options])


def files_in(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "export.toml"
    }


def test_all_files_but_the_options_are_uploaded_in_one_commit(
    hub: Hub, tmp_path: Path, capsys: Captured
) -> None:
    assert push(tmp_path / "out", "--private") == 0
    assert hub.files == files_in(tmp_path / "out")
    assert {"README.md", "export.json", "tokenizer.json"} <= hub.files.keys()
    assert hub.commits == ["Shardmill export of 7 files"]
    [created] = hub.created
    assert (created["name"], created["organization"], created["type"]) == ("rows", "me", "dataset")
    assert created["visibility"] == "private"
    assert re.search(r"http://127.0.0.1:\d+/datasets/me/rows\n", capsys.readouterr().out)


def test_a_finished_export_is_uploaded_and_replaces_the_one_before(
    hub: Hub, tmp_path: Path
) -> None:
    assert push(tmp_path / "both") == 0
    assert "visibility" not in hub.created[0]
    hub.files["LICENSE"] = b"mine"
    assert push(tmp_path / "train", "--split", "train") == 0
    assert push(tmp_path / "train", "--split", "train") == 0
    assert hub.files == {**files_in(tmp_path / "train"), "LICENSE": b"mine"}
    assert not [path for path in hub.files if path.startswith("eval/")]


def test_files_of_others_beside_the_rows_are_told(
    hub: Hub, tmp_path: Path, capsys: Captured
) -> None:
    hub.files["train/old.parquet"] = b"old"
    assert push(tmp_path / "out") == 2
    assert "1 file of the repository, such as train/old.parquet" in capsys.readouterr().err
    assert hub.files == {"train/old.parquet": b"old"}


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (401, 2, "was refused by the hub (401): the token is not valid; set HF_TOKEN"),
        (403, 2, "was refused by the hub (403): the token may not write there"),
        (404, 2, "there is no such user, organization or repository"),
        (500, 1, "was refused by the hub (500): refused"),
    ],
)
def test_what_the_hub_refuses_is_told_before_anything_is_written(
    status: int, code: int, said: str, hub: Hub, tmp_path: Path, capsys: Captured
) -> None:
    hub.status = status
    assert push(tmp_path / "out") == code
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("step", "status", "code", "said"),
    [
        ("/tree/", 403, 2, "(403): the token may not write there"),
        ("/resolve/", 403, 2, "(403): the token may not write there"),
        ("/preupload/", 400, 1, "(400): refused"),
        ("/commit/", 412, 1, "(412): refused"),
    ],
)
def test_an_upload_that_fails_later_leaves_all_as_it_was_and_can_be_repeated(
    step: str, status: int, code: int, said: str, hub: Hub, tmp_path: Path, capsys: Captured
) -> None:
    assert push(tmp_path / "both") == 0
    before = dict(hub.files)
    hub.refused[step] = status
    assert push(tmp_path / "train", "--split", "train") == code
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert hub.files == before
    hub.refused.clear()
    exported = files_in(tmp_path / "train")
    assert push(tmp_path / "train", "--split", "train") == 0
    assert hub.files == files_in(tmp_path / "train") == exported


def test_a_missing_token_is_told(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(huggingface_hub.constants, "HF_TOKEN_PATH", str(tmp_path / "none"))
    assert push(tmp_path / "out") == 2
    assert "me/rows needs a token of the hub; set HF_TOKEN" in capsys.readouterr().err
    assert hub.created == []


def test_a_hub_that_is_not_there_is_told(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    assert push(tmp_path / "out") == 1
    error = capsys.readouterr().err
    assert "the hub cannot be reached" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--push-to-hub", "a b/c"], "must be USER/NAME"),
        (["--private"], "--private is for --push-to-hub"),
    ],
)
def test_wrong_options_are_told(
    options: list[str], said: str, hub: Hub, tmp_path: Path, capsys: Captured
) -> None:
    arguments = [str(corpus("bert")), "--to", "parquet", "--output", str(tmp_path / "out")]
    assert main([*arguments, *options]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_export_json_on_the_hub_lists_what_is_there(hub: Hub, tmp_path: Path) -> None:
    assert push(tmp_path / "out") == 0
    listed = {each["path"] for each in json.loads(hub.files["export.json"])["files"]}
    # The saved options name a folder of this machine, and stay there.
    assert listed - {"export.toml"} | {"export.json"} == hub.files.keys()
