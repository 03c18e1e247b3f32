"""`shardmill inspect`, `export` and `report` on a stream; and what is told of other folders."""

import dataclasses
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from pipelines.cli import main
from schemas.documents import document_key
from schemas.sealed import open_sealed, sealed_json
from schemas.stream import Section
from tests.support.followed_streams import add, add_text, followed_stream, index_of
from tests.support.made_streams import HELD_OUT, documents_of
from transforms.records.shard_text import plan_shards

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def stream(tmp_path: Path) -> Path:
    """Returns a stream of three windows, the second without rows, that a test may change."""
    shutil.copytree(followed_stream(), tmp_path / "stream")
    return tmp_path / "stream"


def told(capsys: Captured, *arguments: object, status: int = 0) -> str:
    """Runs a command; returns what it printed, or its one sentence."""
    assert main([str(argument) for argument in arguments]) == status
    captured = capsys.readouterr()
    if status:
        assert len(captured.err.splitlines()) == 1
    return captured.err if status else captured.out


def test_rows_are_of_the_last_window_that_has_some(stream: Path, capsys: Captured) -> None:
    shown = told(capsys, "inspect", stream, "--json")
    assert shown == told(capsys, "inspect", stream / "windows/00000002", "--json")
    assert len(shown.splitlines()) == 4
    assert told(capsys, "inspect", stream).startswith("window 2\n")


def test_rows_of_a_window_that_is_named(stream: Path, capsys: Captured) -> None:
    shown = told(capsys, "inspect", stream, "--json", "--window", "0", "--split", "eval")
    window = stream / "windows/00000000"
    assert shown == told(capsys, "inspect", window, "--json", "--split", "eval")


def test_the_page_of_a_window(stream: Path, tmp_path: Path, capsys: Captured) -> None:
    told(capsys, "inspect", stream, "--window", "0", "--html", tmp_path / "page.html")
    page = (stream / "windows/00000000/report.html").read_bytes()
    assert (tmp_path / "page.html").read_bytes() == page


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--window", "3"], "--window 3: .* has 3 windows, 0 to 2"),
        (["--window", "1"], "the split train of .*00000001 has no rows"),
        (["--split", "test"], "no window of .* has rows of the split test"),
    ],
)
def test_windows_without_rows(
    arguments: list[str], sentence: str, stream: Path, capsys: Captured
) -> None:
    assert re.search(sentence, told(capsys, "inspect", stream, *arguments, status=2))


def digests(folder: Path) -> Mapping[str, tuple[int, bytes]]:
    """Returns when each file was written, and its content."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".lock"
    }


def test_an_export_has_a_folder_for_each_window(
    stream: Path, tmp_path: Path, capsys: Captured
) -> None:
    told(capsys, "export", stream, "--to", "parquet", "--output", tmp_path / "out")
    for name in ("00000000", "00000001", "00000002"):
        window = stream / "windows" / name
        told(capsys, "export", window, "--to", "parquet", "--output", tmp_path / name)
        alone = {path: content for path, (_, content) in digests(tmp_path / name).items()}
        found = digests(tmp_path / "out/windows" / name)
        assert {path: content for path, (_, content) in found.items()} == alone
        told(capsys, "verify", tmp_path / "out/windows" / name)
    files = sorted((tmp_path / "out").glob("windows/*/train/*.parquet"))
    index = index_of(stream)
    expected = 2 * sum(window.splits["train"].rows for window in index.windows)
    assert sum(pq.read_metadata(path).num_rows for path in files) == expected > 0


def for_training(part: int) -> list[str]:
    """Returns the documents of a part of the sample that are not held out."""
    documents = documents_of(part)
    keys = np.array([list(document_key(each)) for each in documents], np.uint8)
    shards = plan_shards(0, 2, HELD_OUT).assign(keys)
    return [text.decode() for text, shard in zip(documents, shards, strict=True) if shard < 2]


@pytest.mark.parametrize("to", ["mds", "litdata", "webdataset"])
def test_windows_and_splits_without_rows_have_no_files_of_them(
    to: str, stream: Path, tmp_path: Path, capsys: Captured
) -> None:
    add_text(stream, tmp_path / "3.txt", "\n\n".join(for_training(2)))
    export = ["export", stream, "--to", to, "--output", tmp_path / "out"]
    shown = told(capsys, *export).splitlines()
    there = f"readers of {to} take no empty data, so it has no files there"
    assert shown[-2:] == [
        f"the split train has no rows in windows/00000001: {there}",
        f"the split eval has no rows in windows/00000001, windows/00000003: {there}",
    ]
    windows = tmp_path / "out/windows"
    found = {
        (window.name, split)
        for window in windows.iterdir()
        for split in ("train", "eval")
        if (window / split).exists()
    }
    expected = {("00000000", "train"), ("00000000", "eval"), ("00000003", "train")}
    assert found == {*expected, ("00000002", "train"), ("00000002", "eval")}
    card = (windows / "00000001/README.md").read_text("utf-8")
    assert "## Load" not in card
    assert "data_files" not in card
    assert "## Load" in (windows / "00000003/README.md").read_text("utf-8")
    for number in range(4):
        assert main(["verify", str(windows / f"{number:08d}")]) == 0
    # The same command finds all of it there.
    capsys.readouterr()
    assert told(capsys, *export).count("of them already there") == 3


def test_a_split_without_rows_in_all_windows_is_refused(
    stream: Path, tmp_path: Path, capsys: Captured
) -> None:
    export = ["export", stream, "--to", "mds", "--output", tmp_path / "out"]
    only = ["--from-window", "1", "--to-window", "1"]
    wrong = told(capsys, *export, *only, "--split", "eval", status=2)
    assert "the split eval has no rows, and readers of mds take no empty data" in wrong
    wrong = told(capsys, *export, *only, status=2)
    assert "the splits train and eval have no rows" in wrong
    assert not (tmp_path / "out").exists()


def test_what_is_wrong_with_a_window_names_it(
    stream: Path, tmp_path: Path, capsys: Captured
) -> None:
    export = ["export", stream, "--to", "megatron", "--output", tmp_path / "out"]
    wrong = told(capsys, *export, "--from-window", "2", status=2)
    assert "windows/00000002: --to megatron writes the documents of causal" in wrong


def test_new_windows_are_added_to_an_export(stream: Path, tmp_path: Path, capsys: Captured) -> None:
    export = ["export", stream, "--to", "stream", "--output", tmp_path / "out"]
    told(capsys, *export)
    before = digests(tmp_path / "out")
    add(stream, tmp_path / "more.txt", 2)
    shown = told(capsys, *export).splitlines()
    assert shown[0].endswith(" already there")
    assert shown[3].startswith(f"{tmp_path}/out/windows/00000003: ")
    assert "found" not in shown[3]
    after = digests(tmp_path / "out")
    assert {path: after[path] for path in before} == before
    assert {path.split("/")[1] for path in after.keys() - before.keys()} == {"00000003"}


def test_windows_of_an_export_are_chosen(stream: Path, tmp_path: Path, capsys: Captured) -> None:
    export = ["export", stream, "--to", "parquet", "--output", tmp_path / "out"]
    told(capsys, *export, "--from-window", "1", "--to-window", "1")
    assert [path.name for path in (tmp_path / "out/windows").iterdir()] == ["00000001"]
    wrong = told(capsys, *export, "--from-window", "2", "--to-window", "1", status=2)
    assert "--from-window 2 is behind --to-window 1; swap them" in wrong
    wrong = told(capsys, *export, "--to-window", "7", status=2)
    assert "--to-window 7: " in wrong
    assert "has 3 windows, 0 to 2" in wrong


def test_an_export_of_another_stream_is_kept(
    stream: Path, tmp_path: Path, capsys: Captured
) -> None:
    output = ["--to", "parquet", "--output", tmp_path / "out"]
    told(capsys, "export", stream, *output)
    other = tmp_path / "other"
    add(other, tmp_path / "other.txt", 3)
    before = digests(tmp_path / "out")
    assert "holds another export" in told(capsys, "export", other, *output, status=2)
    assert digests(tmp_path / "out") == before


@pytest.mark.parametrize(
    ("holds", "called"), [("window", "a build"), ("stream", "a stream"), ("export", "an export")]
)
def test_an_export_goes_into_no_folder_of_ours(
    holds: str, called: str, stream: Path, tmp_path: Path, capsys: Captured
) -> None:
    output = tmp_path / "out"
    if holds == "export":
        window = stream / "windows/00000000"
        told(capsys, "export", window, "--to", "parquet", "--output", output)
    else:
        shutil.copytree(stream if holds == "stream" else stream / "windows/00000000", output)
    before = digests(output)
    sentence = told(capsys, "export", stream, "--to", "parquet", "--output", output, status=2)
    assert f"out holds {called}, and here several exports would get folders in it" in sentence
    assert digests(output) == before


def test_a_page_has_a_line_for_each_window(stream: Path, tmp_path: Path, capsys: Captured) -> None:
    path = stream / "sections/00000000.json"
    section = open_sealed(path.read_bytes(), Section, path)
    older = dataclasses.replace(section, software={**section.software, "numpy": "0.1"})
    path.write_bytes(sealed_json(older))
    add(stream, tmp_path / "more.txt", 3)
    assert told(capsys, "report", stream) == f"{stream}/report.html: written\n"
    page = (stream / "report.html").read_text("utf-8")
    assert "<script" not in page
    links = re.findall(r'href="([^"]+)"', page)
    assert links == [f"windows/{number:08d}/report.html" for number in (3, 2, 1, 0)]
    assert all((stream / link).is_file() for link in links)
    assert page.index("Section 1") < page.index(links[0]) < page.index("Section 0")
    assert page.index("Section 0") < page.index(links[1])
    assert "from window 3 on: numpy " in page
    assert "(before 0.1)" in page
    windows = index_of(stream).windows
    rows = sum(window.splits["train"].rows for window in windows)
    assert f"<b>{rows:,}</b><span>rows, train</span>" in page
    tokens = sum(split.tokens for window in windows for split in window.splits.values())
    assert f"<b>{tokens:,}</b><span>tokens</span>" in page


def test_links_lead_from_where_the_page_is(stream: Path, tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "pages").mkdir()
    path = tmp_path / "pages/page.html"
    told(capsys, "report", stream, "--output", path)
    (link, *_) = re.findall(r'href="([^"]+)"', path.read_text("utf-8"))
    assert link == "../stream/windows/00000002/report.html"
    assert (path.parent / link).is_file()


def test_a_page_is_written_again(stream: Path, tmp_path: Path, capsys: Captured) -> None:
    told(capsys, "report", stream)
    add(stream, tmp_path / "more.txt", 2)
    told(capsys, "report", stream)
    assert 'href="windows/00000003/report.html"' in (stream / "report.html").read_text("utf-8")


def test_a_file_that_is_no_page_is_kept(stream: Path, capsys: Captured) -> None:
    (stream / "report.html").write_text("mine")
    assert "is not a report page" in told(capsys, "report", stream, status=2)
    assert (stream / "report.html").read_text() == "mine"


def test_the_page_of_a_build_is_that_of_its_folder(
    stream: Path, tmp_path: Path, capsys: Captured
) -> None:
    folder = stream / "windows/00000000"
    told(capsys, "report", folder, "--output", tmp_path / "page.html")
    assert (tmp_path / "page.html").read_bytes() == (folder / "report.html").read_bytes()
    assert "has its page already" in told(capsys, "report", folder, status=2)


@pytest.mark.parametrize(
    "arguments",
    [["inspect"], ["report"], ["verify"], ["export", "--to", "parquet", "--output", "out"]],
)
def test_a_stream_that_only_began(arguments: list[str], stream: Path, capsys: Captured) -> None:
    (stream / "index.json").unlink()
    command, *options = arguments
    sentence = told(capsys, command, stream, *options, status=2)
    assert "holds a stream without a committed window; run its `shardmill follow`" in sentence


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (["inspect", "--window", "0"], "--window"),
        (["export", "--to", "parquet", "--output", "out", "--from-window", "0"], "--from-window"),
        (["export", "--to", "parquet", "--output", "out", "--to-window", "0"], "--to-window"),
    ],
)
def test_options_of_streams_alone(
    arguments: list[str], option: str, stream: Path, capsys: Captured
) -> None:
    folder = stream / "windows/00000000"
    command, *options = arguments
    sentence = told(capsys, command, folder, *options, status=2)
    assert f"{option} is for streams, and {folder} holds none" in sentence


def test_a_window_that_is_damaged(stream: Path, capsys: Captured) -> None:
    (stream / "windows/00000001/manifest.json").write_text("{}")
    sentence = told(capsys, "report", stream, status=1)
    assert "shardmill: window 1: manifest.json is damaged" in sentence
    assert "run shardmill verify for a full check" in sentence


def test_an_index_that_is_damaged(stream: Path, capsys: Captured) -> None:
    path = stream / "index.json"
    path.write_bytes(path.read_bytes().replace(b'"rows": ', b'"rows": 1', 1))
    assert f"{path} is damaged: its checksum differs" in told(capsys, "inspect", stream, status=1)


def test_a_stream_is_no_input_of_other_commands(
    stream: Path, tmp_path: Path, capsys: Captured
) -> None:
    base = ["--input", "sample/en.txt", "--tokenizer", stream / "windows/00000000/tokenizer.json"]
    build = ["build", "ernie1", *base]
    sentence = told(capsys, *build, "--annotations", stream, "--output", tmp_path / "a", status=2)
    assert "holds a stream, not annotations" in sentence
    sentence = told(capsys, *build[:1], "bert", *base, "--output", stream, status=2)
    assert "holds a stream, to which `shardmill follow` adds" in sentence
