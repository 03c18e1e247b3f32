"""The site of the documentation builds without a warning, and links of other pages lead somewhere."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "docs").rglob("*.ipynb"))
_NBCONVERT = (sys.executable, "-m", "nbconvert", "--execute", "--to", "notebook")
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/RESULTS.md")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def test_every_page_is_in_the_navigation(site: Path) -> None:
    index = (site / "index.html").read_text("utf-8")
    pages = {path.parent.relative_to(site).as_posix() for path in site.rglob("index.html")}
    missing = [page for page in pages - {"."} if f'href="{page}/"' not in index]
    assert missing == []


def test_the_reference_is_made_from_docstrings(site: Path) -> None:
    page = (site / "api" / "shards" / "index.html").read_text("utf-8")
    assert "Opens a shard on a local disk." in page
    assert 'id="schemas.shards.as_dataset"' in page


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    loaded = re.compile(
        r'<(?:script|img|link[^>]+rel="stylesheet")[^>]+(?:src|href)="(https?:[^"]+)"'
    )
    found = {
        url for path in site.rglob("*.html") for url in loaded.findall(path.read_text("utf-8"))
    }
    assert found == set()


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)
def test_notebooks_run(notebook: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [*_NBCONVERT, "--output-dir", str(tmp_path), str(notebook)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)
def test_notebooks_hold_what_they_printed(notebook: Path) -> None:
    cells = json.loads(notebook.read_text("utf-8"))["cells"]
    run = [cell["execution_count"] for cell in cells if cell["cell_type"] == "code"]
    assert run == list(range(1, len(run) + 1))
    kinds = [output["output_type"] for cell in cells for output in cell.get("outputs", ())]
    assert kinds
    assert "error" not in kinds


@pytest.mark.parametrize("page", PAGES)
def test_links_of_other_pages_lead_to_files(page: str) -> None:
    folder = (ROOT / page).parent
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", (ROOT / page).read_text("utf-8"))
    missing = {
        link for link in links if not link.startswith("http") and not (folder / link).exists()
    }
    assert missing == set()
