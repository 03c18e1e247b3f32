"""What may import what, and whose code runs."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.cli import main
from schemas import ownership
from schemas.ownership import OwnershipError, check_ownership
from tests.packaging.imports import ROOT, imports_of, name_of

BEAM = {
    "transforms.build.beam_build",
    "transforms.build.beam_count",
    "transforms.counting.beam_counting",
    "transforms.read.beam_read",
}
"""The modules that may import Beam, besides programs: PTransforms."""
STORAGE = "transforms.files.storage"
"""The module that opens files, by Beam where a path has a scheme: Beam is imported then."""

# What each package may import of ours.
ALLOWED = {
    "schemas": {"schemas"},
    "transforms": {"schemas", "transforms"},
    "pipelines": {"schemas", "transforms", "pipelines"},
    "trainer": {"schemas", "transforms", "trainer"},
}
COMPARING = "pipelines.comparing."
"""What the names of modules begin with that read what the trainer has written, without torch."""


def modules(package: str) -> list[str]:
    return sorted(map(name_of, (ROOT / package).rglob("*.py")))


def pure_modules() -> list[str]:
    found = [*modules("schemas"), *modules("transforms")]
    assert set(found) >= BEAM
    return [name for name in found if name not in BEAM]


def imported(names: list[str]) -> set[str]:
    """Imports modules in a fresh interpreter; returns the top-level packages that came along."""
    code = (
        "import importlib, sys\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return set(run.stdout.split())


def test_pure_modules_import_no_beam_and_no_torch() -> None:
    names = pure_modules()
    assert {
        "transforms.corruption.select",
        "transforms.windows.pack_windows",
        "schemas.columns",
    } <= {*names}
    loaded = imported(names)
    assert "numpy" in loaded
    assert not loaded & {"apache_beam", "datasets", "pipelines", "torch", "transformers"}


def test_schemas_import_neither_beam_nor_transforms() -> None:
    loaded = imported(modules("schemas"))
    assert not loaded & {"apache_beam", "jieba", "pipelines", "rjieba", "torch", "transforms"}


def test_the_trainer_imports_no_beam() -> None:
    loaded = imported(modules("trainer"))
    assert {"torch", "transformers", "numpy"} <= loaded
    assert not loaded & {"apache_beam", "datasets", "jieba", "pipelines", "rjieba", "tests"}


def test_options_of_the_trainer_are_read_without_torch() -> None:
    assert not imported(["trainer.train", "trainer.train_arguments"]) & {"torch", "transformers"}


def test_programs_import_no_torch() -> None:
    loaded = imported([*modules("pipelines"), *modules("transforms")])
    assert "apache_beam" in loaded
    assert not loaded & {"datasets", "tests", "torch", "transformers"}


@pytest.mark.parametrize("package", sorted(ALLOWED))
def test_imports_go_one_way(package: str) -> None:
    ours = {*ALLOWED, "tests", "benchmarks"}
    for path in sorted((ROOT / package).rglob("*.py")):
        found = {module.partition(".")[0] for module, _ in imports_of(path)} & ours
        above = {"trainer"} if name_of(path).startswith(COMPARING) else set[str]()
        assert found <= ALLOWED[package] | above, path


@pytest.mark.parametrize("package", ["trainer", "transforms"])
def test_pure_modules_do_not_import_those_with_beam(package: str) -> None:
    for path in sorted((ROOT / package).rglob("*.py")):
        if name_of(path) not in BEAM:
            assert not {module for module, _ in imports_of(path)} & BEAM, path


def test_nothing_postpones_annotations_or_draws_globally() -> None:
    for folder in (*ALLOWED, "tests"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for module, names in imports_of(path):
                assert module != "random", path
                assert (module, names) != ("__future__", ["annotations"]), path


GLOBBING = {
    "FileSystems.match",
    "FileSystems.delete",
    "_beam().match",
    "_beam().delete",
    "ReadFromText",
    "MatchFiles",
    "MatchAll",
}
"""What takes every path for one of Beam's patterns, so that `o[1]` is `o1`."""
FILE_SYSTEMS = {
    STORAGE,
    "pipelines.running.beam_runner",
    "pipelines.running.worker",
}
"""The modules that know Beam's file systems: to use them, and to give them options."""


def globbing_of(path: Path) -> Iterator[str]:
    """Yields what a module has that matches patterns."""
    for module, names in imports_of(path):
        yield from ({module} & {"glob"}) | ({*names} & GLOBBING)
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Attribute):
            yield from {node.attr, ast.unparse(node)} & GLOBBING


def test_only_one_module_matches_the_paths_of_users() -> None:
    for package in ALLOWED:
        for path in sorted((ROOT / package).rglob("*.py")):
            if name_of(path) != STORAGE:
                assert not set(globbing_of(path)), path
            names = {name for _, names in imports_of(path) for name in names}
            assert "FileSystems" not in names or name_of(path) in FILE_SYSTEMS, path
    assert set(globbing_of(ROOT / "transforms" / "files" / "storage.py")) == {
        "_beam().match",
        "_beam().delete",
    }


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of installed distributions, of which this project is one."""
    install(tmp_path, "shardmill-1.0.dist-info", "RECORD", "schemas/a.py,,\ntransforms/a.py,,\n")
    install(tmp_path, "numpy-2.0.dist-info", "RECORD", "numpy/transforms/a.py,,\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    check_ownership.cache_clear()
    yield tmp_path
    check_ownership.cache_clear()


def install(site: Path, folder: str, name: str, content: str) -> None:
    (site / folder).mkdir()
    (site / folder / name).write_text(content)


def test_our_packages_are_ours(site: Path) -> None:
    check_ownership()


@pytest.mark.parametrize(
    ("folder", "name", "content"),
    [
        ("other-0.1.dist-info", "top_level.txt", "other\ntransforms\n"),
        ("other-0.1.dist-info", "RECORD", "other.py,,\ntransforms/__init__.py,sha256=x,7\n"),
        ("other.egg-info", "top_level.txt", "transforms\n"),
    ],
)
def test_another_distribution_is_refused(
    site: Path, capsys: pytest.CaptureFixture[str], folder: str, name: str, content: str
) -> None:
    install(site, folder, name, content)
    with pytest.raises(OwnershipError, match="other is installed too and has a package transforms"):
        check_ownership()
    assert main(["recipes"]) == 2
    assert capsys.readouterr().err == (
        "shardmill: other is installed too and has a package transforms as well: install "
        "shardmill in an environment of its own\n"
    )


def test_packages_that_lie_apart_are_refused(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = ownership._folder
    monkeypatch.setattr(
        ownership, "_folder", lambda name: str(site) if name == "schemas" else folder(name)
    )
    with pytest.raises(OwnershipError, match=f"schemas in {site}, trainer in {ROOT}"):
        check_ownership()


def test_shadowing_folder_is_refused(tmp_path: Path) -> None:
    """A folder of the same name where the program is started comes first."""
    (tmp_path / "transforms").mkdir()
    (tmp_path / "transforms" / "__init__.py").write_text("")
    code = (
        f"import sys; sys.path.append({str(ROOT)!r})\n"
        "from schemas.ownership import check_ownership\n"
        "check_ownership()"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "the packages of shardmill are in different folders" in run.stderr
