"""axe-core finds nothing on any page, narrow or wide, light or dark, and no page scrolls sideways.

Skipped without Chromium or axe-core; tests/unit/pipelines/report/test_structure.py needs neither.
"""

from pathlib import Path

import pytest

from tests.support.axe import axe_file, chromium, violations
from tests.support.report_pages import PAGES, page


@pytest.fixture(scope="module")
def tools() -> tuple[Path, str]:
    axe, browser = axe_file(), chromium()
    if axe is None or browser is None:
        pytest.skip("needs Chromium, and axe-core: npm install axe-core")
    return axe, browser


@pytest.mark.parametrize(("width", "dark"), [(400, False), (1280, True)])
def test_axe_finds_nothing(tools: tuple[Path, str], width: int, dark: bool) -> None:
    found = violations({name: page(name) for name in PAGES}, *tools, width=width, dark=dark)
    assert found == {name: [] for name in PAGES}


def test_axe_finds_what_is_wrong(tools: tuple[Path, str]) -> None:
    """The harness can fail: a picture without a name, weak text, and a page that is too wide."""
    wrong = (
        '<!doctype html><html lang="en"><title>t</title><main><h1>a</h1><div role="img"></div>'
        '<p style="color:#999">weak</p><p style="width:500px">wide</p></main>'
    )
    narrow, wide = (
        "; ".join(violations({"wrong": wrong}, *tools, width=width, dark=False)["wrong"])
        for width in (400, 1280)
    )
    assert "role-img-alt: " in narrow
    assert "color-contrast: " in narrow
    assert "scrolls sideways: " in narrow
    assert "scrolls sideways: " not in wide
