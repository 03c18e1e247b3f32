"""The import graph of the project, read from the source: imports for types and in functions too."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("schemas", "transforms", "pipelines", "trainer")

Graph = Mapping[str, frozenset[str]]
"""Module to the modules of ours that it imports."""


def name_of(path: Path, root: Path = ROOT) -> str:
    return ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


def imports_of(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Yields each imported module, with the names taken from it."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, []) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or "", [alias.name for alias in node.names]


def import_graph(root: Path = ROOT) -> Graph:
    """Returns the arrows between the modules of `PACKAGES`."""
    files = {name_of(path, root): path for each in PACKAGES for path in (root / each).rglob("*.py")}
    graph: dict[str, frozenset[str]] = {}
    for name, path in files.items():
        found = set[str]()
        for module, names in imports_of(path):
            inner = {f"{module}.{each}" for each in names} & files.keys()
            found |= inner or ({module} & files.keys())
        graph[name] = frozenset(found - {name})
    return graph


def circles(graph: Graph) -> list[list[str]]:
    """Returns the strongly connected components of more than one module (Tarjan's algorithm)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        index[module] = low[module] = len(index)
        stack.append(module)
        for other in sorted(graph[module]):
            if other not in index:
                visit(other)
            if other in stack:
                low[module] = min(low[module], low[other])
        if low[module] == index[module]:
            component = stack[stack.index(module) :]
            del stack[stack.index(module) :]
            if len(component) > 1:
                found.append(sorted(component))

    for module in sorted(graph):
        if module not in index:
            visit(module)
    return found


def room_of(module: str) -> str:
    """Returns the folder that a module lies in; a package is its own room."""
    parts = module.split(".")
    return ".".join(parts[:2]) if (ROOT.joinpath(*parts[:2])).is_dir() else parts[0]
