"""Installs a revision of this project in a virtual environment of its own, to compare with."""

import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from benchmarks.processes import ROOT

ENVIRONMENTS = ROOT / ".baselines"
"""Where they are kept, by commit."""


def commit_of(revision: str) -> str:
    """Returns the commit that a revision names, 12 digits.

    Raises:
      ValueError: if there is none.
    """
    command = ["git", "rev-parse", "--verify", "--short=12", f"{revision}^{{commit}}"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if found.returncode:
        raise ValueError(f"--baseline {revision}: this repository has no such revision")
    return found.stdout.strip()


def python_of(revision: str) -> Path:
    """Returns the interpreter of an environment with a revision installed; installs it if need be.

    Raises:
      ValueError: if there is no such revision.
      subprocess.CalledProcessError: if it cannot be installed.
    """
    environment = ENVIRONMENTS / commit_of(revision)
    python = environment / "bin" / "python"
    finished = environment / "installed"
    if finished.exists():
        return python
    shutil.rmtree(environment, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    with tempfile.TemporaryDirectory() as folder:
        archive, source = Path(folder, "source.tar"), Path(folder, "source")
        packed = ["git", "archive", "--output", str(archive), revision]
        subprocess.run(packed, cwd=ROOT, check=True)
        with tarfile.open(archive) as members:
            members.extractall(source, filter="data")
        install = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        constraints = source / "constraints.txt"
        subprocess.run([*install, "-c", str(constraints), str(source)], check=True)
    finished.touch()
    return python


def recipes_of(python: Path) -> frozenset[str]:
    """Returns the names of the recipes and mixtures of an installed revision."""
    code = "from transforms.objectives import MIXTURES, OBJECTIVES; print(*OBJECTIVES, *MIXTURES)"
    return frozenset(_output(python, code).split())


def _output(python: Path, code: str) -> str:
    with tempfile.TemporaryDirectory() as elsewhere:
        # Python puts the folder it is started in first, and this one has another revision.
        command = [str(python), "-c", code]
        return subprocess.run(
            command, cwd=elsewhere, capture_output=True, text=True, check=True
        ).stdout
