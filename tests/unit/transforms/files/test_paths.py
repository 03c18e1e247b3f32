import os
import socket
from collections.abc import Sequence
from pathlib import Path

import pytest

from transforms.files.paths import (
    PathError,
    delete_files,
    exists,
    is_folder,
    list_folder,
    remove_empty_folder,
    status,
)
from transforms.files.patterns import match

ODD = [
    "a[2016]/b(1).txt",
    "o*",
    "a?b",
    "[x]",
    "{a,b}",
    "with space",
    "中文/文件.txt",
    "b\\",
    "-n",
    "~",
]


def plant(folder: Path, names: Sequence[str]) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def found(folder: Path, pattern: str) -> list[str]:
    return [file.path.removeprefix(f"{folder}/") for file in match(f"{folder}/{pattern}")]


@pytest.mark.parametrize("name", ODD)
def test_a_path_that_exists_is_itself(tmp_path: Path, name: str) -> None:
    plant(tmp_path, [*ODD, "a2/b(1).txt", "other", "axb", "x", "a", "b"])
    [file] = match(f"{tmp_path}/{name}")
    size = len(name.encode())
    assert (file.path, file.size) == (f"{tmp_path}/{name}", size)
    assert file.modified == (tmp_path / name).stat().st_mtime
    assert exists(f"{tmp_path}/{name}")


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*", ["a.txt", "b.txt", "c"]),
        ("*.txt", ["a.txt", "b.txt"]),
        ("[ab].txt", ["a.txt", "b.txt"]),
        ("[!a].txt", ["b.txt"]),
        ("?", ["c"]),
        ("{a,b}.txt", ["a.txt", "b.txt"]),
        ("{a,{b,x}}.{txt,none}", ["a.txt", "b.txt"]),
        (".*", [".h"]),
        (".hidden/*", [".hidden/d.txt"]),
        ("**/*.txt", ["a.txt", "b.txt", "one/e.txt", "one/two/f.txt"]),
        ("**.txt", ["a.txt", "b.txt", "one/e.txt", "one/two/f.txt"]),
        ("one/**", ["one/e.txt", "one/two/f.txt"]),
        ("**/two/**", ["one/two/f.txt"]),
        ("*/*.txt", ["one/e.txt"]),
        ("o*/t*/f.txt", ["one/two/f.txt"]),
        ("one//e.txt", ["one//e.txt"]),
        ("none*", []),
        ("none/*", []),
        ("a.txt/*", []),
        ("one", []),
        ("a.txt/", []),
        ("[", []),
        ("{a}", []),
    ],
)
def test_patterns(tmp_path: Path, pattern: str, names: list[str]) -> None:
    plant(tmp_path, ["a.txt", "b.txt", "c", ".h", ".hidden/d.txt", "one/e.txt", "one/two/f.txt"])
    assert found(tmp_path, pattern) == names


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("corpus[1]/*.txt", ["corpus[1]/a.txt"]),
        ("corpus[1]/**", ["corpus[1]/a.txt", "corpus[1]/b[2]/c.txt"]),
        ("corpus[1]/b[2]/*", ["corpus[1]/b[2]/c.txt"]),
        ("corpus[1]/b[2]/c.{txt,md}", ["corpus[1]/b[2]/c.txt"]),
        ("*/b[2]/*", ["corpus1/b2/e.txt", "corpus[1]/b[2]/c.txt"]),
        ("corpus[12]/*.txt", ["corpus1/d.txt"]),
        # The folder of this name has no such file, so it is a pattern after all.
        ("corpus[1]/d.*", ["corpus1/d.txt"]),
        ("corpus[[]1]/*.txt", ["corpus[1]/a.txt"]),
    ],
)
def test_an_existing_folder_at_the_beginning_is_itself(
    tmp_path: Path, pattern: str, names: list[str]
) -> None:
    plant(
        tmp_path, ["corpus[1]/a.txt", "corpus[1]/b[2]/c.txt", "corpus1/d.txt", "corpus1/b2/e.txt"]
    )
    assert found(tmp_path, pattern) == names


def test_patterns_without_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(tmp_path, ["a.txt", "one/b.txt"])
    monkeypatch.chdir(tmp_path)
    assert [file.path for file in match("*.txt")] == ["a.txt"]
    assert [file.path for file in match("**/*.txt")] == ["a.txt", "one/b.txt"]
    assert [file.path for file in match("./*.txt")] == ["./a.txt"]


def test_links(tmp_path: Path) -> None:
    plant(tmp_path, ["real/a.txt", "real/in/b.txt"])
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "real" / "loop").symlink_to(".")
    assert found(tmp_path, "link/*.txt") == ["link/a.txt"]
    assert found(tmp_path, "*/a.txt") == ["link/a.txt", "real/a.txt"]
    assert found(tmp_path, "**/*.txt") == ["real/a.txt", "real/in/b.txt"]
    assert [file.path.removeprefix(f"{tmp_path}/") for file in list_folder(str(tmp_path))] == [
        "link"
    ]


@pytest.mark.parametrize("pattern", ["x.txt", "*.txt", "**"])
def test_a_link_to_nothing_is_told(tmp_path: Path, pattern: str) -> None:
    (tmp_path / "x.txt").symlink_to("gone")
    with pytest.raises(PathError, match=r"x\.txt is a link to gone, which does not exist$"):
        match(f"{tmp_path}/{pattern}")
    assert exists(f"{tmp_path}/x.txt")


@pytest.mark.parametrize("pattern", ["x", "*"])
def test_pipes_and_sockets_are_refused(tmp_path: Path, pattern: str) -> None:
    os.mkfifo(tmp_path / "x")
    with pytest.raises(PathError, match="x is a named pipe, and only regular files can be read"):
        match(f"{tmp_path}/{pattern}")
    (tmp_path / "x").unlink()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "x"))
        with pytest.raises(PathError, match="x is a socket, and only regular files can be read"):
            match(f"{tmp_path}/{pattern}")


@pytest.mark.parametrize("path", ["/dev/null", "/dev/zero", "/dev/tty"])
def test_devices_are_refused(path: str) -> None:
    with pytest.raises(PathError, match=f"{path} is a device, and only regular files"):
        match(path)


@pytest.mark.parametrize(
    "path", ["/dev/stdin", "/dev/fd/0", "/proc/self/maps", "/sys/../proc/uptime"]
)
def test_views_of_processes_are_refused(path: str) -> None:
    with pytest.raises(PathError, match=f"{path} is no file of its own"):
        match(path)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("", "the name of a file is empty"),
        ("x" * 300, "x cannot be looked up: File name too long"),
        ("a\0b", "cannot be looked up: "),
        ("nosuch://a/*", r"nosuch://a/\* cannot be looked up: "),
        ("{a,b}" * 20, "stands for too many patterns"),
    ],
)
def test_what_cannot_be_looked_up_is_no_empty_list(path: str, reason: str) -> None:
    with pytest.raises(PathError, match=reason):
        match(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list every folder")
@pytest.mark.parametrize("pattern", ["*/*", "**", "shut/*", "shut/a.txt"])
def test_a_folder_that_may_not_be_listed_is_an_error(tmp_path: Path, pattern: str) -> None:
    plant(tmp_path, ["shut/a.txt"])
    (tmp_path / "shut").chmod(0)
    try:
        with pytest.raises(PathError, match=r"shut\S* cannot be looked up: Permission denied$"):
            match(f"{tmp_path}/{pattern}")
        with pytest.raises(PathError, match=r"shut cannot be looked up: Permission denied$"):
            list_folder(f"{tmp_path}/shut")
    finally:
        (tmp_path / "shut").chmod(0o755)


def test_an_error_while_listing_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same for root, whom no permission stops."""

    def shut(folder: str) -> None:
        raise PermissionError(13, "Permission denied", folder)

    monkeypatch.setattr(os, "scandir", shut)
    for look in (lambda: match(f"{tmp_path}/*"), lambda: list_folder(str(tmp_path))):
        with pytest.raises(
            PathError, match=rf"^{tmp_path} cannot be looked up: Permission denied$"
        ):
            look()


def test_many_stars_end(tmp_path: Path) -> None:
    plant(tmp_path, ["/".join("a" * 20) + "/x.txt", "a" * 200])
    assert found(tmp_path, "**/**/**/**/**/**/**/**/**/*.none") == []
    assert found(tmp_path, "*a" * 60 + "b") == []


@pytest.mark.parametrize("folder", ["o[1]", "o*", "o?", "{o,p}", "o"])
def test_lists_folders_literally(tmp_path: Path, folder: str) -> None:
    plant(tmp_path, [f"{folder}/{name}" for name in ("a", ".b", "c/d", ".e/f")])
    plant(tmp_path, ["o1/neighbour", "ox/neighbour"])
    root = f"{tmp_path}/{folder}"
    os.mkfifo(tmp_path / folder / "pipe")
    (tmp_path / folder / "dangling").symlink_to("gone")
    own = [f"{root}/{name}" for name in (".b", "a", "dangling", "pipe")]
    assert [file.path for file in list_folder(root)] == own
    every = sorted([*own, f"{root}/c/d", f"{root}/.e/f"])
    assert [file.path for file in list_folder(root, recursive=True)] == every


def test_missing_folders_are_empty_and_files_are_no_folders(tmp_path: Path) -> None:
    plant(tmp_path, ["a"])
    assert list_folder(f"{tmp_path}/none") == []
    with pytest.raises(PathError, match="a cannot be looked up: Not a directory"):
        list_folder(f"{tmp_path}/a")
    assert [is_folder(f"{tmp_path}/{name}") for name in ("", "a", "none")] == [True, False, False]
    assert [exists(f"{tmp_path}/{name}") for name in ("a", "none", "a/b")] == [True, False, False]


def test_status(tmp_path: Path) -> None:
    plant(tmp_path, ["a[1]"])
    assert status(f"{tmp_path}/a[1]") == match(f"{tmp_path}/a[1]")[0]
    assert status(f"{tmp_path}/none") is None


@pytest.mark.parametrize("folder", ["o[1]", "o*", "o?"])
def test_deletes_files_of_this_very_name(tmp_path: Path, folder: str) -> None:
    """Beam's FileSystems.delete takes the neighbour's."""
    plant(tmp_path, ["o1/a", f"{folder}/a", f"{folder}/b[1]", f"{folder}/b1"])
    delete_files([f"{tmp_path}/{folder}/{name}" for name in ("a", "b[1]", "gone")])
    assert {path.name for path in (tmp_path / folder).iterdir()} == {"b1"}
    assert (tmp_path / "o1" / "a").exists()
    assert not remove_empty_folder(f"{tmp_path}/{folder}")
    delete_files([f"{tmp_path}/{folder}/b1"])
    assert remove_empty_folder(f"{tmp_path}/{folder}")
    assert remove_empty_folder(f"{tmp_path}/{folder}")
    assert (tmp_path / "o1").exists()


def test_deletes_links_and_no_folders(tmp_path: Path) -> None:
    plant(tmp_path, ["real/a"])
    (tmp_path / "link").symlink_to("real")
    delete_files([f"{tmp_path}/link"])
    assert (tmp_path / "real" / "a").exists()
    with pytest.raises(PathError, match="real cannot be deleted: "):
        delete_files([f"{tmp_path}/real"])
    (tmp_path / "a").write_text("")
    with pytest.raises(PathError, match="a cannot be removed: Not a directory"):
        remove_empty_folder(f"{tmp_path}/a")
