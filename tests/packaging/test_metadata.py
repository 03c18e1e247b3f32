"""What the package says of itself, and the extras that documentation and messages name."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.version import VERSION

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = re.compile(
    r"""(?:(?:shardmill|['" ]\.)\[|pip_install\(["'])([a-z0-9]+(?:,[a-z0-9]+)*)(?:\]|["']\))"""
)
"""Of an installation, such as `pip install 'shardmill[trainer]'` or `pip install '.[dev,gcp]'`."""
FROM_CLONE = re.compile(r"""install ['"]?\.\[""")
"""Right in a clone alone."""
SPELLED_OUT = re.compile(r"""install\s+(?:["']\s*["'])?(?:it with )?'?shardmill\[""")
SCRIPTS = {"benchmarks/near_duplicates.py", "docs/adapters/pubsub_to_files.py"}
"""Say in their docstrings what they need."""


def texts() -> Iterator[tuple[str, str]]:
    """Yields the name and the text of every file that may tell somebody what to install."""
    paths = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "Makefile", ROOT / "Dockerfile"]
    for folder in ("docs", "pipelines", "transforms", "schemas", "trainer", "benchmarks"):
        paths += sorted((ROOT / folder).rglob("*.md")) + sorted((ROOT / folder).rglob("*.py"))
    for path in paths:
        yield str(path.relative_to(ROOT)), path.read_text("utf-8")


def test_every_extra_that_is_named_exists() -> None:
    named = {
        (name, extra)
        for name, text in texts()
        for found in EXTRAS.finditer(text)
        for extra in found[1].split(",")
    }
    assert {("README.md", "trainer"), ("trainer/train.py", "trainer")} <= named
    known = PROJECT["optional-dependencies"].keys()
    assert {(name, extra) for name, extra in named if extra not in known} == set()


def test_extras_are_named_in_one_form() -> None:
    """Documents say `pip install '.[X]'`, for no index has the package.

    Messages do not know where a clone is. They say `pip install 'shardmill[X]'`, which adds to what
    is installed, and get it from one function.
    """
    found = [*texts()]
    code = [(name, text.replace("\n", " ")) for name, text in found if name.endswith(".py")]
    pages = [(name, text) for name, text in found if name.endswith(".md")]
    assert [name for name, text in code if FROM_CLONE.search(text)] == []
    spelled = {name for name, text in (*code, *pages) if SPELLED_OUT.search(text)}
    assert spelled <= {"schemas/extras.py", "docs/terminal.md", *SCRIPTS}


def test_other_forms_are_found() -> None:
    assert FROM_CLONE.search("run pip install '.[web]' first")
    assert FROM_CLONE.search("pip install .[web]")
    assert not FROM_CLONE.search("pip install -c constraints.txt '.[web]'")
    assert SPELLED_OUT.search("pip install 'shardmill[web]'")
    assert SPELLED_OUT.search("""is missing: pip install " "'shardmill[web]'""")


@pytest.mark.parametrize(
    ("text", "extras"),
    [
        ("pip install 'shardmill[trainer]'", "trainer"),
        (".venv/bin/pip install -c constraints.txt '.[dev,gcp]'", "dev,gcp"),
        ("pip install .[plots]", "plots"),
        ("pip_install('web')", "web"),
    ],
)
def test_extras_are_found_as_they_are_written(text: str, extras: str) -> None:
    assert EXTRAS.findall(text) == [extras]


def test_licence_and_metadata() -> None:
    licence = (ROOT / "LICENSE").read_text("utf-8")
    assert licence.split()[:4] == ["Apache", "License", "Version", "2.0,"]
    assert PROJECT["license"] == "Apache-2.0"
    assert PROJECT["license-files"] == ["LICENSE"]
    assert not any(each.startswith("Private ::") for each in PROJECT["classifiers"])
    # The build reads the version from there.
    assert PROJECT["dynamic"] == ["version"]
    assert VERSION == "0.2.0"
