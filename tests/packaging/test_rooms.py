"""The plan of the code holds: no circle of imports, and no arrow from a lower room to a higher."""

import ast
import re

import pytest

from tests.packaging.imports import ROOT, Graph, circles, import_graph, room_of

ROOMS = (
    "schemas",
    "schemas.pages",
    "transforms.kernels",
    "transforms.arrays",
    "transforms.text",
    "transforms.files",
    "transforms.records",
    "transforms.detect",
    "transforms.read",
    "transforms.filters",
    "transforms.annotate",
    "transforms.tokens",
    "transforms.contract",
    "transforms.checks",
    "transforms.windows",
    "transforms.pairs",
    "transforms.corruption",
    "transforms.denoise",
    "transforms.labels",
    "transforms.objectives",
    "transforms.build",
    "transforms.samples",
    "transforms.counting",
    "transforms.stream",
    "pipelines.running",
    "pipelines.folder",
    "pipelines.tokenizers",
    "pipelines.planning",
    "pipelines.stream",
    "pipelines.report",
    "pipelines.exporting",
    "pipelines.stages",
    "pipelines",
    "trainer.curves",
    "trainer.metrics",
    "trainer.rows",
    "trainer.tasks",
    "trainer.loader",
    "trainer.models",
    "trainer.probes",
    "trainer.exits",
    "trainer.predictions",
    "trainer.vectors",
    "trainer.report",
    "trainer",
    "pipelines.comparing",
)
"""From the bottom up; a room imports from itself and from those before it."""


@pytest.fixture(scope="module")
def graph() -> Graph:
    return import_graph()


def test_every_room_has_its_place(graph: Graph) -> None:
    assert {room_of(module) for module in graph} == {*ROOMS, "transforms"}
    assert not graph["transforms"]


def test_there_is_no_circle(graph: Graph) -> None:
    assert circles(graph) == []


def test_no_room_imports_from_one_above_it(graph: Graph) -> None:
    place = {room: number for number, room in enumerate(ROOMS)}
    upwards = [
        f"{module} imports {other}"
        for module, others in graph.items()
        for other in others
        if room_of(module) in place and room_of(other) in place
        if place[room_of(other)] > place[room_of(module)]
    ]
    assert upwards == []


def docstring_of(room: str) -> str:
    path = ROOT.joinpath(*room.split("."), "__init__.py")
    return ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""


def test_rooms_say_what_they_are_for() -> None:
    assert not [room for room in ROOMS if not docstring_of(room)]


@pytest.mark.parametrize("room", [room for room in ROOMS if "." in room])
def test_a_room_imports_what_it_says_alone(room: str, graph: Graph) -> None:
    """Rooms of the same package have their own names there, other packages theirs."""
    package, _, _ = room.partition(".")
    found = re.search(r"^May import: ([^.]*)\.", docstring_of(room), re.MULTILINE)
    assert found
    stated = set(re.split(r",\s", found[1]))
    others = {
        room_of(other) for module in graph if room_of(module) == room for other in graph[module]
    }
    names = {name.removeprefix(f"{package}.") for name in others - {room}}
    assert {name.partition(".")[0] for name in names} <= stated


def test_circles_are_found() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": {"e"}, "e": {"d"}, "f": {"a"}}
    found = circles({name: frozenset(others) for name, others in graph.items()})
    assert sorted(found) == [["a", "b", "c"], ["d", "e"]]


def test_the_two_sides_of_the_trainer_do_not_meet(graph: Graph) -> None:
    """Batches know nothing of models, and models nothing of the order of batches."""
    for one, other in (("loader", "models"), ("models", "loader")):
        inside = [module for module in graph if room_of(module) == f"trainer.{one}"]
        assert inside
        for module in inside:
            met = {room_of(each) for each in graph[module]}
            assert f"trainer.{other}" not in met, module
