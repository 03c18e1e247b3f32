"""The wheel: what is in it, and that it works from a folder where nothing of ours lies."""

import os
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from schemas.version import VERSION

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("pipelines", "schemas", "trainer", "transforms")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of a copy of the project, in which nothing is left of other builds."""
    source = tmp_path_factory.mktemp("source")
    for name in (*PACKAGES, "pyproject.toml", "README.md", "LICENSE", "setup.py"):
        (source / name).symlink_to(ROOT / name)
    folder = tmp_path_factory.mktemp("wheel")
    call = "import sys; from setuptools import build_meta as b; b.build_wheel(sys.argv[1])"
    subprocess.run(
        [sys.executable, "-c", call, str(folder)], cwd=source, check=True, capture_output=True
    )
    [found] = folder.glob("*.whl")
    return found


def test_what_is_in_it(wheel: Path) -> None:
    assert wheel.name == f"shardmill-{VERSION}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        info = f"shardmill-{VERSION}.dist-info"
        metadata = Parser().parsestr(archive.read(f"{info}/METADATA").decode())
        licence = archive.read(f"{info}/licenses/LICENSE").decode()
    wanted = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.suffix in {".py", ".j2"} or path.name == "py.typed"
    }
    assert wanted - names == set()
    assert {name.split("/")[0] for name in names} == {*PACKAGES, info}
    assert metadata["License-Expression"] == "Apache-2.0"
    assert "Apache License" in licence
    assert metadata["Requires-Python"] == ">=3.10"


def test_it_works_from_an_empty_folder(wheel: Path, tmp_path: Path) -> None:
    installed, empty = tmp_path / "installed", tmp_path / "empty"
    empty.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    # The project itself is installed as well, in the environment that has what it needs.
    code = f"""
import sys
from pipelines import cli
assert cli.__file__.startswith({str(installed)!r}), cli.__file__
sys.exit(cli.main())
"""

    def shown(*arguments: str) -> str:
        return subprocess.run(
            [sys.executable, "-c", code, *arguments],
            cwd=empty,
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    assert shown("--version") == f"shardmill {VERSION}\n"
    assert shown("recipes").startswith("name ")
    assert [*empty.iterdir()] == []
