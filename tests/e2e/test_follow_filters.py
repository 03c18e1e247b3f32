"""Filters of a stream, from the command line to its page, and addresses that it does not store."""

import gzip
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

import pipelines.run_follow
from pipelines.cli import main
from schemas.errors import RunError
from tests.support.follow_runs import by_window, document, documents, marked_tokenizer
from tests.support.web_servers import web_server

Captured = pytest.CaptureFixture[str]
FILTERS = ("--boilerplate", "--quality", "c4", "--keep-dropped")


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    # Nothing here is about a loss of power.
    monkeypatch.setattr(os, "fsync", lambda _: None)


def follow(watched: str, stream: Path, *options: str) -> int:
    given = ["--tokenizer", str(marked_tokenizer()), "--shards", "1", "--eval-fraction", "0"]
    given += ["--copies", "1", "--once", "--settle", "0", "--output", str(stream)]
    return main(["follow", "roberta", "--watch", watched, *given, *options])


def long_documents(numbers: Iterable[int]) -> str:
    """Returns documents of three sentences, as the rules of C4 want them."""
    return "\n\n".join(f"{document(number)} And then the cat sat on." for number in numbers)


def windows_of(stream: Path) -> list[dict[str, Any]]:
    windows: list[dict[str, Any]] = json.loads((stream / "index.json").read_bytes())["windows"]
    return windows


def dropped_in(stream: Path, window: int) -> list[tuple[str, str, str]]:
    files = sorted((stream / f"windows/{window:08d}/dropped").iterdir())
    lines = [json.loads(x) for f in files for x in gzip.decompress(f.read_bytes()).splitlines()]
    return [(line["filter"], line["reason"], line["text"]) for line in lines]


def test_what_filters_leave_out_of_windows(tmp_path: Path, capsys: Captured) -> None:
    watched, stream = tmp_path / "watched", tmp_path / "out"
    watched.mkdir()
    (watched / "a.txt").write_text(f"{long_documents([1, 2])}\n\nMenu\n\n{document(3)}")
    assert follow(f"{watched}/*", stream, *FILTERS) == 0
    said = capsys.readouterr().out
    assert "2 new documents, 2 left out by filters; train 1 row" in said
    # All documents of a window, and one that the stream has.
    (watched / "b.txt").write_text("Menu\n\nHome")
    (watched / "c.txt").write_text(long_documents([2]))
    assert follow(f"{watched}/*", stream, *FILTERS) == 0
    (watched / "d.txt").write_text(long_documents([4]))
    assert follow(f"{watched}/*", stream, *FILTERS) == 0
    assert by_window(stream) == [[1, 2], [], [4]]
    assert [each["documents"] for each in windows_of(stream)] == [2, 0, 1]
    assert [each.get("dropped") for each in windows_of(stream)] == [2, 2, None]
    assert dropped_in(stream, 0) == [
        ("boilerplate", "no_line_left", "Menu"),
        ("c4", "few_sentences", document(3)),
    ]
    assert [text for *_, text in dropped_in(stream, 1)] == ["Menu", "Home"]
    manifest = json.loads((stream / "windows/00000001/manifest.json").read_text("utf-8"))
    assert manifest["documents"]["read"] == 3
    assert manifest["documents"]["dropped"] == {"boilerplate": {"no_line_left": 2}}
    capsys.readouterr()
    assert main(["verify", str(stream)]) == 0
    assert main(["report", str(stream)]) == 0
    page = (stream / "report.html").read_text("utf-8")
    assert "<b>4</b><span>left out by filters</span>" in page
    assert '<th scope="row">boilerplate</th><td>no line left</td><td class="n">3</td>' in page
    # The same identity, or another stream.
    capsys.readouterr()
    assert follow(f"{watched}/*", stream, "--quality", "c4", "--keep-dropped") == 2
    assert 'filters.boilerplate: there {"min_words": 5}, here null' in capsys.readouterr().err
    assert follow(f"{watched}/*", stream) == 2
    assert "holds another stream" in capsys.readouterr().err


def test_near_duplicates_need_all_documents(tmp_path: Path, capsys: Captured) -> None:
    for option in (["--near-duplicates", "0.8"], ["--near-duplicates-recall", "0.9"]):
        assert follow(f"{tmp_path}/*", tmp_path / "out", *option) == 2
        said = capsys.readouterr().err
        assert f"argument {option[0]}: which document of a group is kept depends on all" in said


def test_another_version_of_a_filter_begins_a_section(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transforms.filters.c4 import C4Quality

    watched, stream = tmp_path / "watched", tmp_path / "out"
    watched.mkdir()
    (watched / "a.txt").write_text(long_documents([1, 2]))
    assert follow(f"{watched}/*", stream, "--quality", "c4") == 0
    later = {"version": 2, "min_sentences": 3}
    monkeypatch.setattr(C4Quality, "identity", lambda _: later)
    (watched / "b.txt").write_text(long_documents([3]))
    assert follow(f"{watched}/*", stream, "--quality", "c4") == 0
    assert [each["section"] for each in windows_of(stream)] == [0, 1]
    section = json.loads((stream / "sections/00000001.json").read_text("utf-8"))
    assert section["software"]["filter c4"] == "2"
    assert main(["verify", str(stream)]) == 0


def stored(folder: Path) -> bytes:
    """Returns the content of all files of a folder."""
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_addresses_are_stored_without_what_lets_a_reader_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    stream = tmp_path / "out"
    with web_server() as server:
        content = [json.dumps({"text": document(number)}) for number in (1, 2)]
        server.files["/a.jsonl"] = "\n".join([*content, "{nothing"]).encode()
        watched = f"{server.url}/a.jsonl?sig=HIDDEN"
        monkeypatch.setattr(pipelines.run_follow, "commit_window", _fails)
        assert follow(watched, stream, "--max-rejected", "1") == 1
        assert "cannot reach" in capsys.readouterr().err
        [plan] = (stream / "plans").iterdir()
        [file] = json.loads(plan.read_text("utf-8"))["files"]
        assert file["path"] == f"{server.url}/a.jsonl?"
        monkeypatch.undo()
        # Planned by a driver that is gone; the address is that of the command line.
        assert follow(watched, stream, "--max-rejected", "1") == 0
        assert by_window(stream) == [[1, 2]]
        rejected = (path.read_text("utf-8") for path in stream.glob("windows/*/rejected/*"))
        assert json.loads("".join(rejected))["source"] == f"{server.url}/a.jsonl?"
        # It is not new to another one, whatever it is signed with.
        other = watched.replace("HIDDEN", "HIDDEN2")
        assert follow(other, stream, "--max-rejected", "1") == 0
        assert len(windows_of(stream)) == 1
        assert follow(watched, stream, "--watch", other) == 2
        told = capsys.readouterr()
        assert "twice, with other passwords or keys" in told.err
        assert main(["verify", str(stream)]) == 0
    assert b"HIDDEN" not in stored(stream)
    assert "HIDDEN" not in told.out + told.err + capsys.readouterr().out


def _fails(*arguments: Any) -> None:
    raise RunError(f"cannot reach {arguments[0].input[0]}")


def test_annotations_and_builds_store_no_passwords(tmp_path: Path, capsys: Captured) -> None:
    with web_server() as server:
        server.files["/a.txt"] = documents([1, 2, 3])
        source = server.url.replace("http://", "http://me:HIDDEN@") + "/a.txt?token=HIDDEN"
        names = tmp_path / "names.tsv"
        names.write_text("cat\tQ146\n", "utf-8")
        given = ["--input", source, "--entities", str(names), "--output", str(tmp_path / "notes")]
        assert main(["annotate", *given]) == 0
        assert b"HIDDEN" not in stored(tmp_path / "notes")
        server.files.clear()
        assert main(["annotate", *given[:-1], str(tmp_path / "other")]) == 2
    told = capsys.readouterr()
    assert "HIDDEN" not in told.out + told.err
    assert "a.txt?" in told.err
