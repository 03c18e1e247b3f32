"""Where tests lie, and what they may import of each other."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
UNIT = TESTS / "unit"


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(TESTS.parent).with_suffix("").parts)


MODULES = {name_of(path): path for path in sorted(TESTS.rglob("*.py"))}
RUN_BY_PYTEST = {
    name for name in MODULES if name.rpartition(".")[2].startswith(("test_", "conftest"))
}


def imports_of(source: str) -> Iterator[str]:
    """Yields each imported module, and each name taken from one as if it were a module too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in line {node.lineno}"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def unwanted(name: str, source: str) -> set[str]:
    """Returns what a module of tests imports and must not."""
    found = {*imports_of(source)}
    wrong = found & RUN_BY_PYTEST
    if name.startswith("tests.unit."):
        wrong |= {each for each in found if f"{each}.".startswith("tests.e2e.")}
    return wrong


def test_modules_share_by_helpers_only() -> None:
    found = {name: unwanted(name, path.read_text("utf-8")) for name, path in MODULES.items()}
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("tests.unit.x.test_y", "from tests.e2e.conftest import ROOT"),
        ("tests.unit.x.test_y", "from tests.e2e import anything"),
        ("tests.unit.x.test_y", "import tests.e2e"),
        ("tests.unit.x.test_y", "from tests import e2e"),
        ("tests.unit.x.test_y", "def f():\n    import tests.e2e.helpers"),
        ("tests.unit.x.test_y", "from tests.unit.trainer.test_optim import anything"),
        ("tests.property.test_y", "from tests.unit.trainer import test_optim"),
        ("tests.property.test_y", "from tests import conftest"),
    ],
)
def test_what_must_not_be_imported_is_found(name: str, source: str) -> None:
    assert unwanted(name, source)


def test_folders_of_unit_tests_are_those_of_the_source() -> None:
    folders = {path.parent.relative_to(UNIT) for path in UNIT.rglob("test_*.py")}
    assert Path("transforms", "corruption") in folders
    source = {each for each in folders if [*(TESTS.parent / each).glob("*.py")]}
    assert folders - source == set()
