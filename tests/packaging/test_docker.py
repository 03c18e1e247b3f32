"""The image of workers: its steps are run in a virtual environment, or by Docker where it is."""

import dataclasses
import fnmatch
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")


def instructions(text: str = DOCKERFILE) -> list[tuple[str, str]]:
    """Returns the instructions of a Dockerfile, with their arguments on one line."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [tuple(line.split(None, 1)) for line in joined.splitlines() if line.strip()]  # type: ignore[misc]


def default(name: str) -> str:
    """Returns the default of an argument of the build."""
    [found] = re.findall(rf"^ARG {name}=(.*)$", DOCKERFILE, re.MULTILINE)
    return str(found).strip('"')


def in_context(path: str, ignore: str) -> bool:
    """Returns whether a file is sent to Docker: of the rules of .dockerignore the last wins."""
    sent = True
    parts = path.split("/")
    for line in ignore.splitlines():
        rule = line.removeprefix("!")
        if not line.strip() or line.startswith("#"):
            continue
        if rule.startswith("**/"):
            found = any(fnmatch.fnmatchcase(part, rule[3:]) for part in parts)
        else:
            found = fnmatch.fnmatchcase(parts[0], rule)
        if found:
            sent = line.startswith("!")
    return sent


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what Docker is sent of the files that lie here."""
    folder = tmp_path_factory.mktemp("context")
    ignore = (ROOT / ".dockerignore").read_text("utf-8")
    for top in sorted(ROOT.iterdir()):
        # Rules without a slash decide for all of a folder, so most need not be looked through.
        if not in_context(top.name, ignore):
            continue
        for path in [top] if top.is_file() else sorted(top.rglob("*")):
            name = path.relative_to(ROOT)
            if path.is_file() and in_context(name.as_posix(), ignore):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, folder / name)
    return folder


def test_context_holds_sources_alone(context: Path) -> None:
    assert {path.name for path in context.iterdir()} == {
        "LICENSE",
        "README.md",
        "constraints.txt",
        "pipelines",
        "pyproject.toml",
        "sample",
        "schemas",
        "setup.py",
        "trainer",
        "transforms",
    }
    found = [path for path in context.rglob("*") if path.is_file()]
    of_sources = [path for path in found if path.parent.name != "sample" and path.name != "LICENSE"]
    assert {path.suffix for path in of_sources} <= {
        ".j2",
        ".md",
        ".py",
        ".toml",
        ".txt",
        ".typed",
    }
    assert sum(path.stat().st_size for path in found) < 8 << 20


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("a.py", False),
        ("src/a.py", True),
        ("src/b/a.py", True),
        ("src/b/__pycache__/a.txt", False),
        ("src/a.pyc", False),
        ("source", False),
    ],
)
def test_rules_of_dockerignore(path: str, sent: bool) -> None:
    assert in_context(path, "# all but src\n*\n!src\n**/__pycache__\n**/*.pyc\n") is sent


def test_versions_are_those_that_are_tested() -> None:
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "constraints.txt").read_text(), re.M))
    assert default("BEAM") == pins["apache-beam"]
    images = [rest for name, rest in instructions() if name == "FROM"]
    assert images[0] == "apache/beam_python${PYTHON}_sdk:${BEAM} AS beam"
    assert images[1] == "python:${PYTHON}-slim AS base"


def test_a_runner_starts_the_program_of_beam() -> None:
    assert ("COPY", "--from=beam /opt/apache/beam /opt/apache/beam") in instructions()
    assert instructions()[-1] == ("ENTRYPOINT", '["/opt/apache/beam/boot"]')


def needed(requirements: Iterable[Requirement]) -> Iterator[str]:
    """Yields the names of all distributions that requirements bring along, as installed here."""
    ahead = [(each, extra) for each in requirements for extra in {"", *each.extras}]
    seen: set[tuple[str, str]] = set()
    while ahead:
        requirement, extra = ahead.pop()
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        if extra == "":
            yield name
        for line in importlib.metadata.requires(name) or []:
            inner = Requirement(line)
            if inner.marker is None or inner.marker.evaluate({"extra": extra}):
                ahead += [(inner, each) for each in {"", *inner.extras}]


@pytest.fixture(scope="module")
def worker_packages() -> set[str]:
    """What the image installs but for Shardmill itself."""
    try:
        found = {*needed([Requirement(f"shardmill[{default('EXTRAS')}]")])}
    except importlib.metadata.PackageNotFoundError as error:
        pytest.skip(f"the packages of a worker are not installed: {error.name}")
    return found - {"shardmill"}


def test_no_torch_is_installed(worker_packages: set[str]) -> None:
    assert {"apache-beam", "numba", "pyarrow", "dask", "distributed"} <= worker_packages
    assert "google-cloud-storage" in worker_packages
    assert not worker_packages & {"torch", "transformers", "datasets", "pytest", "boto3"}


def lend(name: str, site: Path) -> None:
    """Puts links to an installed distribution into a folder of packages."""
    found = importlib.metadata.distribution(name)
    tops = {path.parts[0] for path in found.files or []} - {"..", "__pycache__"}
    for top in tops:
        if not (site / top).exists():
            (site / top).symlink_to(found.locate_file(top))


@dataclasses.dataclass(kw_only=True)
class Container:
    """A folder and a virtual environment in which instructions are run instead.

    All stages share them, so what is copied from one to another is there already.

    Attributes:
      root: Stands for the root folder.
      venv: Stands for the installed Python.
      given: Arguments of the build.
      environment: Variables of the stages up to now.
    """

    root: Path
    venv: Path
    given: dict[str, str]
    environment: dict[str, str]

    def path(self, text: str) -> str:
        """Replaces absolute paths of the image by those in the folder."""
        return re.sub(
            r"(?<![\w.*])/(?=(?:sample|shardmill|source|warm|wheels)\b)", f"{self.root}/", text
        )

    def do(self, context: Path) -> None:
        folder = self.root
        for name, rest in instructions():
            if name in {"ARG", "ENV"}:
                key, _, value = rest.partition("=")
                value = self.given.get(key, value.strip('"'))
                self.environment[key] = self.path(value)
            elif name == "WORKDIR":
                folder = Path(self.path(rest))
                folder.mkdir(parents=True)
            elif name == "COPY":
                self._copy(rest, context, folder)
            elif name == "RUN":
                self.run(["sh", "-c", self.path(rest)], folder)
            elif name == "FROM":
                folder = self.root

    def _copy(self, rest: str, context: Path, folder: Path) -> None:
        *options, source, target = rest.split()
        if options == ["--from=beam"]:
            return
        if options:
            assert source == target
            assert Path(self.path(source)).exists()
        elif (context / source).is_dir():
            shutil.copytree(context / source, folder / self.path(target), dirs_exist_ok=True)
        else:
            Path(self.path(target)).mkdir(parents=True, exist_ok=True)
            shutil.copy(context / source, self.path(target))

    def run(self, command: list[str], folder: Path) -> str:
        """Runs a command; returns what it wrote."""
        done = subprocess.run(
            command,
            cwd=folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stdout}"
        return done.stdout


@pytest.fixture(scope="module")
def container(
    context: Path, worker_packages: set[str], tmp_path_factory: pytest.TempPathFactory
) -> Container:
    """The steps of the image, done where nothing is installed but what workers are to have."""
    root = tmp_path_factory.mktemp("root")
    venv = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    [site] = (venv / "lib").glob("python*/site-packages")
    for own in site.glob("setuptools*"):
        shutil.rmtree(own)
    for name in sorted({*worker_packages, "setuptools"}):
        lend(name, site)
    done = Container(
        root=root,
        venv=venv,
        given={"RECIPES": "roberta"},
        environment={
            "HOME": str(root),
            "PATH": f"{venv / 'bin'}{os.pathsep}{os.environ['PATH']}",
            # The versions of constraints.txt are here already; any other would have to be fetched.
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_NO_INDEX": "1",
            # pip takes this as --no-build-isolation: setuptools is here already, too.
            "PIP_NO_BUILD_ISOLATION": "0",
        },
    )
    done.do(context)
    return done


@pytest.mark.slow
def test_steps_of_the_image_can_be_done(container: Container) -> None:
    """Runs what a worker runs, by the installed package alone."""
    code = (
        "import apache_beam.runners.worker.sdk_worker_main, distributed, pipelines, sys\n"
        "import transforms.build.beam_build, transforms.read.beam_read, pipelines.run_build\n"
        "assert 'torch' not in sys.modules\n"
        "print(pipelines.__file__)"
    )
    said = container.run([str(container.venv / "bin" / "python"), "-I", "-c", code], container.root)
    assert said.splitlines()[-1].startswith(str(container.venv))


@pytest.mark.slow
def test_loops_are_compiled_ahead(container: Container) -> None:
    kernels = container.root / "shardmill" / "kernels"
    assert container.environment["NUMBA_CACHE_DIR"] == str(kernels)
    [folder] = kernels.iterdir()
    before = {path.name for path in folder.rglob("*")}
    assert any(name.endswith(".nbc") for name in before)
    warm = container.root / "warm"
    command = ["shardmill", "build", "roberta", "--input", str(container.root / "sample" / "*.txt")]
    command += ["--tokenizer", str(warm / "vocab.json"), "--output", str(warm / "again")]
    assert "compiling" not in container.run(command, container.root)
    assert {path.name for path in folder.rglob("*")} == before


def test_built_by_docker() -> None:
    """Where an engine runs and has the base images, or may fetch them."""
    if shutil.which("docker") is None:
        pytest.skip("no Docker")
    if subprocess.run(["docker", "info"], capture_output=True, check=False).returncode:
        pytest.skip("no engine of Docker runs")
    subprocess.run(["docker", "build", "-q", "-t", "shardmill-test", "."], cwd=ROOT, check=True)
    code = (
        "import apache_beam, pipelines.run_build, importlib.util as u; print(u.find_spec('torch'))"
    )
    run = ["docker", "run", "--rm", "--entrypoint", "python", "shardmill-test", "-c", code]
    said = subprocess.run(run, check=True, capture_output=True, text=True).stdout
    assert said.split() == ["None"]
