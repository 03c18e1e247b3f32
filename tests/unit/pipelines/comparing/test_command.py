import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from pipelines.comparing import command
from pipelines.comparing.command import main
from tests.support.run_logs import evaluated, falling, train, write_log

Captured = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Two runs, one of them with a name that is no HTML."""
    folder = tmp_path_factory.mktemp("runs")
    return [str(falling(folder / "a", 8.0)), str(falling(folder / "<b> & $x_1^2$ 深度", 6.0))]


class Page(HTMLParser):
    """The tags of a page that are open, all ids, and the text of its tables."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.named: list[str] = []
        self.tags: set[str] = set()
        self.cells: list[str] = []
        self.feed(content)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.add(tag)
        if "id" in given:
            self.ids.append(given["id"] or "")
        self.named += (given.get("aria-labelledby") or "").split()
        if tag not in ("meta", "br"):
            self.open.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if {"td", "th"} & {*self.open}:
            self.cells[-1] += data


def test_the_page(runs: list[str], tmp_path: Path, capsys: Captured) -> None:
    path = tmp_path / "page.html"
    assert main([*runs, "--html", str(path)]) == 0
    content = path.read_text("utf-8")
    page = Page(content)
    assert page.open == []
    assert "script" not in page.tags
    assert not re.search(r"https?://", content)
    # Every chart has a title and a description, of its own.
    assert len(page.ids) == len({*page.ids})
    assert {*page.named} <= {*page.ids}
    assert len(page.named) == 2 * content.count('role="img"')
    assert "&lt;b&gt; &amp; $x_1^2$ 深度" in content
    assert "<b> &" not in content
    assert "Loss over training steps. A, a: 8.5 to 5.5 at step 40." in content
    at = page.cells.index("run", 5)
    assert [cell.strip() for cell in page.cells[at : at + 8]] == [
        *["run", "last", "best", "at", "A a", "5.5", "5.5", "step 40"]
    ]
    assert capsys.readouterr().out.startswith(f"{path}: written\n")
    # It may be written again.
    assert main([*runs, "--html", str(path), "--x", "tokens"]) == 0
    assert "trained tokens" in path.read_text("utf-8")


def test_the_picture(runs: list[str], tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    for _ in range(2):
        assert main([*runs, "--png", str(path)]) == 0
    content = path.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    import matplotlib.image

    pixels = np.round(255 * matplotlib.image.imread(str(path))[:, :, :3])
    # The lines of both runs.
    for colour in ([0x1B, 0x66, 0xC9], [0xC2, 0x50, 0x0A]):
        assert (pixels == colour).all(-1).sum() > 100


def test_the_terminal(runs: list[str], capsys: Captured) -> None:
    assert main(runs) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["eval", "loss", "5.5", "3.5"] in lines
    assert ["eval", "accuracy_mlm", "40.0%", "40.0%"] in lines
    assert ["train", "loss", "5", "3"] in lines


def test_many_runs_do_not_become_narrow(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "console", lambda: Console(width=60, highlight=False))
    paths = [str(falling(tmp_path / str(n), 8.0 + n)) for n in range(5)]
    assert main(paths) == 0
    told = capsys.readouterr().out
    assert [line.split()[2:] for line in told.splitlines() if "last value" in line] == [
        *[["A", "B"], ["C", "D"], ["E"]]
    ]
    assert max(map(len, told.splitlines())) <= 60


@pytest.fixture
def far_apart(runs: list[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two runs that differ in 25 options."""
    many = {f"--option-{number}": ["1", "a" * 90] for number in range(25)}
    for name in ("table", "page"):
        monkeypatch.setattr(f"pipelines.comparing.{name}.differing_options", lambda _: many)
    return runs


def test_many_differences_are_folded(
    far_apart: list[str], tmp_path: Path, capsys: Captured
) -> None:
    path = tmp_path / "page.html"
    assert main([*far_apart, "--html", str(path)]) == 0
    told = capsys.readouterr().out
    assert told.count("--option-") == 20
    assert " ... and 5 more, see --html or --json" in told
    content = path.read_text("utf-8")
    assert Page(content).open == []
    before, behind = content.split("<summary>5 more</summary>")
    assert (before.count("--option-"), behind.count("--option-")) == (20, 5)


def test_differences_of_a_narrow_page_stand_below_one_another(
    far_apart: list[str], tmp_path: Path
) -> None:
    """Each value says whose it is, since the head of the table is left out."""
    path = tmp_path / "page.html"
    assert main([*far_apart, "--html", str(path)]) == 0
    content = path.read_text("utf-8")
    narrow = content[content.index("@media (max-width: 40rem)", content.index(".differences")) :]
    assert ".differences td { display: block; }" in narrow
    assert ".differences thead { display: none; }" in narrow
    assert "content: attr(data-run)" in narrow
    assert '<td class="value" data-run="A">1</td><td class="value" data-run="B">aaa' in content


def test_json(runs: list[str], capsys: Captured, tmp_path: Path) -> None:
    assert main([*runs, "--json", "--x", "tokens", "--html", str(tmp_path / "p.html")]) == 0
    captured = capsys.readouterr()
    found: dict[str, Any] = json.loads(captured.out)
    assert captured.err == f"{tmp_path / 'p.html'}: written\n"
    first = found["runs"][0]
    assert (found["axis"], first["name"], first["steps"], first["tokens"], first["seconds"]) == (
        *("tokens", "a", 40, 400, 8.0),
    )
    assert first["figures"]["eval/loss"] == {
        "last": {"value": 5.5, "step": 40, "tokens": 400.0},
        "best": {"value": 5.5, "step": 40, "tokens": 400.0},
        "better": "low",
    }


def test_json_has_no_numbers_that_are_none(tmp_path: Path, capsys: Captured) -> None:
    run = write_log(tmp_path / "run", [train(10, loss=float("nan"), lr=float("inf"))])
    assert main([str(run), "--json"]) == 0
    [found] = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)["runs"]
    assert found["figures"]["train/loss"]["last"]["value"] is None
    assert found["figures"]["train/loss"]["best"] is None


def test_runs_that_share_no_figure(tmp_path: Path, capsys: Captured) -> None:
    one = write_log(tmp_path / "one", [train(10, loss_mlm=1.0, loss=2.0)])
    other = write_log(tmp_path / "other", [evaluated(10, {"probe/a/accuracy": 0.5})])
    assert main([str(one), str(other), "--html", str(tmp_path / "page.html")]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["eval", "probe/a/accuracy", "-", "50.0%"] in lines
    assert ["train", "loss", "2", "-"] in lines


def refused(capsys: Captured, *arguments: str) -> str:
    assert main([*arguments]) == 2
    captured = capsys.readouterr()
    [told] = captured.err.splitlines()
    assert captured.out == ""
    return told


def test_files_that_are_not_ours_stay(runs: list[str], tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "page.html").write_text("<title>mine</title>")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    page, picture = str(tmp_path / "page.html"), str(tmp_path / "picture.png")
    told = refused(capsys, *runs, "--html", page)
    assert told == f"shardmill: --html {page}: exists and is not a report page; name another file"
    # Neither file is written, if one cannot be.
    told = refused(capsys, *runs, "--png", picture, "--html", str(tmp_path / "new.html"))
    assert (
        told == f"shardmill: --png {picture}: exists and is not such a picture; name another file"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["page.html", "picture.png"]
    told = refused(capsys, *runs, "--png", "x", "--html", "x")
    assert told == "shardmill: --html and --png both name x; name two files"


def test_a_place_that_cannot_be_written(runs: list[str], capsys: Captured) -> None:
    for option in ("--html", "--png"):
        main([*runs, option, "/dev/null/file"])
        [told] = capsys.readouterr().err.splitlines()
        assert told.startswith(f"shardmill: {option} /dev/null/file: cannot be written: ")


def test_without_matplotlib(
    runs: list[str], capsys: Captured, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in [*sys.modules]:
        if name.partition(".")[0] == "matplotlib":
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    told = refused(capsys, *runs, "--png", str(tmp_path / "x.png"))
    assert told.startswith("shardmill: --png needs matplotlib, which is not installed: pip install")
