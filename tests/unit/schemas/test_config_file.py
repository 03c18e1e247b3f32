"""Options from a file: what a command makes of it, beside its command line."""

import argparse
import sys
from pathlib import Path
from typing import Any

import pytest

from schemas.config_file import config_text, split_config
from schemas.errors import UsageError
from schemas.numbers import finite, whole
from schemas.parser import Parser

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def parser() -> Parser:
    found = Parser("paint", description="Paint.", shows_progress=True)
    found.add_argument("wall")
    found.add_argument("coats", nargs="*", metavar="COAT")
    found.add_argument("--input", action="append", required=True, default=[])
    found.add_argument("--seed", type=whole(), default=12345)
    found.add_argument("--rate", type=finite(0, 1), default=0.5)
    found.add_argument("--no-checks", dest="checks", action="store_false")
    found.add_argument("--wet", action="store_true")
    found.add_argument("--upper", action=argparse.BooleanOptionalAction)
    found.add_argument("--label")
    form = found.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true")
    form.add_argument("--html")
    # As some commands do, to tell what was given.
    found.set_defaults(label=None)
    return found


PLAIN = {
    **{"wall": "north", "coats": [], "input": ["a"], "seed": 12345, "rate": 0.5, "checks": True},
    **{"wet": False, "upper": None, "label": None, "json": False, "html": None},
}


def parsed(tmp_path: Path, toml: str, *arguments: str) -> dict[str, Any]:
    """Returns what differs from `PLAIN`."""
    file = tmp_path / "paint.toml"
    file.write_text(toml, "utf-8")
    found = vars(parser().parse_args(["--config", str(file), *arguments]))
    assert found.keys() == PLAIN.keys()
    return {name: value for name, value in found.items() if value != PLAIN[name]}


def refused(tmp_path: Path, toml: str, *arguments: str) -> str:
    with pytest.raises(UsageError) as caught:
        parsed(tmp_path, toml, *arguments)
    return str(caught.value)


BASE = 'wall = "north"\ninput = ["a"]\n'


@pytest.mark.parametrize(
    ("toml", "arguments", "changes"),
    [
        (BASE, (), {}),
        (BASE + "seed = 7\nrate = 0.25", (), {"seed": 7, "rate": 0.25}),
        (BASE + "no-checks = true\nwet = true", (), {"checks": False, "wet": True}),
        (BASE + "no-checks = false\nwet = false", (), {}),
        (BASE + "upper = false", (), {"upper": False}),
        (BASE + "upper = true", ("--no-upper",), {"upper": False}),
        # A value that looks like an option is none.
        (BASE + 'label = "--wet"', (), {"label": "--wet"}),
        # The command line wins; what may be repeated is replaced, not added to.
        (BASE + "seed = 7", ("--seed", "8"), {"seed": 8}),
        (BASE + "seed = 7", ("--seed=12345",), {}),
        (BASE, ("--input", "b", "--input=c"), {"input": ["b", "c"]}),
        (BASE, ("south",), {"wall": "south"}),
        (BASE + 'coats = ["x", "-y"]', (), {"coats": ["x", "-y"]}),
        (BASE + 'html = "page"', ("--json",), {"json": True}),
        (BASE + "json = true", ("--html", "page"), {"html": "page"}),
        ('input = "a"', ("north", "red"), {"coats": ["red"]}),
        ("", ("north", "--input", "a"), {}),
    ],
)
def test_values_of_a_file(
    tmp_path: Path, toml: str, arguments: tuple[str, ...], changes: dict[str, Any]
) -> None:
    assert parsed(tmp_path, toml, *arguments) == changes


@pytest.mark.parametrize(
    ("toml", "arguments", "message"),
    [
        ("sede = 1", ("north", "--input", "a"), "has no option 'sede'; did you mean seed? known"),
        (BASE + "seed = -1", (), "paint.toml: argument --seed: must be a whole number"),
        (BASE + 'wet = "yes"', (), "paint.toml: wet must be true or false, got 'yes'"),
        (BASE + "seed = [1, 2]", (), "paint.toml: seed takes one value, got a list of 2"),
        (BASE + "[seed]\nx = 1", (), "paint.toml: seed must be a string or a number, got a table"),
        (BASE + 'config = "x"', (), "paint.toml: leave out config: a file names no other one"),
        (BASE + "= 1", (), "paint.toml is not TOML: "),
        (BASE, ("--seed", "x"), "argument --seed: must be a whole number of at least 0, got 'x'"),
        ('wall = ["a", "b"]\ninput = "a"', (), "wall takes one value, got a list"),
        ('wall = "north"', (), "the following arguments are required: --input"),
        (BASE, ("--sede=1",), "unrecognized arguments: --sede=1; did you mean --seed?"),
    ],
)
def test_what_is_refused(
    tmp_path: Path, toml: str, arguments: tuple[str, ...], message: str
) -> None:
    assert message in refused(tmp_path, toml, *arguments)


def test_an_error_of_the_command_line_is_not_blamed_on_the_file(tmp_path: Path) -> None:
    assert "paint.toml" not in refused(tmp_path, BASE, "--seed", "x")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("nowhere.toml", "--config nowhere.toml cannot be read: No such file or directory"),
        (".", "--config . cannot be read: "),
        ("", "argument --config: must not be empty, got ''"),
    ],
)
def test_a_file_that_cannot_be_read(
    value: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        parser().parse_args([f"--config={value}"])
    assert message in str(caught.value)


def test_a_file_of_windows_is_read(tmp_path: Path) -> None:
    """Its editors write a byte order mark, and carriage returns."""
    file = tmp_path / "paint.toml"
    file.write_bytes(b"\xef\xbb\xbf" + (BASE + "seed = 7").replace("\n", "\r\n").encode())
    assert parser().parse_args([f"--config={file}"]).seed == 7


def test_what_a_command_passes_on_may_be_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "paint.toml"
    file.write_text(BASE + 'runner = "DirectRunner"\nstreaming = true', "utf-8")
    _, left = parser().parse_known_args([f"--config={file}", "--more=1"])
    assert left == ["--runner=DirectRunner", "--streaming", "--more=1"]
    file.write_text(BASE + "ratee = 1", "utf-8")
    with pytest.raises(UsageError, match="no option 'ratee'; did you mean rate"):
        parser().parse_known_args([f"--config={file}"])


@pytest.mark.parametrize(
    ("arguments", "left", "path"),
    [
        (["a", "--config", "x", "b"], ["a", "b"], "x"),
        (["--config=x", "--config=y"], [], "y"),
        (["--config"], ["--config"], None),
        (["--config", "--seed"], ["--config", "--seed"], None),
        (["--", "--config=x"], ["--", "--config=x"], None),
    ],
)
def test_where_the_file_is_named(arguments: list[str], left: list[str], path: str | None) -> None:
    assert split_config(arguments) == (left, path)


@pytest.mark.parametrize(
    "arguments",
    [
        ["north", "--input", "a"],
        ["north", "x", "y", "--input=a", "--input=b c", "--seed=3", "--no-checks", "--wet"],
        [
            "north",
            "--input=a",
            "--no-upper",
            '--label="\\\t\u007f深度',
            "--html",
            "p",
            "--rate=1e-5",
        ],
    ],
)
def test_what_is_saved_gives_the_same_again(tmp_path: Path, arguments: list[str]) -> None:
    before = vars(parser().parse_args(arguments))
    file = tmp_path / "saved.toml"
    file.write_text(config_text(parser(), before), "utf-8")
    assert vars(parser().parse_args([f"--config={file}"])) == before


def test_what_is_saved() -> None:
    given = vars(parser().parse_args(["north", "--input", "a", "--no-checks"]))
    text = config_text(parser(), given, ["seed"])
    assert text.startswith("# shardmill paint --config THIS-FILE --output NEW repeats this.\n")
    assert tomllib.loads(text) == {
        **{"wall": "north", "input": ["a"], "rate": 0.5, "no-checks": True, "wet": False},
        "json": False,
    }


@pytest.mark.parametrize(
    ("value", "saved"),
    [
        ("https://me:word@host/a.txt", "https://host/a.txt"),
        ("https://host/a.txt?X-Amz-Signature=12ab&x=1", "https://host/a.txt?&x=1"),
        ("https://me:w@rd@host/a.txt", "https://host/a.txt"),
        ("https://host:80/a?mail=me@host&auth=1", "https://host:80/a?mail=me@host&"),
        ("https://host/?keyword=design&monkeys=2", "https://host/?keyword=design&monkeys=2"),
        ("s3://bucket/a?.txt", "s3://bucket/a?.txt"),
        ("hdfs://me@host/a", "hdfs://me@host/a"),
    ],
)
def test_no_password_is_saved(value: str, saved: str) -> None:
    assert tomllib.loads(config_text(parser(), {"label": value})) == {"label": saved}
